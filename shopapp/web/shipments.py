"""The packages of one order on its page, *Send tracking again*, and the question about a cancelled order's stock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, g, redirect, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from marketplaces.channels import registry
from shopapp import clock
from shopapp.alerts import wording
from shopapp.i18n import N_
from shopapp.orders import mirror
from shopapp.records import db
from shopapp.records.models import Order, Shipment, ShipmentState
from shopapp.shipments import absorb, again, lines, outcome
from shopapp.web.presentation import _, language
from shopapp.work import bell

blueprint = Blueprint("shipments", __name__)
BADGES: dict[str, tuple[str, str]] = {
    ShipmentState.WAITING: ("info", N_("Waiting to be sent")),
    ShipmentState.SENDING: ("info", N_("Being sent")),
    ShipmentState.SENT: ("success", N_("Accepted")),
    ShipmentState.FAILED: ("critical", N_("Not accepted")),
    ShipmentState.SUPERSEDED: ("neutral", N_("Replaced by a newer number")),
    ShipmentState.WITHDRAWN: ("neutral", N_("Not sent")),
}
# Why a package is not sent, or what is left to do about one that was.
REASONS: dict[str, str] = {
    outcome.CANCELLED: N_("It was cancelled in Shopify."),
    outcome.SWITCHED_OFF: N_("Sending shipments is switched off for this account."),
    outcome.ORDER_CANCELLED: N_("The order was cancelled on the marketplace."),
    lines.INCOMPLETE: N_("The marketplace knows an order only as a whole: it is told with its last package."),
    outcome.REPORTED: N_("These units are in another package already; the marketplace takes each unit once."),
}
CANCELLED_THERE = N_("It was cancelled in Shopify after it was sent. Change or cancel it on the marketplace by hand.")


@dataclass(frozen=True, slots=True)
class Shown:
    """One package: its badge, tracking, carrier in the merchant's words and as it is called there, and why it stands."""

    row: Shipment
    tone: str
    badge: str
    carrier: str
    there: str
    units: int
    reason: str
    cause: wording.Wording | None
    at: datetime | None
    watched: bool


@dataclass(frozen=True, slots=True)
class Packages:
    """The section of an order's page. `sendable`: *Send tracking again* has something to do. `carries`: the marketplace
    takes tracking numbers at all.
    """

    rows: list[Shown]
    sendable: bool
    watched: bool
    steps: list[str]
    asks: bool
    carries: bool = True


def gather(s: Session, order: Order) -> Packages:
    """All that the page shows of the order's packages."""
    found = select(Shipment).where(Shipment.shop_id == order.shop_id, Shipment.order_id == order.id)
    rows = [_shown(s, order, row) for row in s.scalars(found.order_by(Shipment.id))]
    again_for = (ShipmentState.WAITING, ShipmentState.FAILED, ShipmentState.SENT)
    sendable = any(one.row.state in again_for or one.row.cause in again.OVERRULED for one in rows)
    shipping = absorb.shipping_of(order)
    carries = shipping is None or shipping.carries_tracking
    return Packages(rows, sendable, any(one.watched for one in rows), _steps(s, order), mirror.asks(order), carries)


def _shown(s: Session, order: Order, row: Shipment) -> Shown:
    tone, text = BADGES.get(row.state, ("neutral", row.state))
    channel = registry().get(order.channel)
    called = channel.carrier(row.carrier) if channel is not None and channel.shipping is not None else None
    there = ""
    if called is not None and called.known:
        there = called.name if called.name != row.carrier else ""
    elif called is not None and row.carrier:
        there = f"{called.code} ({called.name})"
    reason = _(REASONS[row.cause]) if row.state == ShipmentState.WITHDRAWN and row.cause in REASONS else ""
    if row.state == ShipmentState.SENT and row.cause == outcome.CANCELLED:
        reason = _(CANCELLED_THERE)
    due = row.due_at is not None and row.due_at <= clock.now() + absorb.GRACE
    waits = row.state == ShipmentState.WAITING and due
    if waits and not row.tracking and channel is not None and channel.shipping and channel.shipping.needs_tracking:
        reason = _("It waits a few minutes for its tracking number.")
    return Shown(
        row=row,
        tone=tone,
        badge=_(text),
        carrier=row.carrier,
        there=there,
        units=sum(int(quantity) for _line, quantity in row.lines or ()),
        reason=reason,
        cause=_cause(s, order, row),
        at=row.confirmed_at or row.due_at,
        watched=row.state == ShipmentState.SENDING
        or (due and row.state in (ShipmentState.WAITING, ShipmentState.FAILED)),
    )


def _cause(s: Session, order: Order, row: Shipment) -> wording.Wording | None:
    if row.state != ShipmentState.FAILED or not row.cause:
        return None
    params = {**outcome.naming(s, order), **(row.cause_params or {}), "cause": row.cause}
    return wording.describe(language(), outcome.FAILED, params, row.cause_words, outcome.subject(order))


def _steps(s: Session, order: Order) -> list[str]:
    """What was done in Shopify and cannot be passed on: the merchant does it at the marketplace."""
    channel = wording.channel_name(order.channel)
    steps = []
    if absorb.noted(s, order, "cancelled_in_shop") and order.cancelled_at is None:
        steps.append(_("Cancelled in Shopify: cancel the order at %(channel)s as well.", channel=channel))
    if absorb.noted(s, order, "refunded_in_shop") and order.cancelled_at is None:
        steps.append(_("Refunded in Shopify: refund the buyer at %(channel)s as well.", channel=channel))
    return steps


def _of_shop(s: Session, order_id: int) -> Order:
    row = s.scalars(select(Order).where(Order.shop_id == g.shop_id, Order.id == order_id)).one_or_none()
    return row if row is not None else abort(404)


@blueprint.post("/orders/<int:order_id>/shipments")
def send_again(order_id: int) -> Response:
    """*Send tracking again*: the packages are queued; the page shows what becomes of them."""
    with db.writing() as s:
        _of_shop(s, order_id)
        count = again.send_again(s, g.shop_id, order_id, g.visitor.user_id)
    if not count:
        abort(409)
    bell.ring("now")
    return redirect(f"/orders/{order_id}?done=tracking_queued", 303)


@blueprint.post("/orders/<int:order_id>/restock")
def restock(order_id: int) -> Response:
    """The answer whether a cancelled order's stock is put back; the order is then cancelled in Shopify."""
    answer: Any = request.form.get("restock")
    with db.writing() as s:
        order = _of_shop(s, order_id)
        if answer not in ("yes", "no") or not mirror.answered(s, order, answer, g.visitor.user_id):
            abort(409)
    bell.ring("now")
    return redirect(f"/orders/{order_id}?done=saved", 303)
