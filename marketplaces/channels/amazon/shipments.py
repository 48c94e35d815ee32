"""Reports packages (confirmShipment of /orders/v0, which stays) and reads those that Amazon knows of an order.

A package is known by a number of ours within its order: reporting the same number again edits that package, so that a
repeat does no harm. Once everything has shipped, a package under another number is refused.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from marketplaces.bills import units
from marketplaces.channel import Line
from marketplaces.channels.amazon import calls, carriers, orders
from marketplaces.channels.amazon.answers import check
from marketplaces.data import Parcel, Shipment, ShippedLine
from marketplaces.errors import Rejected, Transient
from marketplaces.moments import stamp
from marketplaces.text import clean

PATH = "/orders/v0/orders/{}/shipmentConfirmation"
# Two clocks never agree, and Amazon refuses a moment that lies in its future.
CLOCK_MARGIN = timedelta(minutes=1)
# What Amazon says when it refuses a package, and which of the catalogue's causes it is; the first that fits.
# "Already fulfilled" is not proven by these words: who reads the order's packages knows.
_REASONS = (
    (("packagetoupdatenotfound", "already fulfilled"), "already_shipped"),
    (("maximum number of allowed updates",), "too_many_updates"),
    (("nonexistentorderitem", "order item"), "unknown_position"),
    (("shipdate", "ship date", "shipping date"), "ship_date_refused"),
    (("carrier",), "carrier_refused"),
    (("tracking",), "tracking_refused"),
)


def confirm(line: Line, shipment: Shipment) -> None:
    """Report one package. Rejected with the cause; Transient(maybe_done) when the answer was lost."""
    path = PATH.format(quote(shipment.order_id, safe=""))
    answer = calls.send(line, calls.CONFIRM_SHIPMENT, "POST", path, body=request(shipment, line.now()))
    if answer.status == 204:
        return
    try:
        check(answer, secrets=calls.secrets_of(line))
    except Rejected as error:
        raise _refined(error) from error
    raise Transient("a confirmation of an unknown shape", maybe_done=True, status=answer.status, call=answer.call)


def request(shipment: Shipment, now: datetime) -> dict[str, Any]:
    """The body of the call: ConfirmShipmentRequest of the contract."""
    known = carriers.carrier(shipment.carrier)
    return {
        "marketplaceId": shipment.site,
        "packageDetail": {
            "packageReferenceId": str(shipment.reference),
            "carrierCode": known.code,
            "carrierName": known.name,
            "trackingNumber": shipment.tracking,
            "shipDate": stamp(max(shipment.ordered_at, min(shipment.shipped_at, now - CLOCK_MARGIN))),
            "orderItems": [{"orderItemId": item, "quantity": count} for item, count in units(shipment.lines).items()],
        },
    }


def parcels(line: Line, order_id: str) -> tuple[Parcel, ...]:
    """The packages of an order as Amazon knows them now."""
    path = f"{orders.PATH}/{quote(order_id, safe='')}"
    body = calls.get(line, calls.GET_ORDER, path, {"includedData": "PACKAGES"})
    raw = body.get("order")
    if not isinstance(raw, dict):
        raise Transient("an order answer of an unknown shape", call=calls.GET_ORDER.operation)
    try:
        if clean(raw["orderId"], 64) != order_id:
            raise Transient("an answer about another order", call=calls.GET_ORDER.operation)
        return tuple(_parcel(one) for one in raw.get("packages") or ())
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        words = f"packages of an unknown shape ({type(error).__name__})"
        raise Transient(words, call=calls.GET_ORDER.operation) from error


def _parcel(raw: dict[str, Any]) -> Parcel:
    lines = tuple(
        ShippedLine(clean(one["orderItemId"], 64), int(one["quantity"])) for one in raw.get("packageItems") or ()
    )
    reference = clean(raw["packageReferenceId"], 64)
    return Parcel(reference, clean(raw.get("trackingNumber")), clean(raw.get("carrier"), 100), lines)


def _refined(error: Rejected) -> Rejected:
    said = f"{error.words} {error.code}".casefold()
    reason = error.reason
    if reason == "refused_by_channel":
        reason = next((name for signs, name in _REASONS if any(sign in said for sign in signs)), "shipment_refused")
    return error.because(reason)
