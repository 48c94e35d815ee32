"""A sale cancelled on the marketplace is cancelled in Shopify: once, its stock put back if we had taken it.

An order that another app made is left to that app. An order that was shipped cannot be cancelled; its timeline says so.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from marketplaces.errors import RemoteError
from shopapp import clock, verdict
from shopapp.logs import context, event
from shopapp.orders import lookup, outcome
from shopapp.records import db
from shopapp.records.models import Order, Shop
from shopapp.shopify_admin import tokens
from shopapp.work.claim import Claim, held, release

log = logging.getLogger(__name__)
PAUSED = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class _Task:
    shop_id: int
    domain: str
    gid: str
    ref: str
    restock: bool
    tried: bool
    note: str


def cancel(mine: Claim) -> None:
    """Mirror the claimed order's cancellation. A repeat looks first whether the order is cancelled already."""
    task = _begin(mine)
    if task is None:
        return
    with context(shop=task.domain, order=mine.id):
        try:
            admin = tokens.line(task.shop_id)
            if task.tried:
                there = lookup.read(admin, [task.ref])[task.ref]
                if there is not None and there.cancelled:
                    _done(mine, "cancelled_in_shopify")
                    return
            variables = {
                "orderId": task.gid,
                "reason": "CUSTOMER",
                "restock": task.restock,
                "refund": {"originalPaymentMethodsRefund": False},
                "note": task.note,
            }
            answer = admin.run("OrderCancel", variables)["orderCancel"]
        except RemoteError as error:
            _later(mine, error)
            return
    refusals = answer.get("orderCancelUserErrors") or []
    words = str(refusals[0].get("message") or "") if refusals else ""
    refused = bool(refusals) and "already" not in words.lower()
    _done(mine, "cancel_refused" if refused else "cancelled_in_shopify", words)


def _begin(mine: Claim) -> _Task | None:
    with db.writing() as s:
        row = held(s, Order, mine)
        if row is None or row.cancel_mirrored_at is not None:
            return None
        if row.bound_how == "prior":
            outcome.note(s, row, "cancel_left_to_other_app")
            row.cancel_mirrored_at = clock.now()
            release(row, None)
            return None
        shop = s.get_one(Shop, row.shop_id)
        if shop.paused_at is not None:
            release(row, clock.now() + PAUSED)
            return None
        task = _Task(
            shop.id,
            shop.domain,
            row.shopify_gid,
            row.ref,
            not row.backfill,
            row.attempt > 0,
            f"{row.remote_order_id}: cancelled on the marketplace",
        )
        # Counted before it is sent: whoever finds the row after a crash looks first.
        row.attempt += 1
        return task


def _done(mine: Claim, event_key: str, words: str = "") -> None:
    with db.writing() as s:
        row = held(s, Order, mine)
        if row is None:
            return
        outcome.note(s, row, event_key, words)
        row.cancel_mirrored_at = clock.now()
        outcome.settle_totals(s, row, "cancelled")
        release(row, None, attempt=0)
        event(log, event_key, order=row.id)


def _later(mine: Claim, error: RemoteError) -> None:
    with db.writing() as s:
        row = held(s, Order, mine)
        if row is None:
            return
        found = verdict.judge(error, "order", row.attempt)
        if found.shop_status is not None or found.incident:
            found = verdict.apply_shop(s, s.get_one(Shop, row.shop_id), error)
        release(row, clock.now() + found.delay)
