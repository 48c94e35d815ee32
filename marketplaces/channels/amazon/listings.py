"""One listing as it stands at Amazon now. Pushing to it is `push`'s business, reading all of them that of `reports`.

Vendor: "Listings Items API 2021-08-01", getListingsItem.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from marketplaces.channel import Line
from marketplaces.channels.amazon import calls
from marketplaces.channels.amazon.reports import MERCHANT
from marketplaces.data import RemoteListing
from marketplaces.errors import Rejected, Transient
from marketplaces.money import Money
from marketplaces.text import clean, redact

PATH = "/listings/2021-08-01/items"
PARTS = "summaries,offers,fulfillmentAvailability,issues,productTypes"


def path_of(line: Line, sku: str) -> str:
    """The address of a SKU; it may hold slashes and blanks."""
    return f"{PATH}/{quote(line.seller_id, safe='')}/{quote(sku, safe='')}"


def get(line: Line, site: str, sku: str) -> RemoteListing:
    """The listing of `sku` on `site`. Rejected "not_found" when there is none, "channel_changed" when it is nonsense."""
    params = {"marketplaceIds": site, "includedData": PARTS}
    body = calls.get(line, calls.GET_LISTING, path_of(line, sku), params)
    if body.get("sku") != sku:
        raise Transient("an answer about another SKU", call=calls.GET_LISTING.operation)
    try:
        return _listing(body, site, sku)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        words = f"Amazon's description of this listing has an unknown shape ({type(error).__name__})"
        raise Rejected(words, reason="channel_changed", call=calls.GET_LISTING.operation) from error


def _listing(body: dict[str, Any], site: str, sku: str) -> RemoteListing:
    summary = _of_site(body.get("summaries"), site)
    kind = _of_site(body.get("productTypes"), site).get("productType") or summary.get("productType")
    stock = {
        str(one["fulfillmentChannelCode"]): one.get("quantity") for one in body.get("fulfillmentAvailability") or ()
    }
    by_channel = bool(stock) and MERCHANT not in stock
    quantity = stock.get(MERCHANT)
    return RemoteListing(
        sku=sku,
        site=site,
        remote_id=clean(summary.get("asin"), 64),
        title=clean(summary.get("itemName"), 500),
        product_type=clean(kind, 100),
        price=_price(body.get("offers"), site),
        quantity=quantity if isinstance(quantity, int) and not isinstance(quantity, bool) and quantity >= 0 else None,
        by_channel=by_channel,
        live=bool(summary),
        problems=tuple(_problems(body.get("issues"), site)),
    )


def _of_site(rows: Any, site: str) -> dict[str, Any]:
    return next((row for row in rows or () if row.get("marketplaceId") == site), {})


def _price(offers: Any, site: str) -> Money | None:
    for offer in offers or ():
        if offer.get("marketplaceId") == site and offer.get("offerType") == "B2C":
            price = offer["price"]
            # An amount may come with more digits than the currency has ("19.9900"): the value counts.
            return Money.parse(str(price["amount"]), str(price.get("currencyCode") or price.get("currency")))
    return None


def _problems(issues: Any, site: str) -> list[str]:
    found = []
    for issue in issues or ():
        where = issue.get("marketplaceIds")
        if issue.get("severity") == "ERROR" and (not where or site in where):
            names = ", ".join(str(name) for name in issue.get("attributeNames") or ())
            words = f"{issue.get('code', '')}: {issue.get('message', '')}" + (f" ({names})" if names else "")
            found.append(redact(clean(words, 400)))
    return found
