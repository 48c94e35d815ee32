"""Tells Tradera that an order has left: the call names the order and nothing else.

There is no field for a tracking number, a carrier or a part of the order, and no order tells whether it was shipped.
Vendor: `POST /v4/orders/{orderId}/ship`, "SetSellerOrderAsShipped".
"""

from __future__ import annotations

from marketplaces.channel import Line
from marketplaces.channels.tradera import calls
from marketplaces.channels.tradera.answers import SELLER, check, nonsense
from marketplaces.data import Carrier, Shipment
from marketplaces.errors import Rejected
from marketplaces.text import clean

LONGEST = 60
# What Tradera may say of an order that is marked already: then all is as it should be.
_DONE = (("already", "shipped"), ("already", "sent"))


def confirm(line: Line, shipment: Shipment) -> None:
    """Mark the order as shipped; once more changes nothing. Rejected with the cause when Tradera refuses it."""
    answer = calls.send(line, calls.SHIP, "POST", f"/orders/{_number(shipment.order_id)}/ship")
    try:
        told = check(answer, secrets=calls.secrets_of(line), right=SELLER)
    except Rejected as error:
        said = f"{error.words} {error.code}".casefold()
        if any(all(word in said for word in words) for words in _DONE):
            return
        raise _refined(error) from error
    if answer.status == 204:
        return
    if not isinstance(told, dict) or str(told.get("orderId")) != shipment.order_id:
        raise nonsense(calls.SHIP, "a confirmation", maybe_done=True)


def carrier(words: str) -> Carrier:
    """The merchant's own name: Tradera is not told the carrier."""
    name = clean(words, LONGEST)
    return Carrier("", name, known=False)


def _number(order_id: str) -> str:
    if not (order_id.isascii() and order_id.isdigit()):
        raise Rejected("an id of Tradera is a number", reason="not_found", call=calls.SHIP)
    return order_id


def _refined(error: Rejected) -> Rejected:
    reason = "shipment_refused" if error.reason == "refused_by_channel" else error.reason
    return error.because(reason)
