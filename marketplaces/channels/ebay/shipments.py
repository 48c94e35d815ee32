"""Reports packages (createShippingFulfillment) and reads those that eBay knows of an order.

eBay keeps no number of ours, and a second report of a package is a second package: what is there is read first. A package
cannot be changed afterwards. Tracking numbers are letters and digits only. Vendor: sell/fulfillment, shipping_fulfillment.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from marketplaces.bills import units
from marketplaces.channel import Line
from marketplaces.channels.ebay import calls, carriers
from marketplaces.channels.ebay.answers import check
from marketplaces.data import Parcel, Shipment, ShippedLine
from marketplaces.errors import Rejected, Transient
from marketplaces.text import clean

# Two clocks never agree, and eBay refuses a moment that lies in its future.
CLOCK_MARGIN = timedelta(minutes=1)
LONGEST = 100
_MARKS = re.compile(r"[^A-Za-z0-9]+")
# eBay's number of a refusal -> which of the catalogue's causes it is.
_REASONS = {
    "32100": "not_found",
    "32200": "unknown_position",
    "32210": "unknown_position",
    "32300": "tracking_refused",
    "32500": "ship_date_refused",
    "34100": "too_many_updates",
}
CONFLICT = 409


def confirm(line: Line, shipment: Shipment) -> None:
    """Report one package, unless it is there. Rejected with the cause; Transient(maybe_done) when the answer was lost."""
    body = request(shipment, line.now())
    if any(_same(one, body) for one in parcels(line, shipment.order_id)):
        return
    answer = calls.send(line, calls.CREATE_SHIPMENT, body=body, order_id=shipment.order_id)
    if answer.status == 201:
        return
    try:
        check(answer, secrets=calls.secrets_of(line))
    except Rejected as error:
        raise _refined(error) from error
    raise Transient("a confirmation of an unknown shape", maybe_done=True, status=answer.status, call=answer.call)


def request(shipment: Shipment, now: datetime) -> dict[str, Any]:
    """The body of the call: ShippingFulfillmentDetails of the contract. Carrier and number go together or not at all."""
    shipped = max(shipment.ordered_at, min(shipment.shipped_at, now - CLOCK_MARGIN))
    body: dict[str, Any] = {
        "lineItems": [{"lineItemId": item, "quantity": count} for item, count in units(shipment.lines).items()],
        "shippedDate": shipped.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    }
    tracking = _plain(shipment.tracking)
    if shipment.tracking.strip() and not tracking:
        words = "A tracking number has letters and digits; this one has none."
        raise Rejected(words, field="tracking", reason="tracking_refused", call=calls.CREATE_SHIPMENT.call)
    if tracking:
        body |= {"shippingCarrierCode": carriers.carrier(shipment.carrier).code, "trackingNumber": tracking}
    return body


def parcels(line: Line, order_id: str) -> tuple[Parcel, ...]:
    """The packages of an order as eBay knows them now."""
    body = calls.get(line, calls.GET_SHIPMENTS, order_id=order_id)
    rows = calls.rows_of(body, "fulfillments")
    if rows is None:
        raise Transient("packages of an unknown shape", call=calls.GET_SHIPMENTS.call)
    try:
        return tuple(_parcel(one) for one in rows)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        words = f"packages of an unknown shape ({type(error).__name__})"
        raise Transient(words, call=calls.GET_SHIPMENTS.call) from error


def _parcel(raw: dict[str, Any]) -> Parcel:
    lines = tuple(ShippedLine(clean(one["lineItemId"], 64), _pieces(one)) for one in raw.get("lineItems") or ())
    return Parcel(
        "", clean(raw.get("shipmentTrackingNumber"), LONGEST), clean(raw.get("shippingCarrierCode"), 100), lines
    )


def _pieces(line: dict[str, Any]) -> int:
    """One where it is not told: the contract's default."""
    told = line.get("quantity")
    return 1 if told is None else int(told)


def _same(there: Parcel, body: dict[str, Any]) -> bool:
    """Whether a package that is there is this one: the same number, or none and the very same pieces."""
    tracking = str(body.get("trackingNumber", ""))
    if tracking:
        return _plain(there.tracking).upper() == tracking.upper()
    mine = {one["lineItemId"]: one["quantity"] for one in body["lineItems"]}
    return not there.tracking and {one.line_id: one.quantity for one in there.lines} == mine


def _plain(tracking: str) -> str:
    return _MARKS.sub("", tracking)[:LONGEST]


def _refined(error: Rejected) -> Rejected:
    if error.status == CONFLICT:
        reason = "already_shipped"
    elif error.reason == "not_found":
        reason = error.reason
    else:
        reason = _REASONS.get(error.code, "shipment_refused")
    return error.because(reason)
