"""Turns settled amounts into order lines, charges and tax lines. Pure arithmetic on minor units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marketplaces.channels.ebay.amounts import Parts, Settled
from marketplaces.data import OrderLine, ShippingLine, TaxLine
from marketplaces.money import Money, derived_rate
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
    """The lines of one item: one, or two (the second with ":2" after its id) when its price is no whole number a piece."""
    price, discount, taxes = item.parts.price, item.parts.discount, dict(item.parts.taxes)
    low, dearer = divmod(price, item.quantity)
    pieces = [(dearer, low + 1), (item.quantity - dearer, low)] if dearer else [(item.quantity, low)]
    lines: list[OrderLine] = []
    for number, (quantity, unit) in enumerate(pieces):
        last = number == len(pieces) - 1
        off = discount if last else discount * (quantity * unit) // price
        part = taxes if last else {who: tax * (quantity * unit) // price for who, tax in taxes.items()}
        lines.append(_line(item, number, (quantity, unit, off), part, settled.taxes_included, currency))
        discount, taxes = discount - off, {who: tax - part[who] for who, tax in taxes.items()}
    return lines


def _line(
    item: Item, number: int, amounts: tuple[int, int, int], taxes: dict[bool, int], included: bool, currency: str
) -> OrderLine:
    quantity, unit, discount = amounts
    net, tax = quantity * unit - discount, sum(taxes.values())
    return OrderLine(
        line_id=clean(item.raw["lineItemId"], 64) + (f":{number + 1}" if number else ""),
        sku=sku_of(item.raw),
        title=clean(item.raw.get("title"), 255) or clean(item.raw.get("legacyItemId"), 64),
        quantity=quantity,
        unit_price=Money(unit, currency),
        total=Money(net + (0 if included else tax), currency),
        discount=Money(discount, currency),
        taxes=_taxes(taxes, net, included, currency),
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


def _taxes(taxes: dict[bool, int], net: int, included: bool, currency: str) -> tuple[TaxLine, ...]:
    """Tax lines from {remitted by eBay: tax}; no line where there is no tax."""
    return tuple(
        TaxLine("Tax", Money(tax, currency), derived_rate(tax, net - tax if included else net), True, liable)
        for liable, tax in sorted(taxes.items())
        if tax
    )
