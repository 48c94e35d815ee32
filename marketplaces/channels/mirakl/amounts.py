"""The money of an order: positions, shipping, fees and taxes that come to its total, or the reason why they do not. Pure.

Commissions are the seller's business with the marketplace and no part of the sale. Prices hold the taxes or not, by
`order_tax_mode`; the totals never hold those that come on top.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from marketplaces.amounts import known_currency, minor, pieces
from marketplaces.bills import Bill, by_weight, line_id, shared, split
from marketplaces.data import OrderLine, ShippingLine, TaxLine
from marketplaces.errors import Rejected
from marketplaces.money import Money, derived_rate
from marketplaces.text import clean

GONE = frozenset({"REFUSED", "CANCELED"})
SHIPPING, FEES = "SHIPPING", "FEES"


@dataclass(frozen=True, slots=True)
class Tax:
    """One tax of a position or its shipping; `rate` is None where none is told."""

    code: str
    amount: int
    rate: Decimal | None
    liable: bool


@dataclass(slots=True)
class Item:
    """One position of the wire in minor units."""

    raw: Mapping[str, Any]
    quantity: int
    price: int
    shipping: int
    fees: int
    taxes: list[Tax] = field(default_factory=list)
    shipping_taxes: list[Tax] = field(default_factory=list)


def settle(raw: Mapping[str, Any]) -> Bill:
    """The order's bill. Rejected with both numbers when the parts do not come to the total."""
    currency = known_currency(str(raw.get("currency_iso_code")))
    items = [_item(row, currency) for row in _rows(raw)]
    kept = [one for one in items if one.raw.get("order_line_state") not in GONE and one.quantity]
    if not kept:
        raise Rejected("the order has no positions", field="order_lines", reason="no_items")
    included = raw.get("order_tax_mode") != "TAX_EXCLUDED"
    total, flags = _minor(raw["total_price"], currency, "total_price"), []
    sums = [sum(one.price + one.shipping + one.fees for one in group) for group in (kept, items)]
    if total not in sums:
        both = f"the positions come to {Money(sums[0], currency)}, the order says {Money(total, currency)}"
        raise Rejected(both, field="total_price", reason="totals_do_not_add_up")
    # The amounts of a position stay as they were ordered; what was taken from it later is told beside them.
    if len(kept) < len(items) or any(one.raw.get("cancelations") for one in kept):
        flags.append("partly_cancelled")
    if any(one.raw.get("refunds") for one in kept):
        flags.append("partially_refunded")
    whole = not flags
    if not any(one.taxes or one.shipping_taxes for one in kept):
        _taxes_of_order(raw, kept if total == sums[0] else items, currency)  # of whatever the total is about
    if not any(one.taxes or one.shipping_taxes for one in kept):
        flags.append("no_tax_told")
    taxes = [] if included else [tax.amount for one in kept for tax in (*one.taxes, *one.shipping_taxes)]
    rest = 0 if included or len(kept) < len(items) else _rest(raw, taxes, currency, whole=whole)
    lines = tuple(line for one in kept for line in _lines(one, included, currency))
    charges = _charges(kept, included, currency)
    made = Money(sums[0] + sum(taxes) + rest, currency)
    return Bill(currency, made, lines, charges, Money(rest, currency) if rest else None, included, tuple(flags))


def _rest(raw: Mapping[str, Any], taxes: Sequence[int], currency: str, *, whole: bool) -> int:
    """What rounding the taxes of positions leaves of those that are told for the order, which is what is paid.

    Rejected with both sums where it is more, unless something was taken from the order later (not `whole`).
    """
    told = [_minor(one["total_amount"], currency, "order_taxes") for one in raw.get("order_taxes") or ()]
    rest = sum(told) - sum(taxes)
    if told and abs(rest) <= len(taxes):
        return rest
    if told and whole:
        both = f"the taxes of the positions come to {Money(sum(taxes), currency)}, the order says {Money(sum(told), currency)}"
        raise Rejected(both, field="order_taxes", reason="totals_do_not_add_up")
    return 0


def _rows(raw: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rows = raw["order_lines"]
    if not isinstance(rows, list):
        raise TypeError("order_lines")
    return rows


def _item(raw: Mapping[str, Any], currency: str) -> Item:
    quantity = pieces(raw["quantity"], least=0)
    price = _minor(raw["price"], currency, "price")
    shipping = _minor(raw.get("shipping_price") or 0, currency, "shipping_price")
    total = _minor(raw["total_price"], currency, "total_price")
    fees = sum(_minor(one["amount"], currency, "fees") for one in raw.get("fees") or ())
    fees = 0 if total == price + shipping else fees  # some instances hold them in the price
    if total != price + shipping + fees:
        both = f"a position comes to {Money(price + shipping + fees, currency)} and says {Money(total, currency)}"
        raise Rejected(both, field="total_price", reason="totals_do_not_add_up")
    taxes, more = (_taxes(raw.get(name), currency) for name in ("taxes", "shipping_taxes"))
    return Item(raw, quantity, price, shipping, fees, taxes, more)


def _minor(told: Any, currency: str, name: str) -> int:
    if isinstance(told, bool) or not isinstance(told, (int, Decimal)):
        raise TypeError(name)
    value = minor(told, name, currency)
    if value < 0:
        raise Rejected(f"{name} is below zero", field=name, reason="negative_amount")
    return value


def _taxes(told: Any, currency: str) -> list[Tax]:
    found = []
    for one in told or ():
        amount = _minor(one["amount"], currency, "taxes")
        if amount:
            found.append(Tax(clean(one.get("code"), 40) or "Tax", amount, _rate(one.get("rate")), _liable(one)))
    return found


def _rate(told: Any) -> Decimal | None:
    """A percentage as a fraction; None when none is told, or one that no tax has."""
    if told is None or isinstance(told, bool) or not isinstance(told, (int, Decimal)):
        return None
    rate = Decimal(told) / 100
    return rate.normalize() if rate.is_finite() and 0 <= rate <= 1 else None


def _liable(one: Mapping[str, Any]) -> bool:
    """Whether the marketplace keeps this tax to remit it: no part of it is paid to the shop."""
    parts = (one.get("amount_breakdown") or {}).get("parts") or ()
    return bool(parts) and all(part.get("payable_to_shop") is False for part in parts)


def _taxes_of_order(raw: Mapping[str, Any], items: Sequence[Item], currency: str) -> None:
    """Taxes that are told for the order alone are shared out by price, so that their sum stays what was told."""
    weights = [one.price + one.shipping for one in items]
    for told in raw.get("order_taxes") or ():
        amount, rate = _minor(told["total_amount"], currency, "order_taxes"), _rate(told.get("rate"))
        for one, part in zip(items, by_weight(amount, weights), strict=True):
            if part:
                one.taxes.append(Tax(clean(told.get("code"), 40) or "Tax", part, rate, False))


def _lines(item: Item, included: bool, currency: str) -> Iterable[OrderLine]:
    """One line, or two when the price is not a whole number of minor units a piece."""
    parts_of = split(item.price, item.quantity)
    shares = [shared(tax.amount, parts_of) for tax in item.taxes]
    for number, (quantity, unit) in enumerate(parts_of):
        taxes = [(tax, parts[number]) for tax, parts in zip(item.taxes, shares, strict=True)]
        raw, net = item.raw, quantity * unit
        on_top = 0 if included else sum(part for _, part in taxes)
        yield OrderLine(
            line_id=line_id(clean(raw["order_line_id"], 255), number),
            sku=clean(raw.get("offer_sku"), 255, keep_spaces=True),
            title=clean(raw.get("product_title"), 255) or clean(raw.get("product_sku"), 64),
            quantity=quantity,
            unit_price=Money(unit, currency),
            total=Money(net + on_top, currency),
            discount=Money.zero(currency),
            taxes=_tax_lines(taxes, net, included, currency),
        )


def _charges(items: Sequence[Item], included: bool, currency: str) -> tuple[ShippingLine, ...]:
    found = []
    shipping = sum(one.shipping for one in items)
    taxes = [(tax, tax.amount) for one in items for tax in one.shipping_taxes]
    if shipping or taxes:
        total = shipping + (0 if included else sum(part for _, part in taxes))
        told = _tax_lines(_merged(taxes), shipping, included, currency)
        price, zero = Money(shipping, currency), Money.zero(currency)
        found.append(ShippingLine("Shipping", price, Money(total, currency), zero, SHIPPING, told))
    fees = sum(one.fees for one in items)
    if fees:
        price = Money(fees, currency)
        found.append(ShippingLine("Fees", price, price, Money.zero(currency), FEES))
    return tuple(found)


def _merged(taxes: Sequence[tuple[Tax, int]]) -> list[tuple[Tax, int]]:
    sums: dict[tuple[str, Decimal | None, bool], int] = {}
    for tax, part in taxes:
        key = (tax.code, tax.rate, tax.liable)
        sums[key] = sums.get(key, 0) + part
    return [(Tax(code, part, rate, liable), part) for (code, rate, liable), part in sums.items()]


def _tax_lines(taxes: Sequence[tuple[Tax, int]], base: int, included: bool, currency: str) -> tuple[TaxLine, ...]:
    net = base - sum(part for _, part in taxes) if included else base
    return tuple(
        TaxLine(
            tax.code, Money(part, currency), derived_rate(part, net) if tax.rate is None else tax.rate, tax.rate is None,
            tax.liable,
        )
        for tax, part in taxes
        if part
    )  # fmt: skip
