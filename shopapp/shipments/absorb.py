"""Takes what Shopify tells of an order into rows: new packages, changed tracking numbers, cancelled ones.

Joins the caller's transaction; the order's row is locked, so that two messages about it come one after the other. An
older answer never overwrites a newer one. Never touches the network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplaces.channel import Shipping
from marketplaces.channels import registry
from shopapp import clock
from shopapp.accounts import rules
from shopapp.records import db
from shopapp.records.models import JournalEntry, Order, OrderState, Shipment, ShipmentState
from shopapp.runtime import config
from shopapp.shipments import lines, outcome
from shopapp.shipments.told import CANCELLED, DONE, Fulfillment, Told

# Numbers that no person gives a package at the marketplace's own pages: those count from one.
FIRST_REFERENCE = 101
# So long a fulfillment may lack its tracking number before anybody is told: it is often added a little later.
GRACE = timedelta(minutes=10)
CURRENT = (*lines.COUNTED, ShipmentState.WITHDRAWN)


def settle_time() -> timedelta:
    """How long a send without an answer may still arrive."""
    return timedelta(seconds=config().number("SETTLE_SECONDS"))


def find(s: Session, shop_id: int, gid: str) -> Order | None:
    """The shop's order that is this one in Shopify, locked; None when it is none of ours."""
    found = select(Order).where(Order.shop_id == shop_id, Order.shopify_gid == gid).order_by(Order.id).limit(1)
    if db.locks_rows(s):
        found = found.with_for_update(key_share=True, of=Order)
    return s.scalars(found.execution_options(populate_existing=True)).first()


def order(s: Session, row: Order, told: Told) -> bool:
    """Bring the order's packages in line with what Shopify tells; whether one is due now."""
    _steps_to_take(s, row, told)
    shipping = shipping_of(row)
    if shipping is None:
        return False
    on = rules.of(s, row.account_id).send_shipments
    due = False
    for one in told.fulfillments:
        known = list(s.scalars(select(Shipment).where(Shipment.order_id == row.id).order_by(Shipment.id)))
        due = _take(s, row, known, one, shipping if on else None) or due
    return due


def shipping_of(row: Order) -> Shipping | None:
    """What its channel asks of a package; None where none is reported by us: made by another app, or shipped there."""
    if row.state != OrderState.IMPORTED or row.bound_how == "prior" or row.by_channel:
        return None
    channel = registry().get(row.channel)
    return channel.shipping if channel is not None else None


def _take(s: Session, row: Order, known: Sequence[Shipment], one: Fulfillment, shipping: Shipping | None) -> bool:
    """One fulfillment. `shipping` None: reporting is switched off. Whether its package is due now."""
    mine = [own for own in known if own.fulfillment_gid == one.gid]
    if mine and one.updated_at < max(own.heard_at for own in mine):
        return False
    if one.status == CANCELLED:
        for own in mine:
            _cancelled(s, own, row, one)
        return False
    if one.status != DONE:
        return False
    current = next((own for own in reversed(mine) if own.state in CURRENT), None)
    told = shipping_of(row)
    if current is not None and told is not None and not told.carries_tracking:
        current.key, current.tracking, current.carrier = one.key, one.tracking, one.carrier  # nobody is told of these
    if current is not None and current.key == one.key:
        return _again(s, row, current, one)
    return _package(s, row, known, current, one, shipping)


def _again(s: Session, row: Order, current: Shipment, one: Fulfillment) -> bool:
    """The same number as before; its carrier or its contents may have changed."""
    changed = one.carrier != current.carrier
    current.heard_at, current.carrier, current.fulfillment_name = one.updated_at, one.carrier, one.name
    if not changed or current.state == ShipmentState.WITHDRAWN:
        return False
    if current.state == ShipmentState.SENDING:
        current.due_at = max(clock.now(), (current.sent_at or clock.now()) + settle_time())
    else:
        current.due_at = clock.now()
    if current.state == ShipmentState.SENT:
        # What is there is no longer what was told: it is reported anew, not looked for.
        current.state, current.sends, current.cause = ShipmentState.WAITING, 0, ""
    outcome.note(s, row, "shipment_changed", name=one.name)
    return True


def _package(
    s: Session,
    row: Order,
    known: Sequence[Shipment],
    current: Shipment | None,
    one: Fulfillment,
    shipping: Shipping | None,
) -> bool:
    """A fulfillment that is new, or has another number than before."""
    others = [own for own in known if own.fulfillment_gid != one.gid]
    replaced = _replaced(others, one, row)
    rest = [own for own in others if own is not replaced and own.cause != outcome.CANCELLED]
    units, whole = lines.allot(one.parts, row.lines, lines.shipped(rest))
    before = current or replaced
    fresh = next((own for own in known if own.key == one.key), None)
    if fresh is None:
        fresh = Shipment(shop_id=row.shop_id, order_id=row.id, key=one.key, fulfillment_gid=one.gid)
        s.add(fresh)
    fresh.account_id, fresh.fulfillment_name = row.account_id, one.name
    fresh.reference = before.reference if before else _next_reference(known)
    fresh.tracking, fresh.carrier, fresh.lines = one.tracking, one.carrier, lines.packed(units)
    fresh.shipped_at, fresh.heard_at = one.created_at, one.updated_at
    fresh.state, fresh.sends, fresh.sent_at, fresh.attempt = ShipmentState.WAITING, 0, None, 0
    fresh.cause, fresh.cause_words, fresh.cause_params = "", "", {}
    fresh.confirmed_at, fresh.confirmed_how = None, ""
    fresh.due_at = _due(one, before, shipping)
    row.purged_at = None  # the number is personal: it is forgotten anew in its time
    s.flush()
    outcome.note(s, row, "shipment_changed" if current else "shipment_heard", name=one.name)
    if one.others:
        outcome.note(s, row, "shipment_more_numbers", name=one.name, count=one.others)
    for old in {own.id: own for own in (current, replaced) if own is not None and own is not fresh}.values():
        outcome.supersede(s, old, row)
    complete = not lines.ordered(row.lines) - (lines.shipped(rest) + units)
    return _ready(s, row, fresh, shipping, units, (whole, complete))


def _ready(
    s: Session, row: Order, fresh: Shipment, shipping: Shipping | None, units: Counter[str], about: tuple[bool, bool]
) -> bool:
    """`about`: whether every part could be told a position, and whether the whole order has left with this package."""
    whole, complete = about
    if shipping is None:
        outcome.withdraw(s, fresh, row, outcome.SWITCHED_OFF)
        return False
    if not units and whole:
        outcome.withdraw(s, fresh, row, outcome.REPORTED)
        return False
    if not units:
        outcome.fail(s, fresh, row, "no_position")
        return False
    if not shipping.parts and not complete:
        outcome.withdraw(s, fresh, row, lines.INCOMPLETE)
        return False
    return fresh.due_at is not None and fresh.due_at <= clock.now()


def _due(one: Fulfillment, before: Shipment | None, shipping: Shipping | None) -> datetime:
    due = clock.now()
    if shipping is not None and shipping.needs_tracking and not one.tracking:
        due += GRACE
    if before is not None and before.state == ShipmentState.SENDING and before.sent_at is not None:
        due = max(due, before.sent_at + settle_time())  # what is on its way arrives before what replaces it
    return due


def _next_reference(known: Sequence[Shipment]) -> int:
    return max((own.reference for own in known), default=FIRST_REFERENCE - 1) + 1


def _replaced(others: Sequence[Shipment], one: Fulfillment, row: Order) -> Shipment | None:
    """The reported package of a cancelled fulfillment whose units this one ships: its number is used again.

    People who correct a shipment cancel it and fulfil again; the marketplace then gets an edit, not a second package.
    """
    units, _ = lines.allot(one.parts, row.lines, Counter())
    free = (own for own in others if own.state == ShipmentState.SENT and own.cause == outcome.CANCELLED)
    return next((own for own in free if units.keys() & {str(line_id) for line_id, _ in own.lines or ()}), None)


def _cancelled(s: Session, own: Shipment, row: Order, one: Fulfillment) -> None:
    own.heard_at = one.updated_at
    match own.state:
        case ShipmentState.WAITING | ShipmentState.FAILED:
            outcome.withdraw(s, own, row, outcome.CANCELLED)
        case ShipmentState.SENDING:
            own.cause = outcome.CANCELLED  # what becomes of the send decides what is left to do
        case ShipmentState.SENT if own.cause != outcome.CANCELLED:
            outcome.cancelled_after(s, own, row)
        case ShipmentState.WITHDRAWN if own.cause == lines.INCOMPLETE:
            own.cause = outcome.CANCELLED
        case _:
            pass


# --- what the shop did to the order -----------------------------------------------------------------------------------


def _steps_to_take(s: Session, row: Order, told: Told) -> None:
    """Cancelled or refunded in Shopify: marketplaces offer apps no way to pass that on, so it is said once what to do."""
    if told.cancelled and row.cancelled_at is None and not noted(s, row, "cancelled_in_shop"):
        outcome.note(s, row, "cancelled_in_shop")
    if told.refunds and row.cancelled_at is None:
        before = {str((entry.params or {}).get("refund")) for entry in _entries(s, row, "refunded_in_shop")}
        for refund in told.refunds:
            if refund not in before:
                outcome.note(s, row, "refunded_in_shop", refund=refund)


def noted(s: Session, row: Order, event_key: str) -> bool:
    """Whether the order's timeline has such a line."""
    return bool(_entries(s, row, event_key))


def _entries(s: Session, row: Order, event_key: str) -> Sequence[JournalEntry]:
    found = select(JournalEntry).where(
        JournalEntry.shop_id == row.shop_id,
        JournalEntry.subject == outcome.subject(row),
        JournalEntry.event == event_key,
    )
    return s.scalars(found).all()
