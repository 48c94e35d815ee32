"""A sale cancelled on the marketplace is cancelled in Shopify: once, its stock put back if we had taken it.

Whether it is put back at all is the account's rule; where that is to ask, the cancellation waits for the answer.
An order that another app made is left to that app. An order that was shipped cannot be cancelled; its timeline says so.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from marketplaces.errors import RemoteError
from shopapp import clock, verdict
from shopapp.accounts import rules
from shopapp.alerts import incidents
from shopapp.logs import context, event
from shopapp.orders import lookup, outcome
from shopapp.records import db, journal
from shopapp.records.models import Order, OrderState, Restock, Shop
from shopapp.shopify_admin import tokens
from shopapp.work.claim import Claim, held, release

log = logging.getLogger(__name__)
PAUSED = timedelta(minutes=15)
ASKED = "restock_asked"


@dataclass(frozen=True, slots=True)
class _Task:
    shop_id: int
    domain: str
    gid: str
    ref: str
    restock: bool
    tried: bool
    note: str

    @property
    def done(self) -> str:
        """The event of its success."""
        return "cancelled_in_shopify" if self.restock else "cancelled_stock_left"


def asks(row: Order) -> bool:
    """Whether the order's cancellation waits for the merchant's answer about its stock."""
    return row.restock == Restock.ASK and row.cancelled_at is not None and row.cancel_mirrored_at is None


def answered(s: Session, row: Order, answer: str, user: str) -> bool:
    """The merchant's answer ("yes" or "no"); whether it was waited for. The caller rings "now" after its commit."""
    if row.state != OrderState.IMPORTED or not asks(row):
        return False
    row.restock, row.due_at = Restock(answer).value, clock.now()
    incidents.resolve(s, row.shop_id, ASKED, outcome.subject(row), "answered")
    outcome.note(s, row, f"restock_{row.restock}")
    journal.audit(s, row.shop_id, user, "restock_answered", outcome.subject(row), restock=row.restock)
    return True


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
                    _done(mine, task.done)
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
    _done(mine, "cancel_refused" if refused else task.done, words)


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
        restock = _restock(s, row)
        if restock is None:
            release(row, None)
            return None
        task = _Task(
            shop.id,
            shop.domain,
            row.shopify_gid,
            row.ref,
            restock,
            row.attempt > 0,
            f"{row.remote_order_id}: cancelled on the marketplace",
        )
        # Counted before it is sent: whoever finds the row after a crash looks first.
        row.attempt += 1
        return task


def _restock(s: Session, row: Order) -> bool | None:
    """Whether the stock is put back; None: the merchant is asked first. Decided once, whatever becomes of the rule."""
    if row.backfill:  # its stock was never taken
        return False
    if not row.restock:
        row.restock = rules.of(s, row.account_id).restock.value
    if row.restock == Restock.ASK:
        incidents.open_(s, row.shop_id, ASKED, outcome.subject(row), outcome.naming(s, row))
        outcome.note(s, row, "restock_asked")
        return None
    return row.restock == Restock.YES


def _done(mine: Claim, event_key: str, words: str = "") -> None:
    with db.writing() as s:
        row = held(s, Order, mine)
        if row is None:
            return
        outcome.note(s, row, event_key, words)
        row.cancel_mirrored_at = clock.now()
        outcome.settle_totals(s, row, "cancelled")
        incidents.resolve(s, row.shop_id, ASKED, outcome.subject(row), "cancelled")
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
