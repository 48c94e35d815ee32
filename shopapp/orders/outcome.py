"""What becomes of an order: bound, failed, held, cancelled. Writes the row, its journal, its incident and the ledger.

Everything joins the caller's transaction. Decides nothing about when to send; never touches the network.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Session

from marketplaces.channels import registry
from marketplaces.data import Money
from shopapp import clock
from shopapp.accounts import rules
from shopapp.alerts import incidents
from shopapp.logs import event, redact
from shopapp.orders import stored
from shopapp.plans import gate, ledger
from shopapp.records import db, journal
from shopapp.records.memo import Memo
from shopapp.records.models import Account, HeldReason, Order, OrderState, Shop

log = logging.getLogger(__name__)
FAILED, HELD_UNKNOWN, TOTALS = "order_import_failed", "order_held_unknown", "totals_differ"
DAILY = timedelta(days=1)
# After a product changed: Shopify's search learns of it a little later, so the order is looked at again in steps.
RECHECK = {3: timedelta(seconds=5), 2: timedelta(seconds=15), 1: timedelta(seconds=30)}
FRESH = timedelta(minutes=2)
ASKED_SOON = timedelta(minutes=2)  # longer than a send without an answer takes to arrive
ABOUT = timedelta(seconds=5)  # an account's last import is known this well
_MARKED: Memo[bool] = Memo(ABOUT)
SKU_CAUSES = ("sku_unknown", "sku_ambiguous")
Bound = Literal["created", "found", "prior"]


def subject(row: Order) -> str:
    """How incidents and journal call an order."""
    return f"order:{row.id}"


def note(s: Session, row: Order, event_key: str, words: str = "", **params: Any) -> None:
    """A dated line on the order's timeline. What the words quote of the buyer is left out."""
    said = stored.without_buyer(words, row.payload) if words else ""
    journal.note(s, row.shop_id, subject(row), event_key, said, **params)


def naming(s: Session, row: Order) -> dict[str, Any]:
    """What the texts about an order need to name it."""
    account = s.get_one(Account, row.account_id)
    return {
        "order_id": row.id,
        "remote_order_id": row.remote_order_id,
        "account_id": account.id,
        "label": account.label,
        "channel": row.channel,
        "site": row.site,
    }


def fail(s: Session, row: Order, cause: str, words: str = "", **params: Any) -> None:
    """Definitely not created, for `cause` (a key of the alerts' causes). Tried again within a day by itself."""
    words = redact(stored.without_buyer(words, row.payload))[:500]
    left = int((row.cause_params or {}).get("rechecks", 0)) or _fresh_catalogue(s, row, cause)
    row.state, row.held_reason = OrderState.FAILED, ""
    row.cause, row.cause_words = cause, words
    row.cause_params = {**params, "rechecks": left - 1} if left > 0 else params
    # Without its buyer it would be fetched anew for each try: from then on somebody asks for it.
    row.due_at = clock.now() + RECHECK.get(left, DAILY) if row.purged_at is None else None
    note(s, row, "order_failed", words, cause=cause, **params)
    incidents.open_(s, row.shop_id, FAILED, subject(row), {**naming(s, row), "cause": cause, **params}, words)
    event(log, "order_failed", order=row.id, shop=row.shop_id, cause=cause)


def _fresh_catalogue(s: Session, row: Order, cause: str) -> int:
    """How often to look again because a product changed a moment ago and the search may not know it yet."""
    changed_at = s.get_one(Shop, row.shop_id).catalogue_at
    fresh = changed_at is not None and clock.now() - changed_at < FRESH
    return len(RECHECK) if fresh and cause in SKU_CAUSES and row.cause != cause else 0


def hold(s: Session, row: Order, reason: HeldReason) -> None:
    """Let it wait. Only an order of an unknown state is told about; the others say so on their page."""
    if (row.state, row.held_reason) != (OrderState.HELD, reason):
        note(s, row, "order_held", reason=reason.value)
    if row.cause:  # it had failed and was about to be tried again: what comes of that is seen when it goes on
        settle(s, row, "held")
    row.state, row.held_reason, row.due_at = OrderState.HELD, reason, None
    if reason == HeldReason.UNKNOWN:
        params = {**naming(s, row), "remote_state": row.remote_state}
        incidents.open_(s, row.shop_id, HELD_UNKNOWN, subject(row), params, row.remote_state)


def await_word(s: Session, row: Order, account: Account) -> None:
    """It waits for the seller's acceptance, which is given at once where the rule says so (see `accept`)."""
    was_due = row.due_at
    hold(s, row, HeldReason.ACCEPTANCE)
    channel = registry().get(account.channel)
    if channel is None or not channel.accepts:
        return
    if row.accept_asked_at is None and not row.backfill and rules.of(s, account.id).accept_orders:
        row.accept_asked_at = clock.now()
    if row.accept_asked_at is not None:
        row.due_at = was_due or clock.now()


def settle(s: Session, row: Order, how: str) -> None:
    """No longer failed nor of an unknown state: close what was open about it."""
    row.cause, row.cause_words, row.cause_params = "", "", {}
    for kind in (FAILED, HELD_UNKNOWN):
        incidents.resolve(s, row.shop_id, kind, subject(row), how)


def settle_totals(s: Session, row: Order, how: str) -> None:
    """The totals no longer matter, or somebody has seen to them."""
    incidents.resolve(s, row.shop_id, TOTALS, subject(row), how)


def bind(s: Session, row: Order, shop: Shop, gid: str, name: str, how: Bound, total: Money | None) -> None:
    """It is in Shopify as `gid`. Books the usage unless another app had made it; says so when the totals differ."""
    now = clock.now()
    had_cause = bool(row.cause)
    row.state, row.held_reason, row.due_at, row.attempt = OrderState.IMPORTED, "", None, 0
    row.shopify_gid, row.shopify_name, row.bound_how, row.imported_at = gid, name, how, now
    if had_cause:
        settle(s, row, "imported")
    note(s, row, "order_imported", how=how, name=name)
    if total is not None:
        row.shopify_total_minor = total.minor
        if (total.minor, total.currency) != (row.total_minor, row.currency):
            sums = {"shopify": str(total), "marketplace": str(Money(row.total_minor, row.currency))}
            note(s, row, "totals_differ", **sums)
            incidents.open_(s, row.shop_id, TOTALS, subject(row), {**naming(s, row), **sums})
            event(log, "totals_differ", logging.WARNING, order=row.id)
    _mark_account(s, row.account_id, now)
    if how != "prior":
        ledger.book(s, row)
    if row.cancelled_at is not None:
        cancelled(s, row, row.cancelled_at)
    if how != "prior":
        gate.booked(s, shop)
    event(log, "order_imported", order=row.id, shop=shop.id, how=how, seconds=int((now - row.found_at).total_seconds()))


def _mark_account(s: Session, account_id: int, now: datetime) -> None:
    """Its last import. Not while a poll holds the account and waits for this order: one of the two would be undone."""
    if _MARKED.get(account_id):
        return
    _MARKED.keep(account_id, True)
    mark = _marking(db.locks_rows(s))
    s.connection().execute(mark, {"mine": account_id, "older_than": now - ABOUT, "imported": now})


@cache
def _marking(locking: bool) -> Any:
    accounts: Any = Account.__table__
    at = accounts.c.imported_at
    older = or_(at.is_(None), at < bindparam("older_than", type_=at.type))
    free = select(accounts.c.id).where(accounts.c.id == bindparam("mine"), older)
    if locking:
        free = free.with_for_update(skip_locked=True, key_share=True)
    return update(accounts).where(accounts.c.id.in_(free)).values(imported_at=bindparam("imported", type_=at.type))


def cancelled(s: Session, row: Order, at: datetime) -> None:
    """Cancelled on the marketplace: credited and mirrored if it is in Shopify, never created if it is not."""
    row.cancelled_at = row.cancelled_at or at
    if row.state == OrderState.SENDING or (row.state == OrderState.FAILED and row.sends):
        note(s, row, "cancelled_while_sending")  # whether it is there is found out first; then this is asked again
        row.due_at = row.due_at and min(row.due_at, clock.now() + ASKED_SOON)
        return
    if row.state == OrderState.IMPORTED:
        ledger.credit(s, row)
        s.flush()
        gate.refresh(s, s.get_one(Shop, row.shop_id))
        note(s, row, "cancelled_on_marketplace")
        row.due_at = clock.now()
        return
    row.due_at, row.held_reason = None, ""
    if row.state == OrderState.IGNORED:
        return
    row.state = OrderState.CANCELLED
    settle(s, row, "cancelled")
    note(s, row, "cancelled_before_import")


def ignore(s: Session, row: Order, reason: str) -> None:
    """Not for this app, or not now; a backfill may still pick it up."""
    row.state, row.ignore_reason, row.held_reason, row.due_at = OrderState.IGNORED, reason, "", None
    settle(s, row, "ignored")
    note(s, row, "order_ignored", reason=reason)
