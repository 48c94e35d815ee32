"""Amazon's money of one order, settled to the minor unit: what is price, discount, charge and tax, and what is owed.

The amounts decide. The contract gives breakdowns per item (ITEM, SHIPPING, GIFT_WRAP, COD_FEE, OTHER, DISCOUNT, TAX)
and a grand total, but not whether the tax is inside the prices: the reading under which the parts make the total is the
true one. Vendor examples: 39.99 + tax 10.00 = 49.99 (on top); European prices equal the total (inside). No rates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marketplaces.amounts import known_currency, minor
from marketplaces.errors import Rejected
from marketplaces.money import Money
from marketplaces.text import clean

ITEM, TAX, DISCOUNT, TIP = "ITEM", "TAX", "DISCOUNT", "DELIVERY_TIP"
CHARGES = ("SHIPPING", "GIFT_WRAP", "COD_FEE", "OTHER")


@dataclass(slots=True)
class Parts:
    """The minor units of one item. `prices`, `discounts` and `taxes` are by kind (ITEM and the charges)."""

    prices: dict[str, int] = field(default_factory=dict)
    discounts: dict[str, int] = field(default_factory=dict)
    taxes: dict[str, int] = field(default_factory=dict)
    told_total: int | None = None
    tax_told: bool = False

    @property
    def tax(self) -> int:
        """All tax of the item."""
        return sum(self.taxes.values())

    @property
    def net(self) -> int:
        """All prices less discounts, as Amazon states them: with the tax where it is inside, without it where not."""
        return sum(self.prices.values()) - sum(self.discounts.values())


@dataclass(frozen=True, slots=True)
class Settled:
    """What the order comes to: `rest` minor units make the sum right, `tips` are charged beside the items."""

    total: int
    rest: int
    tips: int
    taxes_included: bool


def amount(raw: Any, where: str, currency: str) -> int:
    """Minor units of the contract's Money object, which must be in `currency`. Rejected with the reason otherwise."""
    return minor(raw["amount"], where, currency, raw["currencyCode"])


def order_currency(raw: Mapping[str, Any]) -> str:
    """The currency of the grand total; Rejected when there is no total or ISO 4217 does not know the currency."""
    total = (raw.get("proceeds") or {}).get("grandTotal")
    if not total:
        raise Rejected("Amazon states no total for this order", field="grandTotal", reason="no_total")
    return known_currency(total["currencyCode"])


def is_free(raw: Mapping[str, Any], currency: str) -> bool:
    """Whether the order comes to nothing, as replacements do: then a unit price, or none, is about no charge."""
    return amount(raw["proceeds"]["grandTotal"], "grandTotal", currency) == 0


def item_parts(item: Mapping[str, Any], quantity: int, currency: str, *, free: bool = False) -> Parts:
    """The parts of one item. Without a breakdown the item's total, else unit price x quantity, is the price.

    In an order that `is_free`, an item that is told no proceeds has none.
    """
    proceeds = item.get("proceeds") or {}
    parts = Parts()
    for row in proceeds.get("breakdowns") or ():
        kind = clean(row["type"], 40)
        value = amount(row["subtotal"], kind, currency)
        details = _details(row, kind, currency)
        if kind == DISCOUNT:
            _add(parts.discounts, _spread(abs(value), {name: abs(part) for name, part in details.items()}))
        elif kind == TAX:
            parts.tax_told = True
            _add(parts.taxes, _tax_by_kind(value, details))
        else:
            _add(parts.prices, {kind if kind in CHARGES or kind == ITEM else "OTHER": value})
    if proceeds.get("proceedsTotal"):
        parts.told_total = amount(proceeds["proceedsTotal"], "proceedsTotal", currency)
    if ITEM not in parts.prices:
        untold = free and not parts.prices and parts.told_total is None
        parts.prices[ITEM] = 0 if untold else _price_without_breakdown(item, parts, quantity, currency)
    _shift_discounts(parts)
    values = (*parts.prices.values(), *parts.taxes.values(), parts.told_total or 0)
    if any(value < 0 for value in values) or parts.net < 0:
        raise Rejected("an amount of this order is below zero", field="amount", reason="negative_amount")
    return parts


def settle(raw: Mapping[str, Any], items: list[Parts], currency: str) -> Settled:
    """Find the reading under which everything adds up; Rejected, naming both numbers, when none comes near enough.

    Up to one minor unit an item may remain: it becomes the order's rounding. Nothing is ever spread or guessed.
    """
    proceeds = raw["proceeds"]
    total = amount(proceeds["grandTotal"], "grandTotal", currency)
    if total < 0:
        raise Rejected("the total of this order is below zero", field="grandTotal", reason="negative_amount")
    tips = sum(amount(row["subtotal"], TIP, currency) for row in proceeds.get("breakdowns") or () if row["type"] == TIP)
    net, tax = sum(one.net for one in items), sum(one.tax for one in items)
    # A tip that is still pending may not be part of the total yet.
    readings = [(included, tip) for included in ((True, False) if tax else (True,)) for tip in dict.fromkeys((tips, 0))]
    sums = [(total - (net + (0 if included else tax) + tip), included, tip) for included, tip in readings]
    rest, included, tip = min(sums, key=lambda one: abs(one[0]))
    if abs(rest) > len(items):
        ours, theirs = Money(total - rest, currency), Money(total, currency)
        raise Rejected(
            f"The parts make {ours}, but Amazon states a total of {theirs}",
            field="total",
            reason="totals_do_not_add_up",
        )
    for one in items:
        ours_minor = one.net + (0 if included else one.tax)
        if one.told_total is not None and abs(one.told_total - ours_minor) > 1:
            parts, stated = Money(ours_minor, currency), Money(one.told_total, currency)
            raise Rejected(
                f"The parts of an item make {parts}, but Amazon states {stated} for it",
                field="item",
                reason="totals_do_not_add_up",
            )
    return Settled(total, rest, tip, included)


def _details(row: Mapping[str, Any], kind: str, currency: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in row.get("detailedBreakdowns") or ():
        if one.get("value"):
            name = clean(one.get("subtype"), 40) or "OTHER"
            found[name] = found.get(name, 0) + amount(one["value"], f"{kind} {name}", currency)
    return found


def _price_without_breakdown(item: Mapping[str, Any], parts: Parts, quantity: int, currency: str) -> int:
    if not parts.prices and not parts.discounts and not parts.taxes and parts.told_total is not None:
        return parts.told_total
    unit = (item["product"].get("price") or {}).get("unitPrice")
    if unit:
        return amount(unit, "unitPrice", currency) * quantity
    if quantity == 0:
        return 0
    raise Rejected("Amazon states no price for an item of this order", field="price", reason="no_price")


def _spread(value: int, details: dict[str, int]) -> dict[str, int]:
    """`details` when they make up `value`, else all of it on the item."""
    if sum(details.values()) == value and all(name == ITEM or name in CHARGES for name in details):
        return details
    return {ITEM: value}


def _tax_by_kind(value: int, details: dict[str, int]) -> dict[str, int]:
    """Tax by what it is on. DISCOUNT is tax that a discount saved: on the item, with either sign."""
    details = dict(details)
    saved = details.pop(DISCOUNT, 0)
    for signed in (saved, -abs(saved)):
        tried = {**details, ITEM: details.get(ITEM, 0) + signed}
        if sum(tried.values()) == value and min(tried.values()) >= 0:
            return _spread(value, tried)
    return {ITEM: value}


def _shift_discounts(parts: Parts) -> None:
    """A discount larger than what it is on takes the rest from the item, then from the charges."""
    spare = 0
    for kind, value in list(parts.discounts.items()):
        most = max(parts.prices.get(kind, 0), 0)
        if value > most:
            spare += value - most
            parts.discounts[kind] = most
    for kind in (ITEM, *CHARGES):
        room = parts.prices.get(kind, 0) - parts.discounts.get(kind, 0)
        if spare and room > 0:
            taken = min(room, spare)
            parts.discounts[kind] = parts.discounts.get(kind, 0) + taken
            spare -= taken
    if spare:
        parts.discounts[ITEM] = parts.discounts.get(ITEM, 0) + spare  # makes the item negative: refused by the caller


def _add(target: dict[str, int], more: dict[str, int]) -> None:
    for kind, value in more.items():
        target[kind] = target.get(kind, 0) + value
