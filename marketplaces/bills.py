"""The money side of an order, and the arithmetic of its lines that is the same in all channels. Pure, in minor units."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from marketplaces.data import OrderLine, ShippedLine, ShippingLine, TaxLine
from marketplaces.money import Money, derived_rate


@dataclass(frozen=True, slots=True)
class Bill:
    """What an order comes to: lines, charges and rounding make the total."""

    currency: str
    total: Money
    lines: tuple[OrderLine, ...]
    charges: tuple[ShippingLine, ...] = ()
    rounding: Money | None = None
    taxes_included: bool = True
    flags: tuple[str, ...] = ()


def split(price: int, quantity: int) -> list[tuple[int, int]]:
    """[(pieces, price of one)]: two where the price is no whole number a piece, so that nothing is lost.

    3 pieces for 10.00 become 1 at 3.34 and 2 at 3.33.
    """
    low, dearer = divmod(price, quantity)
    return [(dearer, low + 1), (quantity - dearer, low)] if dearer else [(quantity, low)]


def shared(amount: int, parts: Sequence[tuple[int, int]]) -> list[int]:
    """`amount` over the parts of `split`, by what they cost, to the minor unit."""
    return by_weight(amount, [quantity * unit for quantity, unit in parts])


def by_weight(amount: int, weights: Sequence[int]) -> list[int]:
    """`amount` in whole parts by weight that come to it exactly; all of it to the first where nothing weighs."""
    whole, parts, done, seen = sum(weights), [], 0, 0
    for weight in weights:
        seen += weight
        upto = amount * seen // whole if whole else amount
        parts.append(upto - done)
        done = upto
    return parts


def line_id(item_id: str, number: int) -> str:
    """The id of the line `number` (from 0) that was made of an item: the first has the item's own, the second "...:2"."""
    return f"{item_id}:{number + 1}" if number else item_id


def units(lines: Iterable[ShippedLine]) -> Counter[str]:
    """Pieces by the marketplace's item: what was split in two for its uneven price is one item there."""
    found: Counter[str] = Counter()
    for one in lines:
        found[one.line_id.partition(":")[0]] += one.quantity
    return found


def derived_taxes(amounts: Mapping[bool, tuple[int, int]], currency: str, *, included: bool) -> tuple[TaxLine, ...]:
    """Tax lines without a stated rate, from {the marketplace remits it: (tax, price after discount)}; none of no tax."""
    return tuple(
        TaxLine("Tax", Money(tax, currency), derived_rate(tax, base - tax if included else base), True, liable)
        for liable, (tax, base) in sorted(amounts.items())
        if tax
    )
