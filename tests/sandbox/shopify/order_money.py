"""Owns the sums of an order: what Shopify would show as its totals, in the shop's and in the buyer's currency.

Decimal throughout. Knows no shop: it is given lines whose prices are already known.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

Record = dict[str, Any]
SIDES = {"shop": "shopMoney", "presentment": "presentmentMoney"}
_WITHOUT_CENTS = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"}
)
_THREE_DIGITS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


def digits_of(currency: str) -> int:
    """Decimal places of a currency."""
    return 0 if currency in _WITHOUT_CENTS else 3 if currency in _THREE_DIGITS else 2


def rounded(amount: Decimal, currency: str) -> Decimal:
    """To the currency's smallest unit."""
    return amount.quantize(Decimal(1).scaleb(-digits_of(currency)), ROUND_HALF_UP)


def written(amount: Decimal) -> str:
    """The way Shopify writes an amount: at least one decimal place, no further trailing zeros."""
    text = format(amount, "f")
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}"


def amount(bag: Record | None, side: str) -> Decimal:
    """One side of a MoneyBagInput; without a presentment side the shop's counts for both."""
    if not bag:
        return Decimal(0)
    money = bag.get(SIDES[side]) or bag["shopMoney"]
    return Decimal(money["amount"])


def _taxes(tax_lines: Iterable[Record] | None, base: Decimal, included: bool, side: str) -> Decimal:
    total = Decimal(0)
    for tax in tax_lines or ():
        rate = Decimal(tax["rate"])
        if tax.get("priceSet"):
            total += amount(tax["priceSet"], side)
        else:
            total += base * rate / (1 + rate) if included else base * rate
    return total


def _discount(code: Record | None, lines: Decimal, side: str) -> Decimal:
    match code:
        case {"itemFixedDiscountCode": dict() as fixed}:
            return min(lines, amount(fixed.get("amountSet"), side))
        case {"itemPercentageDiscountCode": dict() as percentage}:
            return lines * Decimal(str(percentage.get("percentage") or 0)) / 100
    return Decimal(0)


def totals(order: Record, prices: list[Record], side: str, currency: str) -> dict[str, str]:
    """subtotal, discount, shipping, tax and total of an OrderCreateOrderInput, as written amounts of one side.

    `prices` holds one MoneyBagInput for each line, in order.
    """
    included = bool(order.get("taxesIncluded"))
    lines = Decimal(0)
    tax = Decimal(0)
    for line, bag in zip(order["lineItems"], prices, strict=True):
        price = amount(bag, side) * line["quantity"]
        lines += price
        tax += _taxes(line.get("taxLines"), price, included, side)
    discount = _discount(order.get("discountCode"), lines, side)
    shipping = Decimal(0)
    for one in order.get("shippingLines") or ():
        price = amount(one["priceSet"], side)
        shipping += price
        tax += _taxes(one.get("taxLines"), price, included, side)
    free = shipping if (order.get("discountCode") or {}).get("freeShippingDiscountCode") else Decimal(0)
    tax += _taxes(order.get("taxLines"), lines - discount, included, side)
    total = lines - discount + shipping - free + (Decimal(0) if included else tax)
    parts = {
        "subtotal": lines - discount,
        "discount": discount + free,
        "shipping": shipping,
        "tax": tax,
        "total": total,
    }
    return {name: written(rounded(value, currency)) for name, value in parts.items()}


def paid(order: Record) -> Decimal:
    """What the successful sales and captures of the input sum up to, in the shop's currency."""
    kinds = ("SALE", "CAPTURE")
    return sum(
        (
            amount(one["amountSet"], "shop")
            for one in order.get("transactions") or ()
            if one.get("kind", "SALE") in kinds and one.get("status", "SUCCESS") == "SUCCESS"
        ),
        Decimal(0),
    )
