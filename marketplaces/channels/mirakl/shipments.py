"""Reports the package of an order (OR23 its tracking, OR24 that it has left) and reads what the instance knows of it.

An order ships as a whole: there is one tracking, and whoever says "shipped" says it of all positions. The order is read
first, so that a repeat says only what is missing; a changed number is told once more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marketplaces.channel import Line
from marketplaces.channels.mirakl import calls, carriers, mapping, orders
from marketplaces.channels.mirakl.amounts import GONE
from marketplaces.data import OrderState, Parcel, Shipment, ShippedLine
from marketplaces.errors import Rejected, Transient
from marketplaces.strange import STRANGE
from marketplaces.text import clean

_PLAIN = re.compile(r"[^0-9A-Za-z]")
_REASONS = (
    (("already", "invalid_state", "status"), "already_shipped"),
    (("carrier",), "carrier_refused"),
    (("tracking",), "tracking_refused"),
)


def confirm(line: Line, shipment: Shipment) -> None:
    """Report the package. Rejected with the cause; Transient(maybe_done) when an answer was lost."""
    order = orders.raw(line, shipment.order_id)
    state, told = _standing(order)
    if state not in (OrderState.READY, OrderState.SHIPPED):
        words = f"the order is {clean(order.get('order_state'), 60)}"
        raise Rejected(words, reason="shipment_refused", call=calls.SHIP_ORDER.operation)
    if shipment.tracking and not _same(told, shipment.tracking):
        _track(line, shipment)
    if state == OrderState.SHIPPED:
        return
    try:
        calls.put(line, calls.SHIP_ORDER, calls.order_path(shipment.order_id, "ship"))
    except Rejected as error:
        raise _refined(error) from error


def parcels(line: Line, order_id: str) -> tuple[Parcel, ...]:
    """The one package of an order that has shipped, with all that it holds."""
    order = orders.raw(line, order_id)
    state, tracking = _standing(order)
    if state != OrderState.SHIPPED:
        return ()
    try:
        lines = tuple(ShippedLine(item, count) for item, count in _units(order).items())
        return (Parcel("", tracking, clean(order.get("shipping_company"), 100), lines),)
    except STRANGE as error:
        raise _strange(error) from error


def _standing(order: Mapping[str, Any]) -> tuple[OrderState, str]:
    try:
        state = mapping.STATES.get(clean(order["order_state"], 60), OrderState.UNKNOWN)
        return state, clean(order.get("shipping_tracking"))
    except STRANGE as error:
        raise _strange(error) from error


def _strange(error: Exception) -> Transient:
    return Transient(f"an order of an unknown shape ({type(error).__name__})", call=calls.GET_ORDER.operation)


def _units(order: Mapping[str, Any]) -> dict[str, int]:
    """Units by position, without those that were refused or cancelled."""
    rows = [row for row in order["order_lines"] if row.get("order_line_state") not in GONE]
    return {clean(row["order_line_id"], 255): int(row["quantity"]) for row in rows}


def _track(line: Line, shipment: Shipment) -> None:
    body = {**carriers.named(line, shipment.carrier), "tracking_number": shipment.tracking}
    try:
        calls.put(line, calls.SET_TRACKING, calls.order_path(shipment.order_id, "tracking"), body)
    except Rejected as error:
        raise _refined(error) from error


def _same(told: str, tracking: str) -> bool:
    return _PLAIN.sub("", told).upper() == _PLAIN.sub("", tracking).upper()


def _refined(error: Rejected) -> Rejected:
    said = f"{error.words} {error.code} {error.field}".casefold()
    reason = error.reason
    if reason == "refused_by_channel":
        reason = next((name for signs, name in _REASONS if any(sign in said for sign in signs)), "shipment_refused")
    return error.because(reason)
