"""Owns the stored orders of each seller, as full Order objects of the contract, and their changes."""

from collections.abc import Mapping
from typing import Any

from tests.sandbox.clock import iso, parse_instant
from tests.sandbox.world import World

Order = dict[str, Any]


def _part(seller_id: str) -> str:
    return f"amazon.orders.{seller_id.lower()}"


def stored(world: World, seller_id: str) -> dict[str, dict[str, Any]]:
    """Rows {"order", "created", "updated"} by order id; the times are unix seconds."""
    rows: dict[str, dict[str, Any]] = world.part(_part(seller_id)).setdefault("orders", {})
    return rows


def put(world: World, seller_id: str, order: Order) -> str:
    """Store an order as it is, over an older one with the same id. Only orderId is needed: hostile ones are welcome."""
    order_id = order.get("orderId")
    if not order_id:
        raise ValueError("an order needs an orderId")
    now = world.clock.timestamp()
    created = _seconds(order.get("createdTime"), now)
    row = {"order": order, "created": created, "updated": _seconds(order.get("lastUpdatedTime"), created)}
    with world.lock:
        stored(world, seller_id)[str(order_id)] = row
    world.touch(_part(seller_id))
    return str(order_id)


def _seconds(text: object, fallback: float) -> float:
    try:
        return parse_instant(str(text)).timestamp()
    except ValueError:
        return fallback


def change(world: World, seller_id: str, order_id: str, wish: Mapping[str, Any]) -> Order:
    """Change an order now: {"status"?, "cancel_request"?: reason, "merge"?: fields}; its lastUpdatedTime moves.

    Raises ValueError when the order is unknown.
    """
    with world.lock:
        row = stored(world, seller_id).get(order_id)
        if row is None:
            raise ValueError(f"no such order: {order_id}")
        order: Order = row["order"] | dict(wish.get("merge") or {})
        order["lastUpdatedTime"] = iso(world.clock.now())
        if "status" in wish:
            _set_status(order, str(wish["status"]))
        if "cancel_request" in wish:
            request = {"requester": "BUYER", "cancelReason": str(wish["cancel_request"])}
            for item in order["orderItems"]:
                item.setdefault("cancellation", {})["cancellationRequest"] = request
        put(world, seller_id, order)
    return order


def _set_status(order: Order, status: str) -> None:
    order["fulfillment"] = order.get("fulfillment", {}) | {"fulfillmentStatus": status}
    for item in order["orderItems"]:
        ordered = item["quantityOrdered"]
        done = {"SHIPPED": ordered, "PARTIALLY_SHIPPED": ordered // 2}.get(status, 0)
        left = 0 if status == "CANCELLED" else ordered - done
        item["fulfillment"] = item.get("fulfillment", {}) | {"quantityFulfilled": done, "quantityUnfulfilled": left}
        if status == "CANCELLED":
            execution = {"cancelledBy": "BUYER", "cancelReason": "NO_LONGER_NEEDED"}
            item.setdefault("cancellation", {})["cancellationExecution"] = execution
