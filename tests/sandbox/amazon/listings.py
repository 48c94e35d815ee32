"""Owns the Listings Items operations 2021-08-01: get, patch, search. What a listing is stands in catalogue.py."""

import base64
import uuid
from typing import Any
from urllib.parse import unquote

from flask import Flask, Response, request

from tests.sandbox.amazon import answers, attributes
from tests.sandbox.amazon.applier import Applier
from tests.sandbox.amazon.attributes import Json
from tests.sandbox.amazon.catalogue import Catalogue, Listing
from tests.sandbox.amazon.orders import Api
from tests.sandbox.amazon.search import values
from tests.sandbox.amazon.sellers import Seller
from tests.sandbox.clock import iso_of

MOST = 20
FURTHEST = 1000
DATA = ("summaries", "attributes", "issues", "offers", "fulfillmentAvailability", "procurement", "relationships")
SHOWN = frozenset({*DATA, "productTypes"})
ANY_TYPE = "PRODUCT"
Worked = tuple[Response, Json]


def register(app: Flask, api: Api, applier: Applier) -> None:
    """Add /listings/2021-08-01/items/{sellerId}[/{sku}]."""
    base = "/amazon/api/<region>/listings/2021-08-01/items/<seller_id>"

    @app.get(base)
    def search_listings(region: str, seller_id: str) -> Response:
        return api.call(region, "searchListingsItems", lambda seller: _search(api, seller, seller_id))

    def get_listing(region: str, seller_id: str, sku: str) -> Response:
        return api.call(region, "getListingsItem", lambda seller: _get(api, seller, seller_id))

    def patch_listing(region: str, seller_id: str, sku: str) -> Response:
        return api.call(region, "patchListingsItem", lambda seller: _patch(api, applier, seller, seller_id))

    # A SKU may hold slashes, which werkzeug has decoded here and would otherwise fold.
    for method, view in (("GET", get_listing), ("PATCH", patch_listing)):
        rule = f"{base}/<path:sku>"
        app.add_url_rule(rule, view.__name__, view, methods=[method], merge_slashes=False)


def _sku() -> str | None:
    """The last segment of the address as it was sent; None when a slash was not encoded."""
    raw = str(request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI") or request.full_path)
    parts = raw.split("?", maxsplit=1)[0].split("/items/", 1)[1].split("/")
    return unquote(parts[1]) if len(parts) == 2 and parts[1] else None


def _site(args: dict[str, list[str]]) -> str:
    sites = values(args, "marketplaceIds")
    if len(sites) != 1:
        raise answers.InvalidInput("marketplaceIds must have exactly one value.")
    return sites[0]


def _data(args: dict[str, list[str]], known: frozenset[str], usual: str) -> set[str]:
    asked = set(values(args, "includedData")) or {usual}
    if strangers := asked - known:
        raise answers.InvalidInput(f"includedData does not know {sorted(strangers)[0]}.")
    return asked


def _get(api: Api, seller: Seller, seller_id: str) -> Worked:
    rate, sku = api.buckets.rate("getListingsItem"), _sku()
    facts: Json = {"sku": sku}
    if sku is None or seller_id != seller["seller_id"]:
        return answers.denied(), facts
    args = request.args.to_dict(flat=False)
    site, asked = _site(args), _data(args, SHOWN, "summaries")
    listing = Catalogue(api.world, seller).find(sku)
    if listing is None or site not in listing.sites:
        text = f"SKU '{sku}' not found in marketplace {site}"
        return answers.refusal(404, "NOT_FOUND", text, "", rate), facts
    return answers.answer(200, shown(listing, site, asked), rate), facts


def shown(listing: Listing, site: str, asked: set[str]) -> Json:
    """An Item of the contract, with the asked parts, on one site."""
    price = listing.price(site)
    sold_out = not listing.quantity
    status = [] if listing.suppressed else ["DISCOVERABLE"]
    status = ["BUYABLE", *status] if status and price is not None and not sold_out else status
    times = {"createdDate": iso_of(listing.made), "lastUpdatedDate": iso_of(listing.changed)}
    kind = {"marketplaceId": site, "productType": listing.product_type}
    summary = {**kind, "asin": listing.asin, "conditionType": "new_new", "status": status, "itemName": listing.title}
    parts: Json = {
        "summaries": [summary | times],
        "attributes": attributes.plain(_of_site(listing.attributes, site)),
        "issues": listing.issues,
        "offers": _offers(listing, site),
        "fulfillmentAvailability": [_availability(listing)],
        "procurement": [],
        "relationships": [],
        "productTypes": [kind],
    }
    return {"sku": listing.sku} | {name: parts[name] for name in parts if name in asked}


def _of_site(held: attributes.Attributes, site: str) -> attributes.Attributes:
    return {name: [one for one in ones if one.get("marketplace_id", site) == site] for name, ones in held.items()}


def _availability(listing: Listing) -> Json:
    found: Json = {"fulfillmentChannelCode": listing.channel}
    return found if listing.quantity is None else found | {"quantity": listing.quantity}


def _offers(listing: Listing, site: str) -> list[Json]:
    found = []
    for audience, kind, name in (("ALL", "B2C", "Sell on Amazon"), ("B2B", "B2B", "Amazon Business")):
        price = attributes.price_of(listing.attributes, site, audience)
        if price is not None:
            offer: Json = {"marketplaceId": site, "offerType": kind}
            money = {"currencyCode": attributes.MARKETPLACES[site].currency, "amount": f"{price:f}"}
            found.append(offer | {"price": money, "audience": {"value": audience, "displayName": name}})
    return found


def _patch(api: Api, applier: Applier, seller: Seller, seller_id: str) -> Worked:
    sku = _sku()
    facts: Json = {"sku": sku}
    if sku is None or seller_id != seller["seller_id"]:
        return answers.denied(), facts
    args = request.args.to_dict(flat=False)
    site = _site(args)
    asked = _data(args, frozenset({"issues", "identifiers"}), "issues")
    mode = (args.get("mode") or [""])[-1]
    if mode not in ("", "VALIDATION_PREVIEW"):
        raise answers.InvalidInput("mode must be VALIDATION_PREVIEW.")
    product_type, patches = _read_patches()
    catalogue = Catalogue(api.world, seller)
    issues = check(catalogue.held(sku), product_type, patches, site)
    issues += catalogue.refusals(sku, attributes.touched(patches), late=False)
    bad = any(one["severity"] == "ERROR" for one in issues)
    uid = uuid.uuid4().hex
    status = "INVALID" if bad else "VALID" if mode else "ACCEPTED"
    if status == "ACCEPTED":
        due = api.world.clock.timestamp() + catalogue.delays["patch"]
        catalogue.submit(sku, patches, site, "patch", due, uid)
        applier.start()
    facts |= {"site": site, "patch": status, "submission": uid, "patches": attributes.plain(patches)}
    api.world.ledger.record("amazon", "listing.patch", sku, {"seller": catalogue.id, **facts})
    body: Json = {"sku": sku, "status": status, "submissionId": uid, "issues": issues}
    if "identifiers" in asked:
        listing = catalogue.find(sku)
        body["identifiers"] = [{"marketplaceId": site, "asin": listing.asin}] if listing else []
    return answers.answer(200, body, api.buckets.rate("patchListingsItem")), facts


def _read_patches() -> tuple[str, list[Json]]:
    if request.mimetype != "application/json":
        raise answers.InvalidInput("The content type must be application/json.")
    try:
        body: Any = attributes.read_body(request.get_data())
        product_type, patches = body["productType"], body["patches"]
        good = isinstance(product_type, str) and product_type and patches and all(map(sound, patches))
    except (ValueError, KeyError, TypeError) as error:
        raise answers.InvalidInput("The body must have productType and patches.") from error
    if not good or set(body) - {"productType", "patches"}:
        raise answers.InvalidInput("The body must have productType and patches, each with op, path and value.")
    return product_type, patches


def sound(patch: Any) -> bool:
    """Whether it has the shape of a patch."""
    value = patch.get("value", [])
    shaped = patch.get("op") in attributes.OPS and isinstance(patch.get("path"), str) and isinstance(value, list)
    return shaped and not set(patch) - {"op", "path", "value"} and all(isinstance(one, dict) for one in value)


def check(listing: Listing | None, product_type: str, patches: list[Json], site: str) -> list[Json]:
    """What Amazon says at once against patches of a listing; an issue with severity ERROR refuses them."""
    if listing is None:
        text = "This SKU does not exist in the Amazon catalog. Your inventory data cannot be processed."
        return [attributes.issue("13013", text, "sku")]
    if product_type not in (ANY_TYPE, listing.product_type):
        text = f"The product type '{product_type}' is not the one of this listing."
        return [attributes.issue("90000901", text, "product_type")]
    return attributes.faults(patches, site, listing.channel)


def _search(api: Api, seller: Seller, seller_id: str) -> Worked:
    facts: Json = {"asked": seller_id}
    if seller_id != seller["seller_id"]:
        return answers.denied(), facts
    args = request.args.to_dict(flat=False)
    site, asked = _site(args), _data(args, SHOWN, "summaries")
    size = (args.get("pageSize") or ["10"])[-1]
    if not size.isascii() or not size.isdigit() or not 1 <= int(size) <= MOST:
        raise answers.InvalidInput("pageSize must be between 1 and 20.")
    identifiers, kind = values(args, "identifiers"), (args.get("identifiersType") or [""])[-1]
    if bool(identifiers) != bool(kind) or len(identifiers) > MOST or kind not in ("", "SKU", "ASIN"):
        raise answers.InvalidInput("identifiers (at most 20) and identifiersType must be given together.")
    start = _start(args)
    catalogue = Catalogue(api.world, seller)
    number, rows = _found(catalogue, site, identifiers, kind, (start, int(size)))
    found: Json = {"numberOfResults": number, "items": [shown(row, site, asked) for row in rows]}
    after = start + int(size)
    if after < min(number, FURTHEST):
        found["pagination"] = {"nextToken": base64.urlsafe_b64encode(str(after).encode()).decode()}
    return answers.answer(200, found, api.buckets.rate("searchListingsItems")), facts | {"items": len(rows)}


def _start(args: dict[str, list[str]]) -> int:
    token = (args.get("pageToken") or [""])[-1]
    try:
        return int(base64.urlsafe_b64decode(token)) if token else 0
    except ValueError:
        raise answers.InvalidInput("pageToken is not valid.") from None


def _found(
    catalogue: Catalogue, site: str, identifiers: list[str], kind: str, page: tuple[int, int]
) -> tuple[int, list[Listing]]:
    if kind == "SKU":
        listed = [one for sku in identifiers if (one := catalogue.find(sku)) is not None and site in one.sites]
        return len(listed), listed[page[0] : page[0] + page[1]]
    where, given = "seller = ? AND attributes LIKE ?", [catalogue.id, f'%"{site}"%']
    if kind == "ASIN":
        where += f" AND asin IN ({', '.join('?' * len(identifiers))})"
        given += identifiers
    counted = catalogue.store.one(f"SELECT count(*) AS n FROM listing WHERE {where}", *given)
    rows = catalogue.store.all(
        f"SELECT sku FROM listing WHERE {where} ORDER BY changed DESC, sku LIMIT ? OFFSET ?", *given, page[1], page[0]
    )
    listed = [one for row in rows if (one := catalogue.find(row["sku"])) is not None]
    return int(counted["n"]) if counted else 0, listed
