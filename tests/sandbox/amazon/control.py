"""Owns the control endpoints of this stand-in: sellers, their orders and states, settings, the example pairs."""

import json
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify

from tests.sandbox.amazon import shelf
from tests.sandbox.amazon.buckets import Buckets
from tests.sandbox.amazon.generate import make_orders
from tests.sandbox.amazon.regions import MARKETPLACES, REGIONS
from tests.sandbox.amazon.sellers import Sellers
from tests.sandbox.control import body
from tests.sandbox.world import World

BASE = "/_sandbox/amazon"
ORDER_MODEL = "orders_2026-01-01"


def register(app: Flask, world: World, sellers: Sellers, buckets: Buckets) -> None:
    """Add everything under /_sandbox/amazon."""
    _register_sellers(app, world, sellers)
    _register_orders(app, world, sellers)

    @app.post(f"{BASE}/settings")
    def settings() -> Response:
        wish = body()
        if set(wish) - {"buckets", "bucket_factor", "token_seconds"}:
            raise ValueError("settings are buckets, bucket_factor and token_seconds")
        if "bucket_factor" in wish:
            world.settings.bucket_factor = float(wish["bucket_factor"])
        with world.lock:
            sellers.settings.update({name: wish[name] for name in ("buckets", "token_seconds") if name in wish})
        sellers.touch()
        buckets.fill()
        return jsonify(**sellers.settings, bucket_factor=world.settings.bucket_factor)

    @app.post(f"{BASE}/pairs")
    def pairs() -> Response:
        wish = body()
        return jsonify(load_pairs(world, sellers, Path(wish["path"]), dict(wish.get("sellers") or {})))


def _register_sellers(app: Flask, world: World, sellers: Sellers) -> None:
    def told(seller: dict[str, Any]) -> dict[str, Any]:
        rows = shelf.stored(world, seller["seller_id"])
        return seller | {"orders": len(rows)}

    @app.post(f"{BASE}/sellers")
    def add_seller() -> tuple[Response, int]:
        return jsonify(told(sellers.add(body()))), 201

    @app.get(f"{BASE}/sellers")
    def list_sellers() -> Response:
        return jsonify([told(seller) for seller in sellers.listed()])

    @app.get(f"{BASE}/sellers/<seller_id>")
    def one_seller(seller_id: str) -> Response:
        return jsonify(told(dict(sellers.get(seller_id))))

    @app.post(f"{BASE}/sellers/<seller_id>/state")
    def change_seller(seller_id: str) -> Response:
        wish = body()
        changed = sellers.change(seller_id, wish)
        world.ledger.record("amazon", "amazon.state", seller_id, wish)
        return jsonify(told(changed))

    @app.post(f"{BASE}/sellers/<seller_id>/self_authorise")
    def self_authorise(seller_id: str) -> Response:
        sellers.authorise(seller_id)
        return jsonify(refresh_token=sellers.new_refresh(seller_id))


def _register_orders(app: Flask, world: World, sellers: Sellers) -> None:
    @app.post(f"{BASE}/sellers/<seller_id>/orders")
    def add_orders(seller_id: str) -> tuple[Response, int]:
        seller, wish = sellers.get(seller_id), body()
        orders = wish["orders"] if "orders" in wish else make_orders(world, seller, wish)
        return jsonify(order_ids=[shelf.put(world, seller_id, order) for order in orders]), 201

    @app.get(f"{BASE}/sellers/<seller_id>/orders")
    def list_orders(seller_id: str) -> Response:
        sellers.get(seller_id)
        with world.lock:
            return jsonify([row["order"] for row in shelf.stored(world, seller_id).values()])

    @app.post(f"{BASE}/sellers/<seller_id>/orders/<order_id>")
    def change_order(seller_id: str, order_id: str) -> Response:
        sellers.get(seller_id)
        return jsonify(shelf.change(world, seller_id, order_id, body()))


def load_pairs(world: World, sellers: Sellers, path: Path, given: dict[str, str]) -> dict[str, Any]:
    """Store the example orders of the vendor's pairs with one seller per region: {region: {seller_id, order_ids}}.

    `given` names sellers by region; a missing one is made. Raises ValueError when the file holds no such pairs.
    """
    orders: list[dict[str, Any]] = []
    for pair in json.loads(path.read_text("utf-8")):
        if pair["model"] == ORDER_MODEL and pair["status"] == 200:
            answer = pair["response"]
            orders += answer.get("orders") or [answer["order"]]
    if not orders:
        raise ValueError(f"no pairs of {ORDER_MODEL} in that file")
    loaded: dict[str, Any] = {}
    for region in REGIONS:
        mine = [order for order in orders if MARKETPLACES[order["salesChannel"]["marketplaceId"]].region == region]
        sites = sorted({order["salesChannel"]["marketplaceId"] for order in mine})
        if mine:
            name = f"Example pairs {region.upper()}"
            seller_id = (
                given.get(region) or sellers.add({"region": region, "marketplaces": sites, "name": name})["seller_id"]
            )
            sellers.get(seller_id)
            ids = [shelf.put(world, seller_id, order) for order in mine]
            loaded[region] = {"seller_id": seller_id, "marketplaces": sites, "order_ids": ids}
    return loaded
