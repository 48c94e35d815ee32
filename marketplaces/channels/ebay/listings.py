"""Listings that were made by the Inventory API: an item for each SKU, and the offer that puts it on a marketplace.

Others cannot be read or changed here, and to migrate them cannot be undone: that is never done for the seller. There is no
list of all offers; each SKU is asked for its own. Vendor: sell/inventory, getInventoryItems, getOffers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from marketplaces.channel import Line
from marketplaces.channels.ebay import calls
from marketplaces.channels.ebay.answers import NOT_FOUND
from marketplaces.channels.ebay.sites import site_of
from marketplaces.data import ListingPart, RemoteListing
from marketplaces.errors import Rejected, Transient
from marketplaces.money import Money
from marketplaces.text import clean, redact

PAGE = 50  # items of a part, and so many calls for their offers
UNREADABLE = "eBay's description of this item has an unknown shape"
ON_HOLD = "eBay has put this listing on hold."


def read(line: Line, site: str, ticket: str) -> ListingPart:
    """A page of the items with their offers on `site`; `ticket` is the number of the page."""
    number = int(ticket) if ticket.isascii() and ticket.isdigit() else 0
    if not number and not sells_on(line, site):
        return ListingPart(())
    body = calls.get(line, calls.GET_ITEMS, {"limit": str(PAGE), "offset": str(number)})
    rows, total = calls.rows_of(body, "inventoryItems"), body.get("total")
    if rows is None or isinstance(total, bool) or not isinstance(total, int):
        raise Transient("a page of items of an unknown shape", call=calls.GET_ITEMS.call)
    if not rows and number * PAGE < total:
        raise Transient("a page of items without its items", call=calls.GET_ITEMS.call)
    found = [one for row in rows for one in _of_item(line, site, row)]
    more = (number + 1) * PAGE < total
    return ListingPart(tuple(found), str(number + 1) if more else "")


def sells_on(line: Line, site: str) -> bool:
    """Whether the seller can have offers on a marketplace: none is published without a policy of that marketplace."""
    body = calls.get(line, calls.GET_POLICIES, {"marketplace_id": site})
    policies = calls.rows_of(body, "fulfillmentPolicies")
    if policies is None:
        raise Transient("an answer without policies", call=calls.GET_POLICIES.call)
    return bool(policies)


def get(line: Line, site: str, sku: str) -> RemoteListing:
    """The listing of `sku` on `site`. Rejected "not_found" when there is none, "channel_changed" when it is nonsense."""
    item = calls.get(line, calls.GET_ITEM, sku=sku)
    if item.get("sku") != sku:
        raise Transient("an answer about another SKU", call=calls.GET_ITEM.call)
    offer = offer_of(line, site, sku)
    if offer is None:
        raise Rejected(f"There is no offer of this SKU on {site}.", reason="not_found", call=calls.GET_OFFERS.call)
    try:
        return _listing(item, offer, site, sku)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Rejected(UNREADABLE, reason="channel_changed", call=calls.GET_OFFERS.call) from error


def offer_of(line: Line, site: str, sku: str) -> dict[str, Any] | None:
    """The offer of `sku` with a fixed price on `site`, a published one if there is one; None when there is none."""
    try:
        body = calls.get(line, calls.GET_OFFERS, {"sku": sku, "marketplace_id": site, "format": "FIXED_PRICE"})
    except Rejected as error:
        if error.code in NOT_FOUND:
            return None
        raise
    offers = calls.rows_of(body, "offers")
    if offers is None or not all(isinstance(one, dict) for one in offers):
        raise Transient("offers of an unknown shape", call=calls.GET_OFFERS.call)
    mine = [
        one
        for one in offers
        if one.get("sku") == sku
        and one.get("format") == "FIXED_PRICE"
        and site_of(str(one.get("marketplaceId"))) == site
    ]
    return min(mine, key=lambda one: one.get("status") != "PUBLISHED", default=None)


def _of_item(line: Line, site: str, raw: Any) -> Iterator[RemoteListing]:
    """The listing of one item; nothing when it is not offered on the site, one without a SKU when it cannot be read."""
    told = raw.get("sku") if isinstance(raw, dict) else None
    sku = clean(told, 255, keep_spaces=True) if isinstance(told, str) else ""
    if not sku or sku != told:
        yield RemoteListing(sku="", site=site, live=False, problems=(UNREADABLE,))
        return
    offer = offer_of(line, site, sku)
    if offer is None:
        return
    try:
        yield _listing(raw, offer, site, sku)
    except (KeyError, TypeError, AttributeError, ValueError):
        yield RemoteListing(sku="", site=site, live=False, problems=(UNREADABLE,))


def _listing(item: dict[str, Any], offer: dict[str, Any], site: str, sku: str) -> RemoteListing:
    listing, product = offer.get("listing") or {}, item.get("product") or {}
    price = (offer.get("pricingSummary") or {}).get("price")
    stock = ((item.get("availability") or {}).get("shipToLocationAvailability") or {}).get("quantity")
    # Both limit what can be bought: the item's quantity and the offer's.
    told = [one for one in (_quantity(stock), _quantity(offer.get("availableQuantity"))) if one is not None]
    return RemoteListing(
        sku=sku,
        site=site,
        remote_id=clean(listing.get("listingId"), 64),
        title=clean(product.get("title"), 500),
        product_type=clean(offer["offerId"], 100),
        price=Money.parse(str(price["value"]), str(price["currency"])) if price else None,
        quantity=min(told, default=None),
        live=offer.get("status") == "PUBLISHED" and listing.get("listingStatus") in ("ACTIVE", "OUT_OF_STOCK"),
        problems=tuple(_problems(offer, listing)),
    )


def _problems(offer: dict[str, Any], listing: dict[str, Any]) -> Iterator[str]:
    if listing.get("listingOnHold") is True:
        yield ON_HOLD
    status = listing.get("listingStatus") if offer.get("status") == "PUBLISHED" else offer.get("status")
    if status not in ("ACTIVE", "OUT_OF_STOCK"):
        yield redact(clean(status, 60)) or "UNPUBLISHED"


def _quantity(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else None
