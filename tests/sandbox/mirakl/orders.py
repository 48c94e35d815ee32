"""Owns the orders of a shop: OR11, OR21, OR23, OR24. What is due by itself has happened whoever looks."""

import json
from datetime import timedelta
from typing import Any

from flask import Flask, Response, request

from tests.sandbox.clock import iso, parse_instant
from tests.sandbox.mirakl.account import CARRIERS
from tests.sandbox.mirakl.gate import BASE, Gate, Wrong, answer, paged
from tests.sandbox.mirakl.shops import Shop, named

HIDDEN = ("STAGING", "WAITING_ACCEPTANCE", "WAITING_DEBIT", "WAITING_DEBIT_PAYMENT")
DELTA = timedelta(seconds=5)  # the vendor looks so much further back than it is asked


def register(app: Flask, gate: Gate) -> None:
    """Add the operations."""

    @app.get(f"{BASE}/orders")
    def mirakl_list_orders(instance: str) -> Response:
        return gate.call(instance, "OR11", lambda shop: _list(gate, shop))

    @app.put(f"{BASE}/orders/<path:order_id>/accept")
    def mirakl_accept(instance: str, order_id: str) -> Response:
        return gate.call(instance, "OR21", lambda shop: _accept(gate, shop, order_id))

    @app.put(f"{BASE}/orders/<path:order_id>/tracking")
    def mirakl_tracking(instance: str, order_id: str) -> Response:
        return gate.call(instance, "OR23", lambda shop: _track(gate, shop, order_id))

    @app.put(f"{BASE}/orders/<path:order_id>/ship")
    def mirakl_ship(instance: str, order_id: str) -> Response:
        return gate.call(instance, "OR24", lambda shop: _ship(gate, shop, order_id))


def put(gate: Gate, shop: Shop, order: dict[str, Any]) -> str:
    """Store an order; its id."""
    with gate.world.lock:
        gate.shops.table("orders", shop)[str(order["order_id"])] = order
    gate.shops.touch()
    return str(order["order_id"])


def change(gate: Gate, shop: Shop, order_id: str, **fields: Any) -> dict[str, Any]:
    """Change an order now, and its lines' state with its own."""
    with gate.world.lock:
        order = gate.shops.table("orders", shop)[order_id]
        order.update(fields, last_updated_date=iso(gate.world.clock.now()))
        order["can_shop_ship"] = order["order_state"] == "SHIPPING"
        for line in order["order_lines"] if "order_state" in fields else ():
            line["order_line_state"] = order["order_state"]
        gate.shops.touch()
        return dict(order)


def settle(gate: Gate, shop: Shop) -> None:
    """What was accepted and is debited meanwhile can be shipped."""
    now = gate.world.clock.now()
    with gate.world.lock:
        for order in gate.shops.table("orders", shop).values():
            due = order.get("_debited_at")
            if due and order["order_state"] == "WAITING_DEBIT" and parse_instant(due) <= now:
                change(gate, shop, order["order_id"], order_state="SHIPPING", last_updated_date=due, _debited_at=None)


def shown(order: dict[str, Any]) -> dict[str, Any]:
    """The order as the wire tells it: the whole address only once it can be shipped."""
    told = {name: value for name, value in order.items() if not name.startswith("_") and value is not None}
    if order["order_state"] in HIDDEN:
        masked = {"city": "", "country": "", "country_iso_code": "", "lastname": "", "street_1": ""}
        told["customer"] = {**order["customer"], "shipping_address": masked, "billing_address": masked}
    return told


def _list(gate: Gate, shop: Shop) -> Response:
    settle(gate, shop)
    with gate.world.lock:
        rows = [shown(one) for one in gate.shops.table("orders", shop).values()]
    rows = [one for one in rows if _wanted(one)]
    rows.sort(key=lambda one: (one["created_date"], one["order_id"]))
    return answer({"orders": paged(rows), "total_count": len(rows)})


def _wanted(order: dict[str, Any]) -> bool:
    args = request.args
    ids, states = args.get("order_ids", ""), args.get("order_state_codes", "")
    bounds = (("start_date", "created_date", False), ("end_date", "created_date", True),
              ("start_update_date", "last_updated_date", False), ("end_update_date", "last_updated_date", True))  # fmt: skip
    for name, field, upper in bounds:
        if name in args:
            bound, at = _instant(args[name]), parse_instant(order[field])
            if (at > bound) if upper else (at < bound - (DELTA if "update" in name else timedelta(0))):
                return False
    return (not ids or order["order_id"] in ids.split(",")) and (
        not states or order["order_state"] in states.split(",")
    )


def _instant(text: str) -> Any:
    try:
        return parse_instant(text)
    except ValueError:
        raise Wrong(f"not a date: {text[:40]}") from None


def _found(gate: Gate, shop: Shop, order_id: str) -> dict[str, Any]:
    settle(gate, shop)
    order: dict[str, Any] | None = gate.shops.table("orders", shop).get(order_id)
    if order is None:
        raise Wrong("The requested order does not exist", 404, "ORDER_NOT_FOUND")
    return order


def _body() -> dict[str, Any]:
    try:
        told = json.loads(request.get_data() or b"{}")
    except ValueError:
        raise Wrong("The body is no JSON") from None
    if not isinstance(told, dict):
        raise Wrong("The body must be an object")
    return told


def _accept(gate: Gate, shop: Shop, order_id: str) -> Response:
    order = _found(gate, shop, order_id)
    if order["order_state"] != "WAITING_ACCEPTANCE":
        raise Wrong("Order is not in the expected state for this operation", 400, "ORDER_INVALID_STATE")
    if shop["refuse_accept"]:
        raise Wrong(str(shop["refuse_accept"]), 400, "VALIDATION_ERROR")
    told = {str(one.get("id")): one.get("accepted") for one in _body().get("order_lines") or ()}
    if set(told) != {line["order_line_id"] for line in order["order_lines"]}:
        raise Wrong(
            "Some order lines are missing from the acceptance decision", 400, "ORDER_LINE_ACCEPTANCE_DECISION_MISSING"
        )
    now = gate.world.clock.now()
    accepted = all(value is True for value in told.values())
    due = iso(now + timedelta(seconds=float(shop["debit_seconds"])))
    state = {"order_state": "WAITING_DEBIT", "_debited_at": due} if accepted else {"order_state": "REFUSED"}
    change(gate, shop, order_id, acceptance_decision_date=iso(now), **state)
    gate.world.ledger.record("mirakl", "order.accepted", order_id, {"shop": named(shop), "accepted": accepted})
    return answer(None, 204)


def _track(gate: Gate, shop: Shop, order_id: str) -> Response:
    order, told = _found(gate, shop, order_id), _body()
    if order["order_state"] not in ("SHIPPING", "SHIPPED", "TO_COLLECT", "RECEIVED"):
        raise Wrong("Order is not in the expected state for this operation", 400, "ORDER_INVALID_STATE")
    code, name = told.get("carrier_code"), told.get("carrier_name")
    known = {one[0]: one[1] for one in CARRIERS}
    if (code and code not in known) or not (code or name):
        raise Wrong("Unknown carrier", 400, "CARRIER_NOT_FOUND")
    if code and not told.get("tracking_number"):
        raise Wrong("The tracking number is mandatory for this carrier")
    before = order.get("shipping_tracking")
    change(
        gate, shop, order_id, shipping_carrier_code=code or None, shipping_company=known.get(str(code), name),
        shipping_tracking=told.get("tracking_number"),
    )  # fmt: skip
    effect = "shipment.edited" if order["order_state"] != "SHIPPING" else "shipment.tracked"
    facts = {"shop": named(shop), "tracking": told.get("tracking_number"), "before": before, "carrier": code or name}
    gate.world.ledger.record("mirakl", effect, order_id, facts)
    return answer(None, 204)


def _ship(gate: Gate, shop: Shop, order_id: str) -> Response:
    order = _found(gate, shop, order_id)
    if order["order_state"] != "SHIPPING":
        raise Wrong("Order is not in the expected state for this operation", 400, "ORDER_INVALID_STATE")
    change(gate, shop, order_id, order_state="SHIPPED")
    facts = {
        "shop": named(shop),
        "tracking": order.get("shipping_tracking"),
        "carrier": order.get("shipping_carrier_code"),
    }
    gate.world.ledger.record("mirakl", "shipment.confirmed", order_id, facts)
    return answer(None, 204)
