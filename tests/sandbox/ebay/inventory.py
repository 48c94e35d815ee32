"""Owns items and offers: reading them page by page, and bulkUpdatePriceQuantity with its partial answers."""

from decimal import Decimal, InvalidOperation
from typing import Any

from flask import Flask, Response, request

from tests.sandbox.ebay.answers import INVENTORY, answer, error, refusal
from tests.sandbox.ebay.gate import API, Gate
from tests.sandbox.ebay.users import SITES, User

BASE = f"{API}/sell/inventory/v1"
MOST = 25


def register(app: Flask, gate: Gate) -> None:
    """Add the four calls (system "ebay", label seller)."""

    @app.get(f"{BASE}/inventory_item")
    def ebay_items() -> Response:
        return gate.enter("inventory", "getInventoryItems", lambda user: _items(gate, user))

    @app.get(f"{BASE}/inventory_item/<path:sku>")
    def ebay_item(sku: str) -> Response:
        return gate.enter("inventory", "getInventoryItem", lambda user: _item(gate, user, sku))

    @app.get(f"{BASE}/offer")
    def ebay_offers() -> Response:
        return gate.enter("inventory", "getOffers", lambda user: _offers(gate, user))

    @app.post(f"{BASE}/bulk_update_price_quantity")
    def ebay_update() -> Response:
        return gate.enter("inventory", "bulkUpdatePriceQuantity", lambda user: _update(gate, user))


def put(gate: Gate, user_id: str, wish: dict[str, Any]) -> dict[str, Any]:
    """An item with its offer from {sku, title?, price?, quantity?, site?, currency?, status?}."""
    unknown = set(wish) - {"sku", "title", "price", "quantity", "site", "currency", "status"}
    if unknown:
        raise ValueError(f"unknown fields: {sorted(unknown)}")
    user, sku = gate.users.get(user_id), str(wish["sku"])
    site, quantity = str(wish.get("site") or user["site"]), int(wish.get("quantity", 5))
    currency = str(wish.get("currency") or SITES[site][0])
    status = str(wish.get("status") or "PUBLISHED")
    number = gate.world.next_id("ebay.offer")
    offer: dict[str, Any] = {
        "offerId": str(8_000_000_000 + number),
        "sku": sku,
        "marketplaceId": site,
        "format": "FIXED_PRICE",
        "availableQuantity": quantity,
        "hideBuyerDetails": False,
        "includeCatalogProductDetails": True,
        "listingDuration": "GTC",
        "listingPolicies": {"fulfillmentPolicyId": "6196932000"},
        "pricingSummary": {"price": {"value": str(wish.get("price", "19.90")), "currency": currency}},
        "status": status,
    }
    if status == "PUBLISHED":
        listing = {"listingId": str(110_000_000_000 + number), "listingStatus": "ACTIVE", "soldQuantity": 0}
        offer["listing"] = listing
    item = {
        "sku": sku,
        "locale": "de_DE",
        "condition": "NEW",
        "product": {"title": str(wish.get("title") or f"Thing {sku}"), "description": "Example."},
        "availability": {"shipToLocationAvailability": {"quantity": quantity}},
    }
    with gate.world.lock:
        gate.users.part["items"][user_id][sku] = item
        gate.users.part["offers"][user_id][offer["offerId"]] = offer
    gate.users.touch()
    return {"sku": sku, "offerId": offer["offerId"]}


def _items(gate: Gate, user: User) -> Response:
    try:
        limit, page = int(request.args.get("limit", 25)), int(request.args.get("offset", 0))
    except ValueError:
        limit, page = 0, 0
    if not 1 <= limit <= 200 or page < 0:
        return refusal(400, 25706, "You have provided invalid pagination values.", INVENTORY)
    rows = list(gate.users.part["items"][user["user_id"]].values())
    here = rows[page * limit : (page + 1) * limit]
    href = f"{gate.world.url}{BASE}/inventory_item?limit={limit}&offset={page}"
    body = {"href": href, "limit": limit, "size": len(here), "total": len(rows), "inventoryItems": here}
    if (page + 1) * limit < len(rows):
        body["next"] = f"{gate.world.url}{BASE}/inventory_item?limit={limit}&offset={page + 1}"
    return answer(200, body)


def _item(gate: Gate, user: User, sku: str) -> Response:
    item = gate.users.part["items"][user["user_id"]].get(sku)
    if item is None:
        return refusal(404, 25710, "We didn't find the resource/entity you are requesting.", INVENTORY)
    return answer(200, item)


def _offers(gate: Gate, user: User) -> Response:
    asked = request.args
    if not asked.get("sku"):
        return refusal(400, 25709, "Invalid value for sku.", INVENTORY, fieldName="sku")
    rows = [
        one
        for one in gate.users.part["offers"][user["user_id"]].values()
        if one["sku"] == asked["sku"]
        and one["marketplaceId"] == asked.get("marketplace_id", one["marketplaceId"])
        and one["format"] == asked.get("format", one["format"])
    ]
    if not rows:
        return refusal(404, 25713, "This Offer is not available.", INVENTORY)
    href = f"{gate.world.url}{BASE}/offer"
    return answer(200, {"href": href, "limit": 100, "size": len(rows), "total": len(rows), "offers": rows})


def _update(gate: Gate, user: User) -> Response:
    body = request.get_json(silent=True)
    wishes = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(wishes, list) or not 1 <= len(wishes) <= MOST:
        return refusal(400, 25709, "Invalid value for requests.", INVENTORY, fieldName="requests")
    if gate.users.settings["one_sku"] and len(wishes) > 1:
        return refusal(400, 25002, "Any User error. Only one SKU can be updated per call.", INVENTORY)
    rows = [row for wish in wishes for row in _one(gate, user["user_id"], wish)]
    gate.users.touch()
    good = all(row["statusCode"] == 200 for row in rows)
    return answer(200 if good else 207, {"responses": rows})


def _one(gate: Gate, user_id: str, wish: dict[str, Any]) -> list[dict[str, Any]]:
    """What became of one SKU: an answer for each of its offers, or one for its stock alone."""
    sku, part = str(wish.get("sku")), gate.users.part
    item = part["items"][user_id].get(sku)
    if item is None:
        told = f"{sku} could not be found or is not available in the system."
        return [{"sku": sku, "statusCode": 404, "errors": [error(25702, told, domain=INVENTORY)]}]
    stock = (wish.get("shipToLocationAvailability") or {}).get("quantity")
    found = []
    for asked in wish.get("offers") or [{}]:
        offer = part["offers"][user_id].get(asked.get("offerId", ""))
        made: dict[str, Any] = {"sku": sku, "statusCode": 200, "errors": [], "warnings": []}
        made |= {"offerId": asked["offerId"]} if "offerId" in asked else {}
        trouble = _trouble(gate, user_id, sku, offer, asked, stock)
        if trouble is not None:
            made |= {"statusCode": 400, "errors": [trouble]}
        else:
            _apply(gate, user_id, item, offer, asked, stock)
        found.append(made)
    return found


def _trouble(
    gate: Gate, user_id: str, sku: str, offer: dict[str, Any] | None, asked: dict[str, Any], stock: Any
) -> dict[str, Any] | None:
    refused = gate.users.part["refusals"][user_id].get(sku)
    if refused:
        return dict(error(int(refused["code"]), refused["message"], domain=INVENTORY, fieldName=refused["field"]))
    if asked and (offer is None or offer["sku"] != sku):
        return dict(error(25713, "This Offer is not available.", domain=INVENTORY))
    for value in (stock, asked.get("availableQuantity")):
        if value is not None and (not isinstance(value, int) or value < 0):
            return dict(error(25709, "Invalid value for quantity.", domain=INVENTORY, fieldName="quantity"))
    price = asked.get("price")
    try:
        cheap = price is not None and Decimal(price["value"]) < Decimal("0.99")
    except (InvalidOperation, KeyError, TypeError):
        cheap = True
    wrong = offer is not None and price and price["currency"] != offer["pricingSummary"]["price"]["currency"]
    if cheap or wrong:
        return dict(error(25709, "Invalid value for price.", domain=INVENTORY, fieldName="price"))
    return None


def _apply(
    gate: Gate, user_id: str, item: dict[str, Any], offer: dict[str, Any] | None, asked: dict[str, Any], stock: Any
) -> None:
    if stock is not None:
        item["availability"]["shipToLocationAvailability"]["quantity"] = stock
    if offer is not None:
        offer["availableQuantity"] = asked.get("availableQuantity", offer["availableQuantity"])
        if "price" in asked:
            offer["pricingSummary"]["price"] = dict(asked["price"])
        if "listing" in offer:
            offer["listing"]["listingStatus"] = "ACTIVE" if offer["availableQuantity"] else "OUT_OF_STOCK"
    told = {"seller": user_id, "quantity": stock, "price": (asked.get("price") or {}).get("value")}
    gate.world.ledger.record("ebay", "listing.applied", item["sku"], told)
