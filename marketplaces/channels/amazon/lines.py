"""Turns settled amounts into order lines, charges and tax lines. Pure arithmetic on minor units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marketplaces.bills import derived_taxes, line_id, shared, split
from marketplaces.channels.amazon.amounts import CHARGES, ITEM, TIP, Parts, Settled
from marketplaces.data import OrderLine, ShippingLine
from marketplaces.money import Money
from marketplaces.text import clean

TITLES = {
    "SHIPPING": "Shipping",
    "GIFT_WRAP": "Gift wrap",
    "COD_FEE": "Cash on delivery fee",
    "OTHER": "Other charges",
    TIP: "Delivery tip",
}


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the wire with its amounts; `liable` tells that Amazon collects and remits its tax."""

    raw: Mapping[str, Any]
    quantity: int
    parts: Parts
    liable: bool


def order_lines(item: Item, settled: Settled, currency: str) -> list[OrderLine]:
    """The lines of one item: one, or two when its price is not a whole number of minor units a piece."""
    parts = item.parts
    price, discount, tax = parts.prices[ITEM], parts.discounts.get(ITEM, 0), parts.taxes.get(ITEM, 0)
    parts_of = split(price, item.quantity)
    offs, shares = shared(discount, parts_of), shared(tax, parts_of)
    return [
        _line(item, number, (*one, offs[number], shares[number]), settled.taxes_included, currency)
        for number, one in enumerate(parts_of)
    ]


def _line(item: Item, number: int, amounts: tuple[int, int, int, int], included: bool, currency: str) -> OrderLine:
    quantity, unit, discount, tax = amounts
    raw = item.raw
    product = raw["product"]
    cancel = (raw.get("cancellation") or {}).get("cancellationRequest")
    net = quantity * unit - discount
    return OrderLine(
        line_id=line_id(clean(raw["orderItemId"], 64), number),
        sku=clean(product.get("sellerSku"), 255, keep_spaces=True),
        title=clean(product.get("title"), 255) or clean(product.get("asin"), 64),
        quantity=quantity,
        unit_price=Money(unit, currency),
        total=Money(net + (0 if included else tax), currency),
        discount=Money(discount, currency),
        taxes=derived_taxes({item.liable: (tax, net)}, currency, included=included),
        cancel_requested=bool(cancel),
    )


def charges(items: list[Item], settled: Settled, currency: str) -> tuple[ShippingLine, ...]:
    """Shipping and the like, summed over the items, and the tip."""
    found = []
    for kind in CHARGES:
        price = discount = 0
        taxes: dict[bool, tuple[int, int]] = {}
        for item in items:
            one, off = item.parts.prices.get(kind, 0), item.parts.discounts.get(kind, 0)
            tax, base = taxes.get(item.liable, (0, 0))
            taxes[item.liable] = (tax + item.parts.taxes.get(kind, 0), base + one - off)
            price, discount = price + one, discount + off
        tax_sum = sum(tax for tax, _ in taxes.values())
        if price or discount or tax_sum:
            found.append(
                ShippingLine(
                    title=TITLES[kind],
                    price=Money(price, currency),
                    total=Money(price - discount + (0 if settled.taxes_included else tax_sum), currency),
                    discount=Money(discount, currency),
                    code=kind,
                    taxes=derived_taxes(taxes, currency, included=settled.taxes_included),
                )
            )
    if settled.tips:
        tip = Money(settled.tips, currency)
        found.append(ShippingLine(TITLES[TIP], tip, tip, Money.zero(currency), TIP))
    return tuple(found)
