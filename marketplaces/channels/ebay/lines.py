"""Turns settled amounts into order lines, charges and tax lines. Pure arithmetic on minor units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marketplaces.bills import derived_taxes, line_id, shared, split
from marketplaces.channels.ebay.amounts import Parts, Settled
from marketplaces.data import OrderLine, ShippingLine
from marketplaces.money import Money
from marketplaces.text import clean

SHIPPING, FEE, ADJUSTMENT = "SHIPPING", "FEE", "ADJUSTMENT"
TITLES = {SHIPPING: "Shipping", FEE: "Recycling fee", ADJUSTMENT: "Adjustment"}


@dataclass(frozen=True, slots=True)
class Item:
    """One line item of the wire with its amounts."""

    raw: Mapping[str, Any]
    quantity: int
    parts: Parts


def order_lines(item: Item, settled: Settled, currency: str) -> list[OrderLine]:
    """The lines of one item: one, or two when its price is no whole number of minor units a piece."""
    price, discount, taxes = item.parts.price, item.parts.discount, item.parts.taxes
    included = settled.taxes_included
    parts_of = split(price, item.quantity)
    offs = shared(discount, parts_of)
    shares = {who: shared(tax, parts_of) for who, tax in taxes.items()}
    return [
        _line(
            item, number, (*one, offs[number]), {who: told[number] for who, told in shares.items()}, included, currency
        )
        for number, one in enumerate(parts_of)
    ]


def _line(
    item: Item, number: int, amounts: tuple[int, int, int], taxes: dict[bool, int], included: bool, currency: str
) -> OrderLine:
    quantity, unit, discount = amounts
    net, tax = quantity * unit - discount, sum(taxes.values())
    return OrderLine(
        line_id=line_id(clean(item.raw["lineItemId"], 64), number),
        sku=sku_of(item.raw),
        title=clean(item.raw.get("title"), 255) or clean(item.raw.get("legacyItemId"), 64),
        quantity=quantity,
        unit_price=Money(unit, currency),
        total=Money(net + (0 if included else tax), currency),
        discount=Money(discount, currency),
        taxes=derived_taxes({who: (tax, net) for who, tax in taxes.items()}, currency, included=included),
    )


def sku_of(raw: Mapping[str, Any]) -> str:
    """The seller's SKU; listings that have none are known by their number, and that of the variation."""
    told = clean(raw.get("sku"), 255, keep_spaces=True)
    return told or "-".join(filter(None, (clean(raw.get(name), 64) for name in ("legacyItemId", "legacyVariationId"))))


def charges(settled: Settled, currency: str) -> tuple[ShippingLine, ...]:
    """Shipping, fees that go with the goods, and what was added to the price afterwards."""
    rows = (
        (SHIPPING, settled.delivery, settled.delivery_discount),
        (FEE, settled.fee, 0),
        (ADJUSTMENT, settled.adjustment, 0),
    )
    return tuple(
        ShippingLine(TITLES[code], Money(price, currency), Money(price - off, currency), Money(off, currency), code)
        for code, price, off in rows
        if price
    )
