"""Owns the orders: those of a window of time, single ones, and that an order was shipped. Orders are made in generate.py."""

from datetime import datetime
from typing import Any

from flask import Flask, Response, request

from tests.sandbox.clock import iso, parse_instant
from tests.sandbox.tradera.gate import SELLER, Gate, Wrong, answer
from tests.sandbox.tradera.members import Member
from tests.sandbox.world import World

DATES = {"0": "createdDate", "1": "lastUpdatedDate"}
Row = dict[str, Any]


def register(app: Flask, world: World, gate: Gate) -> None:
    """Add the methods of `/v4/orders`."""
    base = "/tradera/v4/orders"

    @app.get(base)
    def tradera_orders() -> Response:
        return gate.call("searchOrders", SELLER, lambda member: answer(_window(gate, member)))

    @app.get(f"{base}/<ids>")
    def tradera_orders_by_id(ids: str) -> Response:
        def work(member: Member) -> Response:
            wanted = ids.split(",")
            if not all(one.isdigit() for one in wanted):
                raise Wrong("orderIds must be numbers.")
            mine = rows_of(gate, member["seller_id"])
            found = [mine[one]["order"] for one in wanted if one in mine]
            if not found:
                raise Wrong("Order not found", 404)
            return answer(found)

        return gate.call("getOrders", SELLER, work)

    @app.post(f"{base}/<int:order_id>/ship")
    def tradera_ship(order_id: int) -> Response:
        def work(member: Member) -> Response:
            with world.lock:
                row = rows_of(gate, member["seller_id"]).get(str(order_id))
                if row is None:
                    raise Wrong("Order not found", 404)
                if row["shipped"] and member["strict_ship"]:
                    raise Wrong("The order is already marked as shipped.")
                again, row["shipped"] = row["shipped"], True
                row["order"]["lastUpdatedDate"] = iso(world.clock.now())
                gate.members.touch()
            effect = "shipment.repeated" if again else "shipment.confirmed"
            world.ledger.record(
                "tradera", effect, str(order_id), {"seller": member["seller_id"], "order": str(order_id)}
            )
            return answer({"orderId": order_id})

        return gate.call("shipOrder", SELLER, work)


def rows_of(gate: Gate, member_id: str) -> dict[str, Row]:
    """The member's orders by number: {order, shipped}."""
    found: dict[str, Row] = gate.members.table("orders").setdefault(member_id, {})
    return found


def _window(gate: Gate, member: Member) -> list[Row]:
    args = request.args
    mode = DATES.get(args.get("queryDateMode", "0"))
    if mode is None:
        raise Wrong("queryDateMode must be 0 or 1")
    start, end = _instant(args.get("fromDate"), "fromDate"), _instant(args.get("toDate"), "toDate")
    if end <= start:
        raise Wrong("fromDate must be before toDate")
    with gate.world.lock:
        rows = [row["order"] for row in rows_of(gate, member["seller_id"]).values()]
    return [order for order in rows if start <= parse_instant(order[mode]) <= end]


def _instant(text: str | None, name: str) -> datetime:
    try:
        return parse_instant(text or "")
    except ValueError as error:
        raise Wrong(f"{name} is not a date") from error
