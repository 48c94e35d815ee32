"""Offers as they stand there (OF21): all of them in parts, or one by its SKU. Pushing to them is `imports`' business.

The price of an offer is what it costs everybody at any time, without discount: that is what is pushed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from marketplaces.channel import Line
from marketplaces.channels.mirakl import calls
from marketplaces.channels.mirakl.mapping import OWN_CENTER
from marketplaces.data import ListingPart, RemoteListing
from marketplaces.errors import Rejected, Transient
from marketplaces.money import Money
from marketplaces.strange import STRANGE
from marketplaces.text import clean

PATH = "/api/offers"
PAGE = 100
CALL = calls.LIST_OFFERS.operation
UNREADABLE = "an offer cannot be read"
_SOLD_OUT = "ZERO_QUANTITY"


def read(line: Line, site: str, ticket: str) -> ListingPart:
    """The part from the offer number `ticket` on."""
    offset = int(ticket) if ticket.isascii() and ticket.isdigit() and len(ticket) < 10 else 0
    rows, total = page(line, {"max": str(PAGE), "offset": str(offset)})
    after = offset + len(rows)
    return ListingPart(_all(rows, site), str(after) if after < total else "")


def page(line: Line, params: Mapping[str, str]) -> tuple[list[Any], int]:
    """(offers of the wire, how many there are in all)."""
    body = calls.get(line, calls.LIST_OFFERS, PATH, params)
    rows, total = body.get("offers"), body.get("total_count")
    if not isinstance(rows, list) or isinstance(total, bool) or not isinstance(total, int):
        raise Transient("a page of offers of an unknown shape", call=CALL)
    if not rows and int(params.get("offset", 0)) < total:
        raise Transient("a page of offers without its offers", call=CALL)
    return rows, total


def find(line: Line, sku: str) -> dict[str, Any]:
    """The offer of the wire with this SKU. Rejected "not_found" when there is none."""
    rows, _ = page(line, {"sku": sku, "max": str(PAGE)})
    found = [row for row in rows if isinstance(row, dict) and row.get("shop_sku") == sku]
    if rows and not found:
        raise Transient("an answer about another SKU", call=CALL)
    if not found:
        raise Rejected("the shop has no offer with this SKU", reason="not_found", call=CALL)
    return found[0]


def get(line: Line, site: str, sku: str) -> RemoteListing:
    """The offer with this SKU. Rejected "not_found", or "channel_changed" when it is nonsense."""
    raw = find(line, sku)
    try:
        return _listing(raw, site)
    except STRANGE as error:
        words = f"this offer has an unknown shape there ({type(error).__name__})"
        raise Rejected(words, reason="channel_changed", call=CALL) from error


def base_price(offer: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The price for everybody, on all channels and at any time; None when the offer has none."""
    return next((one for one in offer.get("all_prices") or () if not context(one)), None)


def context(price: Mapping[str, Any]) -> dict[str, Any]:
    """To whom, where and when a price applies; {} for everybody, everywhere and always."""
    told = {name: value for name, value in (price.get("context") or {}).items() if value}
    if price.get("channel_code") and "channel_codes" not in told:
        told["channel_codes"] = [price["channel_code"]]
    return told


def _all(rows: list[Any], site: str) -> Iterator[RemoteListing]:
    for raw in rows:
        try:
            yield _listing(raw, site)
        except STRANGE:
            yield RemoteListing(sku="", site=site, live=False, problems=(UNREADABLE,))


def _listing(raw: Mapping[str, Any], site: str) -> RemoteListing:
    sku = clean(raw["shop_sku"], 255, keep_spaces=True)
    if not sku or sku != raw["shop_sku"]:
        raise ValueError("shop_sku")
    center = clean(((raw.get("fulfillment") or {}).get("center") or {}).get("code"), 60)
    reasons = [clean(one, 60) for one in raw.get("inactivity_reasons") or () if one != _SOLD_OUT]
    quantity = raw.get("quantity")
    counted = isinstance(quantity, int) and not isinstance(quantity, bool) and 0 <= quantity < 10**9
    return RemoteListing(
        sku=sku,
        site=site,
        remote_id=clean(raw.get("offer_id"), 64),
        title=clean(raw.get("product_title"), 500),
        price=_price(raw),
        quantity=quantity if counted else None,
        by_channel=bool(center) and center != OWN_CENTER,
        problems=tuple(reasons) if raw.get("active") is False else (),
    )


def _price(raw: Mapping[str, Any]) -> Money | None:
    found = base_price(raw)
    told = raw.get("price") if found is None else found.get("unit_origin_price")
    if isinstance(told, bool) or not isinstance(told, (int, Decimal)):
        return None
    try:
        price = Money.parse(told, str(raw.get("currency_iso_code")))
    except ValueError:
        return None
    return price if price.minor >= 0 else None
