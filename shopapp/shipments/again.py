"""*Send tracking again*: sets packages of one order due. Sends nothing itself."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.records import journal
from shopapp.records.models import Order, Shipment, ShipmentState
from shopapp.shipments import lines, outcome

# What was taken back for a reason that the merchant may overrule.
OVERRULED = (outcome.SWITCHED_OFF, lines.INCOMPLETE)


def send_again(s: Session, shop_id: int, order_id: int, user: str) -> int:
    """Report this order's packages now; how many. One that the marketplace has is looked for first, never sent blindly.

    The caller rings "now" after its commit.
    """
    order = s.scalars(select(Order).where(Order.shop_id == shop_id, Order.id == order_id)).one_or_none()
    if order is None:
        return 0
    back = (Shipment.state == ShipmentState.WITHDRAWN) & Shipment.cause.in_(OVERRULED)
    live = Shipment.state.in_((ShipmentState.WAITING, ShipmentState.FAILED, ShipmentState.SENT))
    rows = s.scalars(select(Shipment).where(Shipment.order_id == order.id, or_(live, back)).order_by(Shipment.id)).all()
    count = 0
    for row in rows:
        if row.state == ShipmentState.SENT and row.cause == outcome.CANCELLED:
            continue
        if row.state in (ShipmentState.SENT, ShipmentState.WITHDRAWN):
            row.state, row.cause = ShipmentState.WAITING, ""
        row.due_at, row.attempt = clock.now(), 0
        count += 1
    if count:
        outcome.note(s, order, "shipment_asked")
        journal.audit(s, shop_id, user, "shipments_resent", outcome.subject(order), count=count)
    return count
