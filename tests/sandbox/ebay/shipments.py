"""Owns packages: createShippingFulfillment and getShippingFulfillments. A repeat makes a second package, or is refused."""

import re
from datetime import timedelta
from typing import Any

from flask import Flask, Response, request

from tests.sandbox.ebay.answers import FULFILLMENT, answer, refusal
from tests.sandbox.ebay.gate import Gate, moment, stamp
from tests.sandbox.ebay.orders import PATH
from tests.sandbox.ebay.users import User

SHIPMENTS = f"{PATH}/<order_id>/shipping_fulfillment"
_NUMBER = re.compile(r"[A-Za-z0-9]{1,100}")
_CARRIER = re.compile(r"[A-Za-z0-9 -]{1,100}")


class Wrong(Exception):
    """What is refused: (error number, message)."""


def register(app: Flask, gate: Gate) -> None:
    """Add both calls (system "ebay", label seller)."""

    @app.get(SHIPMENTS)
    def ebay_shipments(order_id: str) -> Response:
        return gate.enter("fulfillment", "getShippingFulfillments", lambda user: _read(gate, user, order_id))

    @app.post(SHIPMENTS)
    def ebay_ship(order_id: str) -> Response:
        return gate.enter("fulfillment", "createShippingFulfillment", lambda user: _create(gate, user, order_id))


def _read(gate: Gate, user: User, order_id: str) -> Response:
    order = gate.users.part["orders"][user["user_id"]].get(order_id)
    if order is None:
        return refusal(400, 32100, f"Invalid order ID: {order_id}", FULFILLMENT)
    rows = gate.users.part.setdefault("shipments", {}).get(order_id, [])
    return answer(200, {"fulfillments": rows, "total": len(rows)})


def _create(gate: Gate, user: User, order_id: str) -> Response:
    order = gate.users.part["orders"][user["user_id"]].get(order_id)
    if user["suspended"]:
        return refusal(400, 32400, "Requested user is suspended", FULFILLMENT)
    if order is None:
        return refusal(400, 32100, f"Invalid Order Id: {order_id}", FULFILLMENT)
    rows = gate.users.part.setdefault("shipments", {}).setdefault(order_id, [])
    try:
        made = _checked(gate, order, rows, request.get_json(silent=True))
    except Wrong as wrong:
        return refusal(400, wrong.args[0], wrong.args[1], FULFILLMENT)
    rows.append(made)
    _mark(order, made, gate)
    gate.users.touch()
    told = {"seller": user["user_id"], "order": order_id, **made}
    gate.world.ledger.record("ebay", "shipment.confirmed", f"{order_id}/{made['fulfillmentId']}", told)
    path = SHIPMENTS.replace("<order_id>", order_id)
    return answer(201, Location=f"{gate.world.url}{path}/{made['fulfillmentId']}")


def _checked(gate: Gate, order: dict[str, Any], rows: list[dict[str, Any]], body: Any) -> dict[str, Any]:
    if not isinstance(body, dict) or not isinstance(body.get("lineItems"), list) or not body["lineItems"]:
        raise Wrong(32600, "Invalid input data")
    ids = [one.get("lineItemId") for one in body["lineItems"]]
    if len(set(ids)) < len(ids):
        raise Wrong(32210, "Duplicate line item in the request")
    known = {item["lineItemId"]: item["quantity"] for item in order["lineItems"]}
    for one in body["lineItems"]:
        if one.get("lineItemId") not in known:
            raise Wrong(32200, f"Invalid line item id: {one.get('lineItemId')}")
        if not 1 <= int(one.get("quantity", 1)) <= known[one["lineItemId"]]:
            raise Wrong(32600, "Invalid input data")
    number, carrier = body.get("trackingNumber", ""), body.get("shippingCarrierCode", "")
    if bool(number) != bool(carrier) or (number and not (_NUMBER.fullmatch(number) and _CARRIER.fullmatch(carrier))):
        raise Wrong(32300, "Invalid shipment tracking number or carrier")
    if number and number in [row.get("shipmentTrackingNumber") for row in rows]:
        raise Wrong(32300, "Invalid shipment tracking number or carrier")
    try:
        shipped = moment(body["shippedDate"]) if body.get("shippedDate") else gate.world.clock.now()
    except ValueError:
        raise Wrong(32500, "Invalid shipped date") from None
    if not moment(order["creationDate"]) - timedelta(seconds=1) <= shipped <= gate.world.clock.now():
        raise Wrong(32500, "Invalid shipped date")
    told = {"shipmentTrackingNumber": number, "shippingCarrierCode": carrier} if number else {}
    return {
        "fulfillmentId": number or str(999 + len(rows)),
        "lineItems": [
            {"lineItemId": one["lineItemId"], "quantity": int(one.get("quantity", 1))} for one in body["lineItems"]
        ],
        "shippedDate": stamp(shipped),
        **told,
    }


def _mark(order: dict[str, Any], made: dict[str, Any], gate: Gate) -> None:
    """A position counts as shipped as soon as any piece of it has."""
    shipped = {one["lineItemId"] for one in made["lineItems"]}
    for item in order["lineItems"]:
        if item["lineItemId"] in shipped:
            item["lineItemFulfillmentStatus"] = "FULFILLED"
    done = [item["lineItemFulfillmentStatus"] == "FULFILLED" for item in order["lineItems"]]
    order["orderFulfillmentStatus"] = "FULFILLED" if all(done) else "IN_PROGRESS"
    order["lastModifiedDate"] = stamp(gate.world.clock.now())
