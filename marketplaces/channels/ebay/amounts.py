"""eBay's money of one order, settled to the minor unit. `pricingSummary` decides: it is what the buyer pays.

Amounts are stated in the buyer's currency, payments in the seller's: only the former are used. Discounts are negative in
the summary and left out of the lines, which tell their cost before and after. Tax that eBay collects and remits stands in
the total only when the breakdown of taxes was asked for, so the reading under which the parts make the total is the true
one. Vendor: sell/fulfillment, PricingSummary, LineItem.total, EbayCollectAndRemitTax.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from marketplaces.amounts import known_currency, minor
from marketplaces.bills import by_weight
from marketplaces.errors import Rejected
from marketplaces.money import Money

# Taxes of these kinds are fees that go with the goods; the summary tells them by themselves.
FEES = frozenset(
    {
        "ELECTRONIC_RECYCLING_FEE",
        "MATTRESS_RECYCLING_FEE",
        "ADDITIONAL_FEE",
        "BATTERY_RECYCLING_FEE",
        "TIRE_RECYCLING_FEE",
        "WHITE_GOODS_DISPOSABLE_TAX",
    }
)


@dataclass(slots=True)
class Parts:
    """The minor units of one position: its price for all pieces, what is off, and tax by who remits it (True: eBay)."""

    price: int
    discount: int = 0
    taxes: dict[bool, int] = field(default_factory=dict)

    @property
    def tax(self) -> int:
        """All tax of the position."""
        return sum(self.taxes.values())


@dataclass(frozen=True, slots=True)
class Settled:
    """What the order comes to. `rest` minor units make the sum right; `outside`: eBay's tax is no part of the total."""

    total: int
    delivery: int
    delivery_discount: int
    fee: int
    adjustment: int
    rest: int
    taxes_included: bool
    outside: bool = False


def amount(raw: Any, where: str, currency: str) -> int:
    """Minor units of the contract's Amount in `currency`, converted by eBay if need be. Rejected with the reason."""
    code, text = raw["currency"], raw["value"]
    if code != currency and raw.get("convertedFromCurrency") == currency:
        code, text = currency, raw["convertedFromValue"]
    return minor(text, where, currency, code)


def order_currency(raw: Mapping[str, Any]) -> str:
    """The currency of the total; Rejected when there is no total or ISO 4217 does not know the currency."""
    total = (raw.get("pricingSummary") or {}).get("total")
    if not total:
        raise Rejected("eBay states no total for this order", field="total", reason="no_total")
    return known_currency(total["currency"])


def parts_of(item: Mapping[str, Any], currency: str) -> Parts:
    """The amounts of one line item. Fees among its taxes are left to the summary."""
    parts = Parts(amount(item["lineItemCost"], "lineItemCost", currency))
    if item.get("discountedLineItemCost"):
        parts.discount = parts.price - amount(item["discountedLineItemCost"], "discountedLineItemCost", currency)
    if parts.price < 0 or parts.discount < 0:
        raise Rejected("an amount of this order is below zero", field="lineItemCost", reason="negative_amount")
    remitted = _taxes(item.get("ebayCollectAndRemitTaxes"), currency)
    told = _taxes(item.get("taxes"), currency)
    # The same tax stands in both lists when the breakdown was asked for; what is in one of them only counts as well.
    parts.taxes = {True: remitted, False: max(told - remitted, 0)}
    return parts


def settle(raw: Mapping[str, Any], items: list[Parts], currency: str) -> Settled:
    """Find the reading under which everything adds up; Rejected, naming both numbers, when none comes near enough.

    Up to one minor unit an item may remain: it becomes the order's rounding.
    """
    summary = raw["pricingSummary"]
    told = {name: amount(summary[name], name, currency) for name in _NAMES if summary.get(name)}
    total, off = told["total"], abs(told.get("priceDiscount", 0)) - min(told.get("adjustment", 0), 0)
    if total < 0 or told.get("deliveryCost", 0) < 0 or told.get("fee", 0) < 0:
        raise Rejected("an amount of this order is below zero", field="total", reason="negative_amount")
    _spread(items, off)
    delivery, saved = (
        told.get("deliveryCost", 0),
        min(abs(told.get("deliveryDiscount", 0)), told.get("deliveryCost", 0)),
    )
    adjustment, fee = max(told.get("adjustment", 0), 0), told.get("fee", 0)
    net = sum(one.price - one.discount for one in items) + delivery - saved + adjustment + fee
    ours, theirs = sum(one.taxes[False] for one in items), sum(one.taxes[True] for one in items)
    # (what the parts come to, whether prices hold the tax, whether eBay's tax is left out)
    readings = [(net + ours + theirs, ours + theirs == 0, False)]
    readings += [(net + ours, ours == 0, True)] if theirs else []
    readings += [(net, True, False)] if ours and not theirs else []
    sums, included, outside = min(readings, key=lambda one: abs(total - one[0]))
    if abs(total - sums) > len(items):
        made, stated = Money(sums, currency), Money(total, currency)
        words = f"The parts make {made}, but eBay states a total of {stated}"
        raise Rejected(words, field="total", reason="totals_do_not_add_up")
    if outside:
        for one in items:
            one.taxes[True] = 0
    return Settled(total, delivery, saved, fee, adjustment, total - sums, included, outside)


_NAMES = ("priceSubtotal", "priceDiscount", "deliveryCost", "deliveryDiscount", "fee", "adjustment", "total")


def _taxes(rows: Any, currency: str) -> int:
    told = 0
    for row in rows or ():
        if row.get("amount") and row.get("taxType") not in FEES:
            told += amount(row["amount"], "taxes", currency)
    if told < 0:
        raise Rejected("a tax of this order is below zero", field="taxes", reason="negative_amount")
    return told


def _spread(items: Iterable[Parts], off: int) -> None:
    """What is off the order as a whole, beyond what the lines tell: shared by what they cost, to the minor unit."""
    rows = list(items)
    left = off - sum(one.discount for one in rows)
    room = sum(one.price - one.discount for one in rows)
    if left <= 0 or room <= 0:
        return
    shares = by_weight(min(left, room), [one.price - one.discount for one in rows])
    for one, share in zip(rows, shares, strict=True):
        one.discount += share
