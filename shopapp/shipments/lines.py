"""Which positions of the marketplace's order a fulfillment ships: never more units than were ordered. Pure but for reading."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from shopapp.records.models import OrderLine, Shipment, ShipmentState
from shopapp.shipments.told import Part

# A second line of the same id carries its number behind it; the marketplace knows only the id.
_AGAIN = re.compile(r"#\d+$")
INCOMPLETE = "order_incomplete"  # why a package is not reported by itself: the rest of its order has not left yet
COUNTED = (ShipmentState.WAITING, ShipmentState.SENDING, ShipmentState.SENT, ShipmentState.FAILED)
Lines = list[list[object]]


def ordered(lines: Iterable[OrderLine]) -> Counter[str]:
    """Units by the marketplace's line id."""
    found: Counter[str] = Counter()
    for line in lines:
        found[_AGAIN.sub("", line.line_id)] += line.quantity
    return found


def shipped(rows: Iterable[Shipment]) -> Counter[str]:
    """Units that these packages hold, those left out that count no more."""
    found: Counter[str] = Counter()
    for row in rows:
        if row.state in COUNTED or row.cause == INCOMPLETE:
            for line_id, quantity in row.lines or ():
                found[str(line_id)] += int(quantity)
    return found


def allot(parts: Sequence[Part], lines: Sequence[OrderLine], elsewhere: Counter[str]) -> tuple[Counter[str], bool]:
    """Units by the marketplace's line id, and whether every part could be told a position.

    `elsewhere` holds what other packages have. A position is known by the id that the import left at it; where an edit
    of the order lost that, by its variant, then by its SKU.
    """
    room = ordered(lines)
    room.subtract(elsewhere)
    found: Counter[str] = Counter()
    whole = True
    for part in parts:
        left = part.quantity
        places = _places(part, lines)
        whole = whole and bool(places)
        for line_id in places:
            some = min(left, room[line_id])
            if some > 0:
                found[line_id] += some
                room[line_id] -= some
                left -= some
    return found, whole


def _places(part: Part, lines: Sequence[OrderLine]) -> list[str]:
    ids = [_AGAIN.sub("", line.line_id) for line in lines]
    if part.line_id in ids:
        return [part.line_id]
    by_variant = [
        key for key, line in zip(ids, lines, strict=True) if part.variant_gid and line.variant_gid == part.variant_gid
    ]
    by_sku = [key for key, line in zip(ids, lines, strict=True) if part.sku and line.sku == part.sku]
    return list(dict.fromkeys(by_variant or by_sku))


def packed(units: Counter[str]) -> Lines:
    """As a row keeps them."""
    return [[line_id, quantity] for line_id, quantity in units.items() if quantity > 0]
