"""A shop's row when it is due: fresh facts once a day (which keeps idle tokens alive), probes while it is paused."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from marketplaces.errors import RemoteError
from shopapp import clock, runtime, verdict
from shopapp.alerts import incidents
from shopapp.records import db
from shopapp.records.models import Shop, ShopStatus
from shopapp.shopify_admin import auth, tokens
from shopapp.shops import facts
from shopapp.work.claim import Claim, held, release

DAILY = timedelta(days=1)
HOURLY = timedelta(hours=1)


def due_shop(mine: Claim) -> None:
    """Look after one shop. A visit of the merchant does the same sooner; an answer from Shopify heals its status."""
    with db.writing() as s:
        shop = held(s, Shop, mine)
        if shop is None:
            return
        if shop.status == ShopStatus.UNINSTALLED:
            release(shop, None)
            return
    try:
        refresh_facts(mine.id)
    except RemoteError as error:
        with db.writing() as s:
            shop = held(s, Shop, mine)
            if shop is not None:
                found = verdict.apply_shop(s, shop, error)
                wait = DAILY if shop.status == ShopStatus.NEEDS_OPENING else found.delay
                release(shop, clock.now() + wait, attempt=shop.attempt + int(found.used_attempt))
        return
    with db.writing() as s:
        shop = held(s, Shop, mine)
        if shop is not None:
            release(shop, clock.now() + DAILY, attempt=0)


def refresh_facts(shop_id: int, *, interactive: bool = False) -> None:
    """Read profile, locations and scopes again, define the order reference, and note that the shop works. Network."""
    admin = tokens.line(shop_id)
    told = facts.read(admin, interactive=interactive)
    told["scopes"] = facts.read_scopes(admin, interactive=interactive)
    with db.writing() as s:
        shop = s.get_one(Shop, shop_id)
        facts.save(s, shop, told)
        verdict.shop_works(s, shop)
        complete = tell_scopes(s, shop)
    if not complete:
        return
    if facts.define_reference(admin, interactive=interactive):  # time and again: it may have been taken away
        with db.writing() as s:
            s.get_one(Shop, shop_id).ref_definition_at = clock.now()


def tell_scopes(s: Session, shop: Shop) -> bool:
    """Open or resolve the incident about missing scopes, as the row says; whether all are granted."""
    missing = auth.missing_scopes(shop.scopes, runtime.config().scopes)
    if not missing:
        incidents.resolve(s, shop.id, "permission_missing", "shop", "granted")
        return True
    what = ", ".join(missing)
    params = {"what": what, "cause": "missing", "label": "Shopify", "channel": "Shopify"}
    incidents.open_(s, shop.id, "permission_missing", "shop", params)
    return False
