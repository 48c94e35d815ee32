"""A regular look at the shops' orders for what messages of fulfillments left out. Reads; `absorb` takes it in.

Each page is noted with where to go on. The time up to which everything was seen moves only at the end of a sweep.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session, defer

from marketplaces.errors import RemoteError
from shopapp import clock, verdict
from shopapp.logs import context, event
from shopapp.records import db
from shopapp.records.models import Account, Order, Shipment, Shop, ShopStatus, ShopSweep, SweepKind
from shopapp.shipments import absorb, hear, told
from shopapp.shopify_admin import tokens
from shopapp.shopify_admin.client import Admin
from shopapp.work.claim import LEASE, Claim, held, release

log = logging.getLogger(__name__)
EVERY = timedelta(minutes=15)
# Longer than an unanswered creation may take to be found: a fulfillment may be older than our knowing the order.
OVERLAP = timedelta(minutes=10)
FIRST = timedelta(days=2)  # how far the first sweep looks back
SECONDS = 20.0  # of the wall that one claim goes on
ENROLLED = 1000
PAGE = 50


def only() -> Iterable[ColumnElement[bool]]:
    """Of the sweeps, those of this kind."""
    return (ShopSweep.kind == SweepKind.FULFILLMENTS,)


def enrol() -> int:
    """Give every shop with an account its row (a chore), and wake those of shops that came back; how many are new."""
    total = 0
    while True:
        with db.writing() as s:
            known = select(ShopSweep.shop_id).where(ShopSweep.kind == SweepKind.FULFILLMENTS)
            alive = select(Shop.id).where(Shop.status == ShopStatus.ACTIVE)
            lacking = select(Account.shop_id).where(Account.take_over_at.is_not(None), Account.shop_id.not_in(known))
            found = lacking.where(Account.shop_id.in_(alive)).distinct().order_by(Account.shop_id).limit(ENROLLED)
            ids = list(s.scalars(found))
            rows = [{"shop_id": shop_id, "kind": SweepKind.FULFILLMENTS, "due_at": clock.now()} for shop_id in ids]
            db.upsert(s, ShopSweep, rows, key=["shop_id", "kind"])
            asleep = (
                ShopSweep.kind == SweepKind.FULFILLMENTS,
                ShopSweep.due_at.is_(None),
                ShopSweep.shop_id.in_(alive),
            )
            s.execute(update(ShopSweep).where(*asleep).values(due_at=clock.now()))
        total += len(ids)
        if len(ids) < ENROLLED:
            return total


def due_sweep(mine: Claim) -> None:
    """Go on with the claimed shop's sweep, or begin one. Owns its transactions."""
    begun = _begin(mine)
    if begun is None:
        return
    shop_id, since = begun
    ends = clock.monotonic() + SECONDS
    with context(shop=shop_id):
        while True:
            try:
                admin = tokens.line(shop_id)
                admin.patient = True
                more = _page(mine, admin, shop_id, since)
            except RemoteError as error:
                _later(mine, error)
                return
            if not more:
                return
            if clock.monotonic() >= ends:
                _pause(mine)
                return


def _begin(mine: Claim) -> tuple[int, datetime] | None:
    with db.writing() as s:
        row = held(s, ShopSweep, mine)
        if row is None:
            return None
        now, shop = clock.now(), s.get_one(Shop, row.shop_id)
        if shop.status != ShopStatus.ACTIVE or shop.paused_at is not None:
            release(row, None if shop.status == ShopStatus.UNINSTALLED else now + EVERY)
            return None
        if row.began_at is None or not row.page_token:
            row.began_at, row.page_token = now, ""
        return shop.id, (row.cursor_at or row.began_at - FIRST) - OVERLAP


def _page(mine: Claim, admin: Admin, shop_id: int, since: datetime) -> bool:
    """One page of orders, each taken in that shows something new. Whether this claim asks for the next page."""
    with db.reading() as s:
        row = s.get(ShopSweep, mine.id)
        after = row.page_token if row is not None else ""
    wish = {"q": f"updated_at:>='{since.isoformat(timespec='seconds')}'", "first": PAGE, "after": after or None}
    answer = admin.run("OrdersUpdatedSince", wish)["orders"]
    nodes = [one for one in answer.get("nodes") or () if isinstance(one, dict)]
    with db.reading() as s:
        fresh = _news(s, shop_id, nodes)
    for gid in fresh:
        hear.read(admin, shop_id, gid)
    info = answer.get("pageInfo") or {}
    token = str(info.get("endCursor") or "") if info.get("hasNextPage") else ""
    with db.writing() as s:
        row = held(s, ShopSweep, mine)
        if row is None:
            return False
        row.words = ""
        if token:
            row.page_token, row.lease_until = token[:500], clock.now() + LEASE
            return True
        event(log, "fulfillments_swept", shop=shop_id, orders=len(nodes), news=len(fresh))
        row.cursor_at, row.page_token, row.ended_at = row.began_at, "", clock.now()
        row.began_at = None
        release(row, clock.now() + EVERY, attempt=0)
        return False


def _news(s: Session, shop_id: int, nodes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Of these orders those of ours that tell something we do not know yet."""
    by_gid = {str(one.get("id")): one for one in nodes}
    ours = select(Order).where(Order.shop_id == shop_id, Order.shopify_gid.in_(list(by_gid)))
    rows = s.scalars(ours.options(defer(Order.payload))).all()
    heard: dict[tuple[int, str], list[Shipment]] = {}
    for own in s.scalars(select(Shipment).where(Shipment.order_id.in_([row.id for row in rows])).order_by(Shipment.id)):
        heard.setdefault((own.order_id, own.fulfillment_gid), []).append(own)
    return [row.shopify_gid for row in rows if _tells(s, row, by_gid[row.shopify_gid], heard)]


def _tells(
    s: Session, row: Order, node: Mapping[str, Any], heard: Mapping[tuple[int, str], Sequence[Shipment]]
) -> bool:
    if row.cancelled_at is None:
        if node.get("cancelledAt") and not absorb.noted(s, row, "cancelled_in_shop"):
            return True
        refunded = node.get("displayFinancialStatus") in told.REFUNDED
        if refunded and not absorb.noted(s, row, "refunded_in_shop"):
            return True
    if absorb.shipping_of(row) is None:
        return False
    return any(_news_of(one, heard.get((row.id, str(one.get("id"))), ())) for one in node.get("fulfillments") or ())


def _news_of(one: Mapping[str, Any], known: Sequence[Shipment]) -> bool:
    """Whether a fulfillment is new or changed. Shopify tells whole seconds: another number in the same one is news too."""
    if not known:
        return one.get("status") == told.DONE
    if told.moment(str(one.get("updatedAt"))) > max(own.heard_at for own in known):
        return True
    current = [own for own in known if own.state in absorb.CURRENT]
    key = told.key_of(str(one.get("id")), told.first_of(one)[1])
    return one.get("status") == told.DONE and key not in [own.key for own in current]


def _pause(mine: Claim) -> None:
    with db.writing() as s:
        row = held(s, ShopSweep, mine)
        if row is not None:
            release(row, clock.now())


def _later(mine: Claim, error: RemoteError) -> None:
    with db.writing() as s:
        row = held(s, ShopSweep, mine)
        if row is None:
            return
        found = verdict.apply_shop(s, s.get_one(Shop, row.shop_id), error)
        if found.item == "fail" or row.attempt >= 3:
            row.page_token, row.began_at = "", None  # the page token is no longer taken: from the first page
        row.words = verdict.words_of(error)[:500]
        release(row, clock.now() + min(found.delay, EVERY), attempt=row.attempt + 1)
