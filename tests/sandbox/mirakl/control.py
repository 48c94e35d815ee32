"""Owns the control endpoints of this stand-in: shops, their orders, offers and refusals, its settings."""

from typing import Any

from flask import Flask, Response, jsonify, request

from tests.sandbox.control import body
from tests.sandbox.mirakl import imports, offers, orders
from tests.sandbox.mirakl.gate import Gate
from tests.sandbox.mirakl.generate import make_orders
from tests.sandbox.mirakl.shops import Shops
from tests.sandbox.world import World

BASE = "/_sandbox/mirakl"
ONE = f"{BASE}/sellers/<instance>/<shop_id>"


def register(app: Flask, world: World, shops: Shops, gate: Gate) -> None:
    """Add everything under /_sandbox/mirakl."""
    _register_shops(app, world, shops, gate)
    _register_orders(app, world, shops, gate)
    _register_offers(app, world, shops, gate)

    @app.post(f"{BASE}/settings")
    def mirakl_settings() -> Response:
        wish = body()
        if set(wish) - {"limits"}:
            raise ValueError("the only setting is limits")
        shops.settings.update(wish)
        shops.touch()
        gate.forget()
        return jsonify(**shops.settings)


def _register_shops(app: Flask, world: World, shops: Shops, gate: Gate) -> None:
    def told(shop: dict[str, Any]) -> dict[str, Any]:
        more = {"seller_id": str(shop["shop_id"]), "address": f"https://{shop['instance']}"}
        return shop | more | {"orders": len(shops.table("orders", shop))}

    @app.post(f"{BASE}/sellers")
    def mirakl_add_shop() -> tuple[Response, int]:
        return jsonify(told(shops.add(body()))), 201

    @app.get(f"{BASE}/sellers")
    def mirakl_list_shops() -> Response:
        return jsonify([told(one) for one in shops.listed()])

    @app.get(ONE)
    def mirakl_one_shop(instance: str, shop_id: str) -> Response:
        return jsonify(told(dict(shops.get(f"{instance}/{shop_id}"))))

    @app.post(f"{ONE}/state")
    def mirakl_change_shop(instance: str, shop_id: str) -> Response:
        wish = body()
        changed = shops.change(f"{instance}/{shop_id}", wish)
        world.ledger.record("mirakl", "mirakl.state", f"{instance}/{shop_id}", wish)
        return jsonify(told(changed))


def _register_orders(app: Flask, world: World, shops: Shops, gate: Gate) -> None:
    @app.post(f"{ONE}/orders")
    def mirakl_add_orders(instance: str, shop_id: str) -> tuple[Response, int]:
        shop, wish = shops.get(f"{instance}/{shop_id}"), body()
        made = wish["orders"] if "orders" in wish else make_orders(world, shop, wish)
        return jsonify(order_ids=[orders.put(gate, shop, one) for one in made]), 201

    @app.get(f"{ONE}/orders")
    def mirakl_shop_orders(instance: str, shop_id: str) -> Response:
        shop = shops.get(f"{instance}/{shop_id}")
        orders.settle(gate, shop)
        with world.lock:
            return jsonify(list(shops.table("orders", shop).values()))

    @app.post(f"{ONE}/orders/<order_id>")
    def mirakl_change_order(instance: str, shop_id: str, order_id: str) -> Response:
        return jsonify(orders.change(gate, shops.get(f"{instance}/{shop_id}"), order_id, **body()))


def _register_offers(app: Flask, world: World, shops: Shops, gate: Gate) -> None:
    @app.post(f"{ONE}/listings")
    def mirakl_add_offer(instance: str, shop_id: str) -> tuple[Response, int]:
        return jsonify(offers.add(gate, shops.get(f"{instance}/{shop_id}"), body())), 201

    @app.get(f"{ONE}/listing")
    def mirakl_offer(instance: str, shop_id: str) -> Response:
        shop = shops.get(f"{instance}/{shop_id}")
        imports.settle(gate, shop)
        with world.lock:
            found = shops.table("offers", shop).get(request.args.get("sku", ""))
        if found is None:
            raise ValueError("no such offer")
        return jsonify(found)

    @app.post(f"{ONE}/refusals")
    def mirakl_refuse(instance: str, shop_id: str) -> Response:
        """{"sku", "message"?, "field"? (price or quantity)}; `{"sku", "lift": true}` takes it back."""
        wish, rows = body(), shops.table("refusals", shops.get(f"{instance}/{shop_id}"))
        with world.lock:
            if wish.get("lift"):
                rows.pop(wish["sku"], None)
            else:
                rule = {"message": wish.get("message") or "Refused by the marketplace"}
                rows[wish["sku"]] = rule | ({"field": wish["field"]} if wish.get("field") else {})
        shops.touch()
        return jsonify(rows)
