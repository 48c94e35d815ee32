"""Owns confirmShipment: what Amazon takes of a package, what it refuses and how, and what an order shows afterwards.

A package is known by a number of the seller's within its order; the same number again edits it. Once every unit has
shipped, a package under another number is not found. Quantities never exceed what was ordered.
"""

import json
import re
from collections import Counter
from datetime import timedelta
from typing import Any

from flask import Flask, Response, request

from tests.sandbox.amazon import answers
from tests.sandbox.amazon.orders import ORDER_ID, Api
from tests.sandbox.amazon.sellers import Seller
from tests.sandbox.amazon.shelf import put, stored
from tests.sandbox.clock import iso, parse_instant

Json = dict[str, Any]
OPERATION = "confirmShipment"
CONFIRMED, EDITED = "shipment.confirmed", "shipment.edited"
MOST_UPDATES = 20
CLOCK_TOLERANCE = timedelta(seconds=60)
REQUIRED = ("packageReferenceId", "carrierCode", "trackingNumber", "shipDate", "orderItems")
KNOWN = {*REQUIRED, "carrierName", "shippingMethod", "shipFromSupplySourceId"}
NOT_FOUND = (
    "Failed to create package due to not finding a matching package or order already fulfilled. "
    "ErrorMessage(errorCode=InvalidInput, errorMetric=PackageToUpdateNotFound, packageReferenceId={})"
)
_TRACKING = re.compile(r"[0-9A-Za-z][0-9A-Za-z \-./]{3,59}")


class Refused(Exception):
    """A 400 with these words."""


def register(app: Flask, api: Api) -> None:
    """Add POST /orders/v0/orders/{orderId}/shipmentConfirmation."""

    @app.post("/amazon/api/<region>/orders/v0/orders/<order_id>/shipmentConfirmation")
    def confirm_shipment(region: str, order_id: str) -> Response:
        return api.call(region, OPERATION, lambda seller: _confirm(api, seller, region, order_id))


def _key(order_id: str, reference: str) -> str:
    return f"{order_id}/{reference}"


def _confirm(api: Api, seller: Seller, region: str, order_id: str) -> tuple[Response, Json]:
    rate = api.buckets.rate(OPERATION)
    facts: Json = {"order_id": order_id}
    if not ORDER_ID.fullmatch(order_id):
        return answers.refusal(400, "InvalidInput", "Invalid Input", None, rate), facts
    with api.world.lock:
        row = stored(api.world, seller["seller_id"]).get(order_id)
        if row is None:
            return answers.refusal(404, "NotFound", "The requested order was not found.", "", rate), facts
        try:
            package, before = _checked(api, row["order"])
        except Refused as wrong:
            facts["refused"] = str(wrong)
            return answers.refusal(400, "InvalidInput", str(wrong), "", rate), facts
        _keep(api, seller, row["order"], package)
    key = _key(order_id, package["packageReferenceId"])
    body = {"seller": seller["seller_id"], "order_id": order_id, **package}
    api.world.ledger.record("amazon", EDITED if before else CONFIRMED, key, body)
    response = Response(status=204)
    response.headers["x-amzn-RateLimit-Limit"] = f"{rate:.10g}"
    return response, facts


def _checked(api: Api, order: Json) -> tuple[Json, Json | None]:
    """The package as the order will show it, and the one it takes the place of. Raises Refused."""
    wish = _wish()
    if wish["marketplaceId"] != order["salesChannel"]["marketplaceId"]:
        raise Refused("MarketplaceId: does not match the order.")
    detail: Json = wish["packageDetail"]
    reference = detail["packageReferenceId"]
    if not isinstance(reference, str) or not reference.isascii() or not reference.isdigit() or int(reference) < 1:
        raise Refused("PackageReferenceId: is invalid, must be a positive numeric value.")
    status = order["fulfillment"]["fulfillmentStatus"]
    if order["fulfillment"].get("fulfilledBy") != "MERCHANT" or status in (
        "PENDING",
        "PENDING_AVAILABILITY",
        "CANCELLED",
    ):
        raise Refused(f"The order is not in a state in which it can be shipped: {status}.")
    before = next((one for one in order.get("packages") or () if one["packageReferenceId"] == reference), None)
    if before is None and status == "SHIPPED":
        raise Refused(NOT_FOUND.format(reference))
    key = _key(order["orderId"], reference)
    if before is not None and len(api.world.ledger.find(effect=EDITED, key=key)) >= MOST_UPDATES:
        raise Refused("The package has reached the maximum number of allowed updates.")
    package = {
        "packageReferenceId": reference,
        "createdTime": before["createdTime"] if before else iso(api.world.clock.now()),
        "packageStatus": {"status": "SHIPPED"},
        "carrier": _carrier(detail),
        "shipTime": _ship_time(api, order, detail["shipDate"]),
        "shippingService": str(detail.get("shippingMethod") or "Standard"),
        "trackingNumber": _tracking(detail["trackingNumber"]),
        "packageItems": _package_items(order, reference, detail["orderItems"]),
    }
    return package, before


def _wish() -> Json:
    """The body, if it has the shape of ConfirmShipmentRequest."""
    try:
        wish = json.loads(request.get_data())
    except ValueError:
        raise Refused("Invalid Input") from None
    detail = wish.get("packageDetail") if isinstance(wish, dict) else None
    if not isinstance(detail, dict) or not isinstance(wish.get("marketplaceId"), str):
        raise Refused("Invalid Input")
    unknown = set(wish) - {"marketplaceId", "packageDetail", "codCollectionMethod"} | set(detail) - KNOWN
    missing = [name for name in REQUIRED if not detail.get(name)]
    texts = [detail[name] for name in KNOWN - {"orderItems"} if name in detail]
    if unknown or missing or not all(isinstance(one, str) for one in texts):
        raise Refused(f"Invalid Input: {', '.join(sorted(unknown) + missing) or 'a text was expected'}")
    found: Json = wish
    return found


def _carrier(detail: Json) -> str:
    if detail["carrierCode"] == "Other":
        if not detail.get("carrierName"):
            raise Refused("CarrierName: is required when carrierCode is Other.")
        return str(detail["carrierName"])
    return str(detail["carrierCode"])


def _tracking(number: str) -> str:
    if not _TRACKING.fullmatch(number):
        raise Refused("TrackingNumber: is invalid.")
    return number


def _ship_time(api: Api, order: Json, text: str) -> str:
    try:
        when = parse_instant(text)
    except ValueError:
        raise Refused("Invalid Input") from None
    if when > api.world.clock.now() + CLOCK_TOLERANCE:
        raise Refused("ShipDate: must not be in the future.")
    if when < parse_instant(order["createdTime"]):
        raise Refused("ShipDate: must not be before the purchase date.")
    return iso(when)


def _package_items(order: Json, reference: str, asked: Any) -> list[Json]:
    ordered = {item["orderItemId"]: item["quantityOrdered"] for item in order["orderItems"]}
    elsewhere: Counter[str] = Counter()
    for other in order.get("packages") or ():
        if other["packageReferenceId"] != reference:
            for one in other["packageItems"]:
                elsewhere[one["orderItemId"]] += one["quantity"]
    if not isinstance(asked, list):
        raise Refused("Invalid Input")
    found: Counter[str] = Counter()
    for one in asked:
        if not isinstance(one, dict) or set(one) - {"orderItemId", "quantity", "transparencyCodes"}:
            raise Refused("Invalid Input")
        item, quantity = one.get("orderItemId"), one.get("quantity")
        if item not in ordered:
            raise Refused(f"NonexistentOrderItem: {item}")
        if isinstance(quantity, bool) or not isinstance(quantity, int) or quantity < 1:
            raise Refused("Quantity: must be a positive integer.")
        found[item] += quantity
    for item, quantity in found.items():
        if quantity + elsewhere[item] > ordered[item]:
            raise Refused(f"Quantity: more than was ordered of item {item}.")
    return [{"orderItemId": item, "quantity": quantity} for item, quantity in found.items()]


def _keep(api: Api, seller: Seller, order: Json, package: Json) -> None:
    """Put the package into the order, and let its state follow."""
    kept = [one for one in order.get("packages") or () if one["packageReferenceId"] != package["packageReferenceId"]]
    order["packages"] = [*kept, package]
    done: Counter[str] = Counter()
    for one in order["packages"]:
        for item in one["packageItems"]:
            done[item["orderItemId"]] += item["quantity"]
    for item in order["orderItems"]:
        sent = done[item["orderItemId"]]
        left = item["quantityOrdered"] - sent
        item["fulfillment"] = item.get("fulfillment", {}) | {"quantityFulfilled": sent, "quantityUnfulfilled": left}
    whole = all(done[item["orderItemId"]] >= item["quantityOrdered"] for item in order["orderItems"])
    order["fulfillment"]["fulfillmentStatus"] = "SHIPPED" if whole else "PARTIALLY_SHIPPED"
    order["lastUpdatedTime"] = iso(api.world.clock.now())
    put(api.world, seller["seller_id"], order)
