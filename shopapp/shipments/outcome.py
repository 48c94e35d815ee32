"""What becomes of a package: reported, refused, taken back. Writes its row, its order's timeline and the one incident.

One order has at most one open trouble about its packages. Everything joins the caller's transaction; no network.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.alerts import incidents
from shopapp.logs import event, redact
from shopapp.records import journal
from shopapp.records.models import Account, Order, Shipment, ShipmentState

log = logging.getLogger(__name__)
FAILED = "fulfillment_failed"
DAILY = timedelta(days=1)
# Causes under which nothing is sent before something changes in Shopify, or somebody asks for it.
STANDING = frozenset(("tracking_missing", "no_position"))
NOT_PERMITTED = "shipment_not_permitted"
CANCELLED, SWITCHED_OFF, ORDER_CANCELLED, REPORTED = (
    "fulfillment_cancelled",
    "switched_off",
    "order_cancelled",
    "reported_already",
)


def subject(order: Order) -> str:
    """How incidents and the journal call an order."""
    return f"order:{order.id}"


def note(s: Session, order: Order, event_key: str, words: str = "", **params: Any) -> None:
    """A dated line on the order's timeline. Tracking numbers stay out of it."""
    journal.note(s, order.shop_id, subject(order), event_key, words, **params)


def naming(s: Session, order: Order) -> dict[str, Any]:
    """What the texts about an order's packages need."""
    account = s.get_one(Account, order.account_id)
    return {
        "order_id": order.id,
        "remote_order_id": order.remote_order_id,
        "account_id": account.id,
        "label": account.label,
        "channel": order.channel,
        "site": order.site,
        "ship_by": order.ship_by.isoformat() if order.ship_by else "",
    }


def fail(s: Session, row: Shipment, order: Order, cause: str, words: str = "", **params: Any) -> None:
    """Not reported, for `cause` (a key of the alerts' causes). Tried again within a day unless that can lead nowhere."""
    words = redact(words)[:500]
    news = cause != NOT_PERMITTED or row.cause != cause  # looked at hourly: said once
    row.state, row.cause, row.cause_words, row.cause_params = ShipmentState.FAILED, cause, words, params
    row.due_at = None if cause in STANDING else clock.now() + DAILY
    if news:
        note(s, order, "shipment_failed", words, cause=cause, name=row.fulfillment_name, **params)
    incidents.open_(s, order.shop_id, FAILED, subject(order), {**naming(s, order), "cause": cause, **params}, words)
    event(log, "shipment_failed", order=order.id, shipment=row.id, cause=cause)


def sent(s: Session, row: Shipment, order: Order, how: str) -> None:
    """The marketplace has it. `how`: sent, or found there already."""
    now = clock.now()
    row.confirmed_at, row.confirmed_how, row.attempt, row.due_at = now, how, 0, None
    if row.state == ShipmentState.SUPERSEDED:  # a newer number was told while this one was on its way; that goes next
        return
    cancelled = row.cause == CANCELLED
    row.state = ShipmentState.SENT
    row.cause, row.cause_words, row.cause_params = "", "", {}
    note(s, order, "shipment_sent" if how == "sent" else "shipment_found", name=row.fulfillment_name)
    if cancelled:
        cancelled_after(s, row, order)
    settle(s, order, "sent")
    event(
        log,
        "shipment_sent",
        order=order.id,
        shipment=row.id,
        how=how,
        seconds=int((now - row.heard_at).total_seconds()),
    )


def cancelled_after(s: Session, row: Shipment, order: Order) -> None:
    """Cancelled in Shopify once the marketplace had it: what is left to do is the merchant's."""
    row.cause, row.due_at = CANCELLED, None
    note(s, order, "shipment_cancelled_there", name=row.fulfillment_name)


def withdraw(s: Session, row: Shipment, order: Order, cause: str) -> None:
    """It is not (or no longer) to be reported."""
    row.state, row.cause, row.cause_words, row.cause_params = ShipmentState.WITHDRAWN, cause, "", {}
    row.due_at = None
    note(s, order, f"shipment_withdrawn_{cause}", name=row.fulfillment_name)
    settle(s, order, "withdrawn")


def supersede(s: Session, row: Shipment, order: Order) -> None:
    """A newer tracking number of the same fulfillment takes its place. A send under way keeps its lease."""
    row.state, row.due_at = ShipmentState.SUPERSEDED, None
    row.cause, row.cause_words, row.cause_params = "", "", {}
    settle(s, order, "superseded")


def settle(s: Session, order: Order, how: str) -> None:
    """Close what is open about the order's packages, unless another one of them is refused as well."""
    s.flush()
    refused = select(Shipment.id).where(Shipment.order_id == order.id, Shipment.state == ShipmentState.FAILED)
    if s.scalar(refused.limit(1)) is None:
        incidents.resolve(s, order.shop_id, FAILED, subject(order), how)
