"""The intent: everything is checked once more, and that the order is about to be sent is committed beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from marketplaces.channels import registry
from marketplaces.data import Order as Sale
from marketplaces.errors import Rejected
from shopapp import clock
from shopapp.orders import absorb, outcome, positions, to_shopify
from shopapp.orders import job as jobs
from shopapp.orders.job import Job
from shopapp.orders.positions import Position
from shopapp.plans import gate, ledger, rates
from shopapp.records import db
from shopapp.records.memo import Memo
from shopapp.records.models import AccountSite, HeldReason, Order, OrderState, Shop
from shopapp.skus.match import Match
from shopapp.work.claim import LEASE, held, release

IN_FLIGHT = timedelta(seconds=5)
_NAMES: Memo[str] = Memo(timedelta(minutes=1))  # of sites
_SITE = select(AccountSite.name).where(
    AccountSite.account_id == bindparam("account"), AccountSite.site == bindparam("site")
)


def must_wait(s: Session, row: Order, shop: Shop, *, sure: bool = True) -> bool:
    """Hold the order when the shop is paused or over its plan; True when it was given back.

    `sure` counts what is being sent by others as well and needs the shop locked: right before a send. Without it only
    the ledger counts, which spares the look-up and the search of an order that will be held anyway.
    """
    if shop.paused_at is not None:
        outcome.hold(s, row, HeldReason.PAUSED)
    elif gate.allows(s, shop, row) if sure else ledger.has_room(s, shop):
        return False
    elif gate.refresh(s, shop).over:
        outcome.hold(s, row, HeldReason.PLAN)
    else:
        # Only what is being sent right now fills the rest of the plan: what becomes of that is known soon.
        release(row, clock.now() + IN_FLIGHT)
        return True
    release(row, None)
    return True


def commit(job: Job, matches: dict[str, Match]) -> dict[str, Any] | None:
    """Commit that this order is about to be sent; its variables. None when it must not be sent (now)."""
    with db.writing() as s:
        row = held(s, Order, job.mine)
        if row is None:
            return None
        shop = gate.locked(s, row.shop_id)
        if row.cancelled_at is not None:
            settle_cancelled(s, row)
            return None
        if row.remote_updated_at != job.version or row.state not in jobs.SENDABLE:
            release(row, clock.now() if row.due_at is not None else None)  # a newer version came: that one is sent
            return None
        assert job.sale is not None
        if row.state == OrderState.SENDING:
            absorb.fill(s, row, job.sale)  # what is kept of it was the version of the send that did not arrive
        found = positions.read(s, row, job.sale)
        if any(one.sku not in matches for one in found if one.sku and one.chosen is None):
            release(row, clock.now())  # mapped anew while we asked: it means something else now
            return None
        return intend(s, row, shop, replace(job, positions=found), matches)


def intend(s: Session, row: Order, shop: Shop, job: Job, matches: dict[str, Match]) -> dict[str, Any] | None:
    """The intent of a row that was read as `job` in this transaction; `shop` is `gate.locked`. As `commit` says."""
    if must_wait(s, row, shop):
        return None
    assert job.sale is not None
    try:
        variants = _chosen(s, row, job.positions, matches, job.sale)
        made = to_shopify.variables(job.sale, _making(s, row, shop, job.sale, variants))
    except Rejected as error:
        outcome.fail(s, row, error.reason or "other", error.words, **_params(error))
        release(row, row.due_at)
        return None
    now = clock.now()
    row.state, row.held_reason, row.sent_at, row.due_at = OrderState.SENDING, "", now, now + jobs.settle_time()
    row.sends, row.fence, row.lease_until = row.sends + 1, row.fence + 1, now + LEASE
    outcome.note(s, row, "order_sending", tries=row.sends)
    return made


class _SkuTrouble(Rejected):
    """SKUs that do not mean exactly one variant."""

    def __init__(self, reason: str, skus: list[str], count: int = 0) -> None:
        super().__init__("", reason=reason, field="sku")
        self.skus = skus
        self.count = count


def _params(error: Rejected) -> dict[str, Any]:
    if isinstance(error, _SkuTrouble):
        return {"skus": error.skus} | ({"count": error.count} if error.count else {})
    return {"field": error.field} if error.field else {}


def _chosen(s: Session, row: Order, found: Sequence[Position], matches: Mapping[str, Match], sale: Sale) -> list[str]:
    """One variant for every position, all or nothing; the row's lines remember which of them have theirs."""
    known = {one.key: one.chosen or (matches[one.sku].one if one.sku else None) for one in found}
    positions.remember(s, row, known)
    variants = [variant.gid for variant in known.values() if variant]
    if len(variants) == len(found):
        return variants
    missing = list(dict.fromkeys(one.sku for one in found if known[one.key] is None))
    if "" in missing:
        titles = [line.title for one, line in zip(found, sale.lines, strict=True) if known[one.key] is None]
        raise _SkuTrouble("no_sku", titles)
    unknown = [sku for sku in missing if not matches[sku].variants]
    if unknown:
        raise _SkuTrouble("sku_unknown", unknown)
    raise _SkuTrouble("sku_ambiguous", missing, max(len(matches[sku].variants) for sku in missing))


def _making(s: Session, row: Order, shop: Shop, sale: Sale, variants: list[str]) -> to_shopify.Making:
    channel = registry().get(row.channel)
    key = (row.account_id, row.site)
    site = _NAMES.get(key)
    if site is None:
        site = _NAMES.keep(key, s.scalars(_SITE, {"account": row.account_id, "site": row.site}).first() or "")
    rate = None
    if shop.currency and shop.currency != sale.currency:
        known = rates.rate(s, sale.currency, shop.currency, sale.created_at.date())
        rate = known[0] if known else None
    return to_shopify.Making(
        ref=row.ref,
        channel=row.channel,
        channel_name=channel.name if channel else row.channel,
        site_name=site,
        variants=variants,
        shop_currency=shop.currency,
        rate=rate,
        backfill=row.backfill,
        now=clock.now(),
        by_channel=row.by_channel,
    )


def settle_cancelled(s: Session, row: Order) -> None:
    """Cancelled before it could be created, and by now it is certain that it was not."""
    row.state = OrderState.RECEIVED
    outcome.cancelled(s, row, row.cancelled_at or clock.now())
    release(row, None)
