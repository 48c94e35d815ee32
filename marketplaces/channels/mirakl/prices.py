"""The price file (PRI01). It replaces all prices of an offer, so whatever an offer has beside its price is sent along.

Read right before: the marketplace has no call that changes one price and keeps the others. What changes there between
our reading and its import is lost, a matter of seconds to minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from marketplaces.channel import Line
from marketplaces.channels.mirakl import listings
from marketplaces.data import ListingChange
from marketplaces.errors import Rejected, Transient
from marketplaces.money import Money
from marketplaces.strange import STRANGE
from marketplaces.text import clean

SINGLY = 20  # changes whose offers are looked up one by one; for more of them the list is read, unless it is longer
FIRST = ("offer-sku", "price")
MORE = (
    "price-ranges", "discount-price", "discount-ranges", "discount-start-date", "discount-end-date", "channels",
    "start-date", "end-date", "customer-organization-ids", "customer-group-ids",
)  # fmt: skip
_CONTEXT = {
    "channels": "channel_codes",
    "customer-organization-ids": "customer_organization_ids",
    "customer-group-ids": "customer_group_ids",
}
Row = dict[str, str]


def table(line: Line, changes: Sequence[ListingChange]) -> list[list[str]]:
    """The file's rows, its header first. Only columns that something stands in: others may not be switched on there."""
    offers = _offers(line, [one.sku for one in changes])
    rows = [row for one in changes for row in rows_of(one.sku, _wished(one), offers.get(one.sku))]
    columns = [*FIRST, *(name for name in MORE if any(row.get(name) for row in rows))]
    return [columns, *([row.get(name, "") for name in columns] for row in rows)]


def rows_of(sku: str, price: Money, offer: Mapping[str, Any] | None) -> list[Row]:
    """The rows of one offer: its new price, and every other price as it stands. None: an offer that is not there.

    Transient when its prices cannot be read: then none is sent, because it would delete them.
    """
    base: Row = {"offer-sku": sku, "price": plain(price.decimal)}
    if offer is None:
        return [base]
    try:
        old = listings.base_price(offer)
        kept = [_row(sku, one) for one in offer["all_prices"] if one is not old]
        if old is not None:
            base |= {name: value for name, value in _row(sku, old).items() if name not in FIRST}
            base = _ranged(base, price)
    except STRANGE as error:
        words = f"prices of an unknown shape ({type(error).__name__})"
        raise Transient(words, call=listings.CALL) from error
    return [base, *kept]


def _wished(change: ListingChange) -> Money:
    assert change.price is not None  # only such changes come here
    return change.price


def _offers(line: Line, skus: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The offers of these SKUs; those that are not there are absent, and the import says so."""
    wanted = set(skus)
    offers = _among_all(line, wanted) if len(wanted) > SINGLY else None
    if offers is None:
        found = ((sku, _maybe(line, sku)) for sku in dict.fromkeys(skus))
        offers = {sku: offer for sku, offer in found if offer is not None}
    return offers


def _among_all(line: Line, wanted: set[str]) -> dict[str, Mapping[str, Any]] | None:
    """Those of the whole list that are wanted; None when it has more pages than asking for each of them has calls."""
    offers: dict[str, Mapping[str, Any]] = {}
    offset, total = 0, 1
    while offset < total and len(offers) < len(wanted):
        rows, total = listings.page(line, {"max": str(listings.PAGE), "offset": str(offset)})
        offset += len(rows)
        if max(offset, total) > listings.PAGE * len(wanted):
            return None
        if not rows:
            break
        offers |= {str(row["shop_sku"]): row for row in rows if isinstance(row, dict) and row.get("shop_sku") in wanted}
    return offers


def _maybe(line: Line, sku: str) -> Mapping[str, Any] | None:
    try:
        return listings.find(line, sku)
    except Rejected as error:
        if error.reason != "not_found":
            raise
        return None


def _row(sku: str, price: Mapping[str, Any]) -> Row:
    """A price of the wire as a row of the file."""
    told, tiers = listings.context(price), list(price["volume_prices"])
    row = {"offer-sku": sku, "price": _number(price["unit_origin_price"])}
    row["price-ranges"] = _ranges(tiers, "unit_origin_price")
    off = price.get("unit_discount_price")
    if off is not None and Decimal(off) < Decimal(price["unit_origin_price"]):  # an equal one is none
        row["discount-price"] = _number(price["unit_discount_price"])
        row["discount-ranges"] = _ranges(tiers, "unit_discount_price")
        row["discount-start-date"] = _text(price.get("discount_start_date"))
        row["discount-end-date"] = _text(price.get("discount_end_date"))
    row |= {name: "|".join(_text(one) for one in told.get(key) or ()) for name, key in _CONTEXT.items()}
    row["start-date"], row["end-date"] = _text(told.get("start_date")), _text(told.get("end_date"))
    return row


def _ranges(tiers: Iterable[Mapping[str, Any]], name: str) -> str:
    """Prices from a quantity on, "" where there is only the one from the first piece on."""
    told = [(int(one["quantity_threshold"]), one.get(name)) for one in tiers]
    found = [f"{count}|{_number(value)}" for count, value in sorted(told) if value is not None]
    return ",".join(found) if any(count > 1 for count, value in told if value is not None) else ""


def _ranged(row: Row, price: Money) -> Row:
    """The new price also stands first among the prices by quantity."""
    _, *others = row.get("price-ranges", "").split(",")
    return {**row, "price-ranges": ",".join([f"1|{plain(price.decimal)}", *others])} if others else row


def _number(told: Any) -> str:
    if isinstance(told, bool) or not isinstance(told, (int, Decimal)):
        raise TypeError("price")
    return plain(Decimal(told))


def plain(value: Decimal) -> str:
    """Digits and a point, without an exponent."""
    return format(value, "f")


def _text(told: Any) -> str:
    if told is None:
        return ""
    if any(mark in str(told) for mark in '|";,') or clean(told) != str(told):
        raise TypeError("context")
    return str(told)
