"""Owns the control endpoints of the shops: make one, stock it, switch it, look into it. JSON, loopback only."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify, request

from tests.sandbox.clock import iso
from tests.sandbox.control import body
from tests.sandbox.shopify import control_products, orders, payloads, stock, tokens, webhooks
from tests.sandbox.shopify.fulfillments import register as register_fulfillments
from tests.sandbox.shopify.scopes import implied
from tests.sandbox.shopify.state import PLANS, Record, Shop, gid, location, shops_of
from tests.sandbox.world import World


def described(shop: Shop) -> Record:
    """Where a shop is found."""
    url, key = shop.world.url, shop.world.settings.api_key
    return {
        "domain": shop.domain,
        "name": shop.name,
        "admin_url": f"{url}/store/{shop.name}",
        "app_url": f"{url}/store/{shop.name}/apps/{key}",
    }


def everything(shop: Shop) -> Record:
    """All that a judge or a person wants to see of a shop."""
    data = {name: value for name, value in shop.data.items() if name not in ("tokens", "chunks", "jobs", "bulk")}
    variants = [
        {
            "variant_id": one["id"],
            "inventory_item_id": one["item_id"],
            "product_id": one["product_id"],
            "sku": one["sku"],
            "title": shop.catalogue.products[one["product_id"]]["title"],
            "price": one["price"],
            "tracked": one["tracked"],
            "available": stock.available(one),
            "committed": sum(level["committed"] for level in one["levels"].values()),
            "on_hand": sum(level["on_hand"] for level in one["levels"].values()),
        }
        for one in shop.catalogue.variants.made()
    ]
    return {
        **described(shop),
        **data,
        "name": shop.name,
        "scopes": sorted(implied(shop.data["scopes"])),
        "tokens_issued": shop.data["token_count"],
        "webhooks_waiting": webhooks.sender_of(shop.world).waiting(shop.domain),
        "products": variants,
        "ranges": shop.catalogue.ranges,
        "orders": [{**order, "reference": orders.reference(order)} for order in shop.orders.values()],
    }


def _flag(name: str) -> Callable[[Shop, Any], None]:
    def change(shop: Shop, value: Any) -> None:
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false")
        shop.settings[name] = value

    return change


def _number(name: str) -> Callable[[Shop, Any], None]:
    def change(shop: Shop, value: Any) -> None:
        shop.settings[name] = float(value)

    return change


def _profile(name: str) -> Callable[[Shop, Any], None]:
    def change(shop: Shop, value: Any) -> None:
        shop.data[name] = bool(value) if name == "taxes_included" else str(value)
        webhooks.send(shop, "shop/update", payloads.shop(shop))

    return change


def _scopes(shop: Shop, value: Any) -> None:
    before, shop.data["scopes"] = shop.data["scopes"], [str(one) for one in value]
    payload = {"id": gid("AppInstallation", shop.data["id"]), "previous": before, "current": shop.data["scopes"]}
    webhooks.send(shop, "app/scopes_update", payload | {"updated_at": iso(shop.now())})


def _bucket(shop: Shop, value: Any) -> None:
    size = {name: float(value.get(name, old)) for name, old in shop.settings["bucket"].items()}
    shop.settings["bucket"] = size
    shop.bucket.resize(size["max"], size["restore"])


def _create_per_minute(shop: Shop, value: Any) -> None:
    shop.settings["create_per_minute"] = None if value is None else int(value)


def _bulk_error(shop: Shop, value: Any) -> None:
    shop.settings["bulk_error"] = None if value is None else str(value)


def _locations(shop: Shop, value: Any) -> None:
    shop.data["locations"] = [location(shop.world, one) for one in value]


def _plan(shop: Shop, value: Any) -> None:
    if value not in PLANS:
        raise ValueError(f"plan must be one of {sorted(PLANS)}")
    _create_per_minute(shop, PLANS[value]["create_per_minute"])
    _bucket(shop, PLANS[value]["bucket"])
    _profile("plan")(shop, value)


def _tokens_revoked(shop: Shop, value: Any) -> None:
    if value:
        shop.data["tokens"] = []


def _uninstalled(shop: Shop, value: Any) -> None:
    if value and shop.data["installed"]:
        tokens.uninstall(shop)
        webhooks.send(shop, "app/uninstalled", payloads.shop(shop))


def _undefined(shop: Shop, value: Any) -> None:
    if value:
        shop.data["definitions"] = []


SETTINGS: dict[str, Callable[[Shop, Any], None]] = {
    "unique_ids": _flag("unique_ids"),
    "frozen": _flag("frozen"),
    "locked": _flag("locked"),
    "index_lag_seconds": _number("index_lag_seconds"),
    "cancel_seconds": _number("cancel_seconds"),
    "bulk_seconds": _number("bulk_seconds"),
    "bulk_parallel": _number("bulk_parallel"),
    "bulk_error": _bulk_error,
    "email": _profile("email"),
    "contact_email": _profile("contact_email"),
    "title": _profile("title"),
    "locale": _profile("locale"),
    "currency": _profile("currency"),
    "timezone": _profile("timezone"),
    "country": _profile("country"),
    "taxes_included": _profile("taxes_included"),
    "scopes_granted": _scopes,
    "bucket": _bucket,
    "create_per_minute": _create_per_minute,
    "locations": _locations,
    "plan": _plan,
    "tokens_revoked": _tokens_revoked,
    "uninstalled": _uninstalled,
    "undefined": _undefined,
}


def first_load(shop: Shop, user: str, seconds: int, wish: Record) -> Record:
    """An ID token as the admin would hand it out, with the query string of a first load."""
    world = shop.world
    token = tokens.mint_id_token(world, shop.domain, user, seconds, wish.get("claims"), wish.get("secret"))
    query = tokens.first_load_query(world, shop, token, wish.get("locale"))
    return {"id_token": token, "host": tokens.host_parameter(shop.name), "query": query}


def register(app: Blueprint, world: World) -> None:
    """Add the endpoints under /_sandbox/shops."""

    def shop_of(domain: str) -> Shop:
        shop = shops_of(world).find(domain)
        if shop is None:
            raise ValueError(f"no such shop: {domain}")
        with world.lock:
            orders.settle(shop)  # what is due has happened, whoever looks
        return shop

    @app.post("/_sandbox/shops")
    def create_shop() -> tuple[Response, int]:
        with world.lock:
            shop = shops_of(world).create(body())
            return jsonify(described(shop)), 201

    @app.get("/_sandbox/shops")
    def list_shops() -> Response:
        with world.lock:
            return jsonify([{**described(one), "installed": one.data["installed"]} for one in shops_of(world)])

    @app.get("/_sandbox/shops/<domain>")
    def show_shop(domain: str) -> Response:
        with world.lock:
            return jsonify(everything(shop_of(domain)))

    @app.post("/_sandbox/shops/<domain>/settings")
    def change_settings(domain: str) -> Response:
        wishes = body()
        if unknown := set(wishes) - set(SETTINGS):
            raise ValueError(f"unknown settings: {sorted(unknown)}")
        with world.lock:
            shop = shop_of(domain)
            for name, value in wishes.items():
                SETTINGS[name](shop, value)
            shop.save()
            return jsonify({**described(shop), "installed": shop.data["installed"], "settings": shop.settings})

    @app.route("/_sandbox/shops/<domain>/id_token", methods=["GET", "POST"])
    def id_token(domain: str) -> Response:
        wish = body() if request.method == "POST" else {}
        user = str(wish.get("user") or request.args.get("user") or "1")
        seconds = int(wish.get("exp") or request.args.get("exp") or 60)
        return jsonify(first_load(shop_of(domain), user, seconds, wish))

    control_products.register(app, world, shop_of)
    _register_content(app, world, shop_of)
    register_fulfillments(app, world, shop_of)


def _register_content(app: Blueprint, world: World, shop_of: Callable[[str], Shop]) -> None:
    @app.post("/_sandbox/shops/<domain>/orders")
    def add_order(domain: str) -> tuple[Response, int]:
        with world.lock:
            order = orders.foreign_order(shop_of(domain), body())
            return jsonify(order_id=order["id"], name=order["name"]), 201

    @app.post("/_sandbox/shops/<domain>/orders/<int:number>/cancel")
    def cancel_order(domain: str, number: int) -> Response:
        with world.lock:
            shop = shop_of(domain)
            order = shop.orders.get(gid("Order", number))
            if order is None:
                raise ValueError(f"no such order: {number}")
            orders.cancel(shop, order, "OTHER", restock=bool(body().get("restock")))
            return jsonify(order_id=order["id"], cancelled_at=order["cancelled_at"])

    @app.delete("/_sandbox/shops/<domain>/orders/<int:number>")
    def delete_order(domain: str, number: int) -> Response:
        with world.lock:
            shop = shop_of(domain)
            order = shop.orders.get(gid("Order", number))
            if order is None:
                raise ValueError(f"no such order: {number}")
            orders.delete(shop, order)
            return jsonify(order_id=order["id"])

    @app.post("/_sandbox/shops/<domain>/webhooks")
    def send_webhook(domain: str) -> Response:
        wish = body()
        with world.lock:
            shop = shop_of(domain)
            topic = str(wish["topic"])
            payload = wish.get("payload")
            webhook_id = webhooks.send(
                shop, topic, payloads.default(shop, topic) if payload is None else payload, {**wish, "force": True}
            )
            return jsonify(webhook_id=webhook_id)
