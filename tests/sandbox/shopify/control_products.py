"""Owns the control endpoints of a shop's products and stock. JSON, loopback only."""

from collections.abc import Callable

from flask import Blueprint, Response, jsonify

from tests.sandbox.control import body
from tests.sandbox.shopify import changes, payloads, stock, webhooks
from tests.sandbox.shopify.state import Record, Shop
from tests.sandbox.world import World

BASE = "/_sandbox/shops/<domain>"


def shown(variant: Record) -> Record:
    """A variant as the control API tells it."""
    return {
        "product_id": variant["product_id"],
        "variant_id": variant["id"],
        "inventory_item_id": variant["item_id"],
        "sku": variant["sku"],
        "price": variant["price"],
        "available": stock.available(variant),
        "levels": {place: level["available"] for place, level in variant["levels"].items()},
    }


def register(app: Blueprint, world: World, shop_of: Callable[[str], Shop]) -> None:
    """Add the endpoints under /_sandbox/shops/<domain>."""

    @app.post(f"{BASE}/products")
    def add_product(domain: str) -> tuple[Response, int]:
        wish = body()
        with world.lock:
            shop = shop_of(domain)
            if "count" in wish:
                return jsonify(stock.add_range(shop, wish)), 201
            variant = stock.add_product(shop, wish)
            topic = "products/update" if "product_id" in wish else "products/create"
            webhooks.send(shop, topic, payloads.product(shop, variant["product_id"]))
            return jsonify(shown(variant)), 201

    @app.get(f"{BASE}/variants/<path:name>")
    def show_variant(domain: str, name: str) -> Response:
        with world.lock:
            return jsonify(shown(changes.find(shop_of(domain), name)))

    @app.patch(f"{BASE}/variants/<path:name>")
    def patch_variant(domain: str, name: str) -> Response:
        with world.lock:
            return jsonify(shown(changes.change(shop_of(domain), name, body())))

    @app.delete(f"{BASE}/variants/<path:name>")
    def delete_variant(domain: str, name: str) -> Response:
        with world.lock:
            return jsonify(shown(changes.delete(shop_of(domain), name)))
