"""What Shopify's answers mean for a shop as a whole, and how a success undoes it. Joins the caller's transaction."""

from __future__ import annotations

import logging
from datetime import timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.alerts import incidents
from shopapp.logs import event
from shopapp.records import journal
from shopapp.records.memo import Memo
from shopapp.records.models import Incident, Shop, ShopStatus
from shopapp.verdict.table import OPENING, OURS, PERMISSION, Verdict, judge, words_of

log = logging.getLogger(__name__)
# A busy shop answers a hundred times a second; what another process opens is resolved by the next answer but one.
_NOTHING_OPEN: Memo[bool] = Memo(timedelta(seconds=1))
_OPEN_ABOUT_IT = select(Incident.kind).where(
    Incident.shop_id == bindparam("mine"), Incident.subject == "shop", Incident.resolved_at.is_(None)
)


def apply_shop(s: Session, shop: Shop, error: Exception) -> Verdict:
    """Write what an answer of Shopify means for the shop: its status and incident. The caller deals with its item."""
    found = judge(error, "shop", shop.attempt)
    if shop.status == ShopStatus.UNINSTALLED:
        return found
    if found.shop_status is not None and shop.status != found.shop_status:
        before, shop.status, shop.status_words = str(shop.status), found.shop_status, words_of(error)
        shop.due_at = clock.now() + found.delay
        journal.note(s, shop.id, "shop", "shop_paused", words_of(error), before=before, now=str(found.shop_status))
        event(log, "shop_paused", logging.WARNING, shop=shop.id, before=before, now=str(found.shop_status))
    if found.shop_status == ShopStatus.FROZEN:  # a shop that cannot act is told nothing
        incidents.resolve(s, shop.id, OPENING, "shop", "frozen")
    if found.incident:
        _NOTHING_OPEN.drop(shop.id)
        code = getattr(error, "code", "")
        params = {"what": found.cause, "cause": found.cause, "code": code, "account_id": ""}
        params |= {"channel": "Shopify", "label": "Shopify"}
        incidents.open_(s, shop.id, found.incident, "shop", params, words_of(error))
    return found


def shop_works(s: Session, shop: Shop, *, permitted: bool = False) -> None:
    """Shopify answered with our token: the shop is active again and what was open about it is resolved.

    `permitted` tells that no scope is missing, which one good answer alone does not prove.
    """
    if shop.status in (ShopStatus.NEEDS_OPENING, ShopStatus.FROZEN):
        before, shop.status, shop.status_words = str(shop.status), ShopStatus.ACTIVE, ""
        journal.note(s, shop.id, "shop", "shop_works", before=before)
        event(log, "shop_works", shop=shop.id, before=before)
    if _NOTHING_OPEN.get(shop.id):
        return
    healed = {OPENING, OURS, PERMISSION} if permitted else {OPENING, OURS}
    # One look finds out whether anything is open; mostly nothing is.
    found = set(s.scalars(_OPEN_ABOUT_IT, {"mine": shop.id}))
    for kind in healed & found:
        incidents.resolve(s, shop.id, kind, "shop", "works_again")
    if not found:
        _NOTHING_OPEN.keep(shop.id, True)
