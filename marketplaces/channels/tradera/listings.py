"""Reads the items of a seller's Tradera shop. Auctions and offers of a single piece are not the app's to change: left out.

Vendor: `GET /v4/listings/seller-items`; the whole list comes in one answer. What is sold out counts as inactive there,
and is on sale again as soon as it has stock: so the inactive ones are read as well, before the active ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any
from urllib.parse import urlencode

from marketplaces.amounts import MOST_PIECES
from marketplaces.channel import Line
from marketplaces.channels.tradera import calls
from marketplaces.channels.tradera.answers import SHOP
from marketplaces.channels.tradera.mapping import amount, sku_of
from marketplaces.channels.tradera.market import SITE
from marketplaces.data import ListingPart, RemoteListing
from marketplaces.errors import Rejected
from marketplaces.files import Saved
from marketplaces.moments import moment
from marketplaces.money import Money
from marketplaces.text import clean

ALL, ACTIVE, INACTIVE = "0", "1", "2"  # filterActive
SHOP_ITEMS = "3"  # filterItemType
SHOP_ITEM = 4  # an item's own itemType
LIST = 200_000_000  # bytes: all items of a seller come in one answer, some hundred thousand in the largest
SECOND = "active"  # the part that comes after the inactive ones
UNREADABLE = "an item that cannot be read"


def read(line: Line, ticket: str) -> ListingPart:
    """The inactive items, then the active ones."""
    last = ticket == SECOND
    rows = _items(line, ACTIVE if last else INACTIVE)
    return ListingPart(_listings(line, rows), "" if last else SECOND)


def get(line: Line, sku: str) -> RemoteListing:
    """The item with this SKU. Rejected "not_found" when there is none; of several the one on sale."""
    found = [one for one in _listings(line, _items(line, ALL)) if one.sku == sku]
    if not found:
        raise Rejected("Tradera has no shop item with this reference", reason="not_found", call=calls.SELLER_ITEMS)
    return next((one for one in found if one.live), found[0])


def _items(line: Line, active: str) -> Iterator[Any]:
    """The items, on this machine. What is no list at all is found at once, what is wrong further on when it is read."""
    asked = urlencode({"filterActive": active, "filterItemType": SHOP_ITEMS})
    saved = calls.get_file(line, calls.SELLER_ITEMS, f"/listings/seller-items?{asked}", right=SHOP, cap=LIST)
    rows = _closing(saved)
    return chain(list(islice(rows, 1)), rows)


def _closing(saved: Saved) -> Iterator[Any]:
    with saved:
        yield from saved.members(LIST)


def _listings(line: Line, rows: Iterable[Any]) -> Iterator[RemoteListing]:
    for row in rows:
        try:
            one = _listing(line, row)
        except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError, IndexError, Rejected):
            one = RemoteListing(sku="", site=SITE.key, live=False, problems=(UNREADABLE,))
        if one is not None:
            yield one


def _listing(line: Line, raw: Mapping[str, Any]) -> RemoteListing | None:
    """One item, None for one that is over or of another kind. KeyError, TypeError, ... when its shape is unknown."""
    number = raw["id"]
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < 10**18:
        raise TypeError("id")
    if raw["itemType"] != SHOP_ITEM or _over(raw, line):
        return None
    sku = sku_of(raw)
    if not sku:
        return None  # nothing that it could be known by
    return RemoteListing(
        sku=sku,
        site=SITE.key,
        remote_id=str(number),
        title=clean(raw.get("shortDescription"), 500),
        product_type=str(number),  # what a push must name
        price=_price(raw),
        quantity=_quantity(raw.get("remainingQuantity")),
    )


def _over(raw: Mapping[str, Any], line: Line) -> bool:
    """Whether it has ended. Sold out is not over."""
    end = raw.get("endDate")
    return end is not None and moment(end) <= line.now()


def _price(raw: Mapping[str, Any]) -> Money | None:
    """What a piece costs, None where it is not told."""
    for name in ("buyItNowPrice", "openingBid"):
        told = raw.get(name)
        if told:
            return amount(told, name)
    return None


def _quantity(raw: Any) -> int | None:
    plain = isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw <= MOST_PIECES
    return raw if plain else None
