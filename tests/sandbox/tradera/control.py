"""Owns the control endpoints of this stand-in: members, their orders, items and states, and its settings."""

from typing import Any

from flask import Flask, Response, jsonify

from tests.sandbox.clock import iso
from tests.sandbox.control import body
from tests.sandbox.tradera.gate import Gate
from tests.sandbox.tradera.generate import kronor, make_item, make_orders, pay
from tests.sandbox.tradera.items import items_of
from tests.sandbox.tradera.members import Members
from tests.sandbox.tradera.orders import rows_of
from tests.sandbox.world import World

BASE = "/_sandbox/tradera"


def register(app: Flask, world: World, members: Members, gate: Gate) -> None:
    """Add everything under /_sandbox/tradera."""
    _register_members(app, world, members, gate)
    _register_orders(app, world, members, gate)
    _register_items(app, world, members, gate)

    @app.post(f"{BASE}/settings")
    def tradera_settings() -> Response:
        wish = body()
        if set(wish) - {"daily_calls", "app_refused"}:
            raise ValueError("settings are daily_calls and app_refused")
        with world.lock:
            members.settings.update(wish)
        members.touch()
        gate.forget()
        return jsonify(**members.settings, spent=gate.spent())

    @app.get(f"{BASE}/spent")
    def tradera_spent() -> Response:
        return jsonify(daily_calls=gate.daily_calls, spent=gate.spent())


def _register_members(app: Flask, world: World, members: Members, gate: Gate) -> None:
    def told(member: dict[str, Any]) -> dict[str, Any]:
        more = {"name": member["alias"], "ends": members.end_of(member["seller_id"])}
        return member | more | {"orders": len(rows_of(gate, member["seller_id"]))}

    @app.post(f"{BASE}/sellers")
    def tradera_add_member() -> tuple[Response, int]:
        return jsonify(told(members.add(body()))), 201

    @app.get(f"{BASE}/sellers")
    def tradera_list_members() -> Response:
        return jsonify([told(member) for member in members.listed()])

    @app.get(f"{BASE}/sellers/<member_id>")
    def tradera_one_member(member_id: str) -> Response:
        return jsonify(told(dict(members.get(member_id))))

    @app.post(f"{BASE}/sellers/<member_id>/state")
    def tradera_change_member(member_id: str) -> Response:
        wish = body()
        changed = members.change(member_id, wish)
        world.ledger.record("tradera", "tradera.state", member_id, wish)
        return jsonify(told(changed))


def _register_orders(app: Flask, world: World, members: Members, gate: Gate) -> None:
    @app.post(f"{BASE}/sellers/<member_id>/orders")
    def tradera_add_member_orders(member_id: str) -> tuple[Response, int]:
        member, wish = members.get(member_id), body()
        made = wish["orders"] if "orders" in wish else make_orders(world, member, wish)
        with world.lock:
            mine = rows_of(gate, member_id)
            for order in made:
                mine[str(order["orderId"])] = {"order": order, "shipped": False}
            members.touch()
        return jsonify(order_ids=[str(order["orderId"]) for order in made]), 201

    @app.get(f"{BASE}/sellers/<member_id>/orders")
    def tradera_list_member_orders(member_id: str) -> Response:
        members.get(member_id)
        with world.lock:
            return jsonify([row["order"] | {"shipped": row["shipped"]} for row in rows_of(gate, member_id).values()])

    @app.post(f"{BASE}/sellers/<member_id>/orders/<order_id>")
    def tradera_change_member_order(member_id: str, order_id: str) -> Response:
        """{"pay": true}, and "merge" with fields of the order: a change now."""
        wish, now = body(), iso(world.clock.now())
        with world.lock:
            row = rows_of(gate, member_id).get(order_id)
            if row is None or set(wish) - {"pay", "merge"}:
                raise ValueError(f"no such order or wish: {order_id} {sorted(wish)}")
            row["order"] |= {**dict(wish.get("merge") or {}), "lastUpdatedDate": now}
            if wish.get("pay"):
                pay(row["order"], now)
            members.touch()
            return jsonify(row["order"])


def _register_items(app: Flask, world: World, members: Members, gate: Gate) -> None:
    @app.post(f"{BASE}/sellers/<member_id>/listings")
    def tradera_add_item(member_id: str) -> tuple[Response, int]:
        members.get(member_id)
        made = make_item(world, body())
        with world.lock:
            items_of(gate, member_id)[str(made["id"])] = made
            members.touch()
        return jsonify(made), 201

    @app.get(f"{BASE}/sellers/<member_id>/listings")
    def tradera_list_items(member_id: str) -> Response:
        members.get(member_id)
        with world.lock:
            return jsonify(list(items_of(gate, member_id).values()))

    @app.get(f"{BASE}/sellers/<member_id>/listing/<path:sku>")
    def tradera_one_item(member_id: str, sku: str) -> Response:
        with world.lock:
            return jsonify(_item(gate, member_id, sku))

    @app.post(f"{BASE}/sellers/<member_id>/listing/<path:sku>")
    def tradera_change_item(member_id: str, sku: str) -> Response:
        """A change by the seller, at once: price, quantity."""
        wish = body()
        if set(wish) - {"price", "quantity"}:
            raise ValueError("an item has price and quantity to change")
        with world.lock:
            item = _item(gate, member_id, sku)
            if "price" in wish:
                item["buyItNowPrice"] = kronor(wish["price"])
            item["remainingQuantity"] = int(wish.get("quantity", item["remainingQuantity"]))
            members.touch()
            return jsonify(item)

    @app.post(f"{BASE}/sellers/<member_id>/refusals")
    def tradera_refuse(member_id: str) -> Response:
        """{"sku", "code"? (4), "message"?}: queued prices of this item end with this code from now on; code 1 lifts it."""
        wish = body()
        code, message = int(wish.get("code", 4)), str(wish.get("message") or "The price could not be set.")
        with world.lock:
            refusals = members.table("refusals")
            refusals[f"{member_id}:{wish['sku']}"] = {"code": code, "message": message if code != 1 else None}
            members.touch()
        world.ledger.record("tradera", "listing.refusing", str(wish["sku"]), {"seller": member_id, "code": code})
        return jsonify(wish)


def _item(gate: Gate, member_id: str, sku: str) -> dict[str, Any]:
    found = [one for one in items_of(gate, member_id).values() if sku in one["ownReferences"]]
    if not found:
        raise ValueError(f"no such item: {sku}")
    return found[-1]
