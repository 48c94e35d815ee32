"""The counters of orders: written in the orders' own transaction, whatever code changed them; a recount is the truth.

What a transaction does to orders is added up while it is flushed and written as its very last statements, in one order
for everybody: whoever holds a counter waits for nothing any more, so counters can take part in no deadlock.
Orders are therefore changed through the session, never by a bulk statement over the columns that are counted here; a
test reads the product for such.
"""

from __future__ import annotations

import logging
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, case, event, func, literal, select
from sqlalchemy.orm import Session, SessionTransaction, UOWTransaction
from sqlalchemy.orm.attributes import get_history
from sqlalchemy.orm.base import PASSIVE_NO_INITIALIZE

from shopapp.logs import event as log_event
from shopapp.records import db
from shopapp.records.models.order import Order, OrderState
from shopapp.records.models.tally import OrderSlot, OrderTally

log = logging.getLogger(__name__)
COUNTED = ("account_id", "state", "cause", "held_reason", "remote_created_at")
STANDINGS = {
    OrderState.IMPORTED: "imported",
    OrderState.RECEIVED: "waiting",
    OrderState.SENDING: "waiting",
    OrderState.HELD: "waiting",
    OrderState.FAILED: "failed",
}
SLOT = 15  # minutes
_MOVES = "order_moves"
_TALLY, _SLOT = ("shop_id", "account_id", "state", "reason"), ("shop_id", "starts_at", "standing")

Moves = Counter[tuple[Any, ...]]


def slot_of(moment: datetime) -> datetime:
    """The start of the quarter of an hour that holds `moment`."""
    moment = moment.astimezone(UTC)
    return moment.replace(minute=moment.minute // SLOT * SLOT, second=0, microsecond=0)


def _counters(shop_id: int, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The keys of the counters in which an order with these values is counted, each after its table's name."""
    state = OrderState(values["state"])
    reason = values["cause"] if state == OrderState.FAILED else ""
    reason = values["held_reason"] if state == OrderState.HELD else reason
    keys: list[tuple[Any, ...]] = [("tally", shop_id, values["account_id"], state.value, str(reason or ""))]
    if state in STANDINGS:
        keys.append(("slot", shop_id, slot_of(values["remote_created_at"]), STANDINGS[state]))
    return keys


def _now(row: Order) -> dict[str, Any]:
    return {name: getattr(row, name) for name in COUNTED}


def _before(row: Order) -> dict[str, Any] | None:
    """What the counted columns were before this flush, None when none of them changed."""
    changed = {name: old[0] for name in COUNTED if (old := get_history(row, name, PASSIVE_NO_INITIALIZE).deleted)}
    return {**_now(row), **changed} if changed else None


@event.listens_for(Session, "after_flush")
def _collect(session: Session, _flushing: UOWTransaction) -> None:
    moves: Moves = Counter()
    for row in session.new:
        if isinstance(row, Order):
            moves.update(_counters(row.shop_id, {**_now(row), "cause": row.cause, "held_reason": row.held_reason}))
    for row in session.dirty:
        if isinstance(row, Order) and (before := _before(row)) is not None:
            moves.subtract(_counters(row.shop_id, before))
            moves.update(_counters(row.shop_id, _now(row)))
    for row in session.deleted:
        if isinstance(row, Order):
            moves.subtract(_counters(row.shop_id, _before(row) or _now(row)))
    if moves:
        _of(session, session.get_nested_transaction()).update(moves)


def _of(session: Session, transaction: SessionTransaction | None) -> Moves:
    """What was added up in this savepoint, or outside all of them."""
    moves: Moves = session.info.setdefault(_MOVES, {}).setdefault(transaction, Counter())
    return moves


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    nested = session.get_nested_transaction()
    if nested is None:
        session.info.pop(_MOVES, None)
    else:
        session.info.get(_MOVES, {}).pop(nested, None)


@event.listens_for(Session, "after_transaction_end")
def _savepoint_kept(session: Session, transaction: SessionTransaction) -> None:
    moves = session.info.get(_MOVES, {}).pop(transaction, None) if transaction.nested else None
    if moves:
        _of(session, session.get_nested_transaction()).update(moves)


@event.listens_for(Session, "before_commit")
def _write(session: Session) -> None:
    if session.get_nested_transaction() is not None:
        return
    session.flush()
    moves: Moves = session.info.pop(_MOVES, {}).pop(None, Counter())
    _add(session, moves)


def _add(s: Session, moves: Moves) -> None:
    for name, model, columns in (("tally", OrderTally, _TALLY), ("slot", OrderSlot, _SLOT)):
        found = sorted((key[1:], count) for key, count in moves.items() if key[0] == name and count)
        if found:
            rows = [dict(zip(columns, key, strict=True)) | {"orders": count} for key, count in found]
            db.add_up(s, model, rows, key=columns, total="orders")


def recount(s: Session, shop_id: int | None = None) -> int:
    """Compare the counters (of one shop, or of all) with the orders and repair what differs; how many differed.

    Counters and orders are read by one statement, so of one moment, and what is missing is added: changes that others
    commit meanwhile stay.
    """
    moves: Moves = Counter({key: truth - kept for key, kept, truth in differences(s, shop_id)})
    for key, missing in sorted(moves.items()):
        log_event(log, "order_count_drift", logging.ERROR, counter=str(key), missing=missing)
    _add(s, moves)
    return len(moves)


def recount_all() -> int:
    """Chore: `recount` of all shops, one transaction each; how many counters differed. Owns its transactions."""
    with db.reading() as s:
        shops = sorted(
            {*s.scalars(select(Order.shop_id).distinct()), *s.scalars(select(OrderTally.shop_id).distinct())}
        )
    found = 0
    for shop_id in shops:
        with db.writing() as s:
            found += recount(s, shop_id)
    return found


def differences(s: Session, shop_id: int | None = None) -> list[tuple[tuple[Any, ...], int, int]]:
    """(counter, what it says, what is true) where the two differ; [] when all is well."""
    wrong: list[tuple[tuple[Any, ...], int, int]] = []
    mine = () if shop_id is None else (Order.shop_id == shop_id,)
    for name, model, columns, true in (
        ("tally", OrderTally, _TALLY, _true_tallies()),
        ("slot", OrderSlot, _SLOT, _true_slots(s)),
    ):
        table: Any = model
        kept = select(*(getattr(table, one) for one in columns), literal(0).label("truth"), table.orders)
        kept = kept if shop_id is None else kept.where(table.shop_id == shop_id)
        both = kept.union_all(true.where(*mine)).subquery()
        keys = [both.c[one] for one in columns]
        truth, told = func.sum(both.c.truth), func.sum(both.c.orders)
        summed = select(*keys, told, truth).group_by(*keys).having(truth != told)
        wrong += [((name, *row[:-2]), int(row[-2]), int(row[-1])) for row in s.execute(summed)]
    return wrong


def _true_tallies() -> Any:
    reason = case(
        (Order.state == OrderState.FAILED, Order.cause), (Order.state == OrderState.HELD, Order.held_reason), else_=""
    )
    keys = (Order.shop_id, Order.account_id, Order.state, reason.label("reason"))
    return select(*keys, func.count().label("truth"), literal(0).label("orders")).group_by(*keys)


def _true_slots(s: Session) -> Any:
    standing: ColumnElement[str] = case(*((Order.state == state, name) for state, name in STANDINGS.items()))
    starts_at = db.floor_to_minutes(s, Order.remote_created_at, SLOT).label("starts_at")
    keys = (Order.shop_id, starts_at, standing.label("standing"))
    true = select(*keys, func.count().label("truth"), literal(0).label("orders"))
    return true.where(Order.state.in_(list(STANDINGS))).group_by(*keys)


def totals(s: Session, shop_id: int) -> list[OrderTally]:
    """All counters of the shop that are not at nothing."""
    return list(s.scalars(select(OrderTally).where(OrderTally.shop_id == shop_id, OrderTally.orders != 0)))
