"""Owns what the merchant ships and refunds in the shop: made, changed and cancelled by hand, shown and announced.

A fulfillment lies in its order's record. Stands for the person who packs; the app itself never writes here.
"""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, jsonify

from tests.sandbox.clock import iso
from tests.sandbox.control import body
from tests.sandbox.shopify import orders, webhooks
from tests.sandbox.shopify.connections import connection
from tests.sandbox.shopify.state import Record, Shop, gid, number_of
from tests.sandbox.world import World


def order_view(order: Record) -> Record:
    """An Order of the schema, with what was shipped and refunded."""

    def made(_info: Any = None, first: int | None = None, **_: Any) -> list[Record]:
        return [_view(order, one) for one in order.get("fulfillments") or ()][:first]

    def refunds(_info: Any = None, first: int | None = None, **_: Any) -> list[Record]:
        return [{"id": one["id"], "createdAt": one["created_at"]} for one in order.get("refunds") or ()][:first]

    return {**orders.order_view(order), "updatedAt": order["updated_at"], "fulfillments": made, "refunds": refunds}


def _view(order: Record, one: Record) -> Record:
    lines = {line["id"]: line for line in order["lines"]}

    def shipped(_info: Any = None, **arguments: Any) -> Record:
        return connection(one["lines"], arguments, lambda part: _part(part, lines[part["line_id"]]))

    return {
        "id": one["id"],
        "name": one["name"],
        "status": one["status"],
        "createdAt": one["created_at"],
        "updatedAt": one["updated_at"],
        "trackingInfo": lambda _info=None, first=None, **_: [
            {"company": two["company"], "number": two["number"], "url": None} for two in one["tracking"]
        ][:first],
        "fulfillmentLineItems": shipped,
    }


def _part(part: Record, line: Record) -> Record:
    attributes = [{"key": one["name"], "value": one["value"]} for one in line["properties"]]
    variant = {"id": line["variant_id"]} if line["variant_id"] else None
    item = {
        "id": line["id"],
        "sku": line["sku"],
        "quantity": line["quantity"],
        "customAttributes": attributes,
        "variant": variant,
    }
    return {"id": part["id"], "quantity": part["quantity"], "lineItem": item}


def ship(shop: Shop, order: Record, wish: Record) -> Record:
    """Fulfil an order, or a part of it: {lines?: [{sku?, line?: index, quantity?}], tracking?, company?, trackings?}.

    Without `lines` everything that is left. Raises ValueError when it is more than that.
    """
    if order["cancelled_at"]:
        raise ValueError("this order is cancelled")
    left = _left(order)
    parts = (
        _wished(order, wish["lines"], left) if "lines" in wish else {key: count for key, count in left.items() if count}
    )
    if not parts:
        raise ValueError("nothing is left to be shipped")
    kept: list[Record] = order.setdefault("fulfillments", [])
    number, now = shop.world.next_id("fulfillment", 4_500_000_001), iso(shop.now())
    fresh = {
        "id": gid("Fulfillment", number),
        "name": f"{order['name']}-F{len(kept) + 1}",
        "status": "SUCCESS",
        "created_at": now,
        "updated_at": now,
        "tracking": _tracking(wish),
        "lines": [
            {"id": gid("FulfillmentLineItem", shop.world.next_id("fulfillment_line", 9_000_000_001)), "line_id": key,
             "quantity": count}
            for key, count in parts.items()
        ],
    }  # fmt: skip
    kept.append(fresh)
    return _said(shop, order, fresh, "fulfillments/create", "fulfillment.created")


def change(shop: Shop, order: Record, one: Record, wish: Record) -> Record:
    """Give a fulfillment another tracking number or company: {tracking?, company?, trackings?}."""
    before = (one["tracking"] or [{"company": None, "number": None}])[0]
    one["tracking"] = _tracking({"tracking": before["number"], "company": before["company"], **wish})
    return _said(shop, order, one, "fulfillments/update", "fulfillment.changed")


def cancel(shop: Shop, order: Record, one: Record) -> Record:
    """Cancel a fulfillment; what it held can be shipped again."""
    one["status"] = "CANCELLED"
    return _said(shop, order, one, "fulfillments/update", "fulfillment.cancelled")


def refund(shop: Shop, order: Record, wish: Record) -> Record:
    """Give money back: {amount?}, all of it without. It lasts as a refund with an id."""
    total = Decimal(order["totals"]["shop"]["total"])
    amount = Decimal(str(wish.get("amount") or total))
    kept: list[Record] = order.setdefault("refunds", [])
    fresh = {"id": gid("Refund", shop.world.next_id("refund", 800_000_001)), "created_at": iso(shop.now())}
    kept.append(fresh | {"amount": str(amount)})
    given = sum((Decimal(one["amount"]) for one in kept), Decimal())
    order["financial"] = "REFUNDED" if given >= total else "PARTIALLY_REFUNDED"
    shop.order_changed(order)
    told = {"shop": shop.domain, "order_id": order["id"], "refund_id": fresh["id"], "amount": str(amount)}
    shop.world.ledger.record("shopify", "refund.created", orders.reference(order), told)
    payload = {"id": number_of(fresh["id"]), "order_id": number_of(order["id"]), "admin_graphql_api_id": fresh["id"]}
    webhooks.send(shop, "refunds/create", payload)
    return fresh


def _tracking(wish: Record) -> list[Record]:
    several = wish.get("trackings")
    if several is None:
        several = [{"number": wish.get("tracking"), "company": wish.get("company")}]
    rows = [{"company": one.get("company"), "number": one.get("number")} for one in several]
    return [one for one in rows if one["company"] or one["number"]]


def _left(order: Record) -> Counter[str]:
    left = Counter({line["id"]: line["quantity"] for line in order["lines"] if line["requires_shipping"]})
    for one in order.get("fulfillments") or ():
        if one["status"] != "CANCELLED":
            for part in one["lines"]:
                left[part["line_id"]] -= part["quantity"]
    return left


def _wished(order: Record, asked: list[Record], left: Counter[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for at, part in enumerate(asked):
        named = [one for one in order["lines"] if one["sku"] == part.get("sku")]
        line = named[0] if named else order["lines"][int(part.get("line", at))]
        found[line["id"]] += int(part.get("quantity", left[line["id"]]))
    for key, count in found.items():
        if not 1 <= count <= left[key]:
            raise ValueError(f"so many are not left of {key}: {count} of {left[key]}")
    return found


def _said(shop: Shop, order: Record, one: Record, topic: str, effect: str) -> Record:
    one["updated_at"] = iso(shop.now())
    left = _left(order)
    shipped = any(two["status"] != "CANCELLED" for two in order["fulfillments"])
    order["fulfillment"] = (
        "FULFILLED" if not any(left.values()) else "PARTIALLY_FULFILLED" if shipped else "UNFULFILLED"
    )
    shop.order_changed(order)
    shop.world.ledger.record("shopify", effect, orders.reference(order), {"shop": shop.domain, **one})
    webhooks.send(shop, topic, _payload(order, one))
    return one


def _payload(order: Record, one: Record) -> Record:
    """The part of a REST fulfillment that the app may look at in a webhook."""
    return {
        "id": number_of(one["id"]),
        "order_id": number_of(order["id"]),
        "admin_graphql_api_id": one["id"],
        "status": one["status"].lower(),
        "created_at": one["created_at"],
        "updated_at": one["updated_at"],
        "tracking_company": one["tracking"][0]["company"] if one["tracking"] else None,
        "tracking_numbers": [two["number"] for two in one["tracking"]],
    }


def register(app: Blueprint, world: World, shop_of: Callable[[str], Shop]) -> None:
    """Add the endpoints of the merchant's packing table; an order goes by its number, name or marketplace id."""
    base = "/_sandbox/shops/<domain>/orders/<key>"

    def order_of(shop: Shop, key: str) -> Record:
        for one in shop.orders.values():
            if key in (str(number_of(one["id"])), one["name"], one["name"].removeprefix("#"), one["source_identifier"]):
                return one
        raise ValueError(f"no such order: {key}")

    def at(order: Record, number: int) -> Record:
        for place, one in enumerate(order.get("fulfillments") or ()):
            if number in (place + 1, number_of(one["id"])):
                found: Record = one
                return found
        raise ValueError(f"no such fulfillment: {number}")

    @app.post(f"{base}/fulfillments")
    def make_one(domain: str, key: str) -> tuple[Response, int]:
        with world.lock:
            shop = shop_of(domain)
            return jsonify(ship(shop, order_of(shop, key), body())), 201

    @app.post(f"{base}/fulfillments/<int:number>")
    def change_one(domain: str, key: str, number: int) -> Response:
        with world.lock:
            shop = shop_of(domain)
            order = order_of(shop, key)
            return jsonify(change(shop, order, at(order, number), body()))

    @app.post(f"{base}/fulfillments/<int:number>/cancel")
    def cancel_one(domain: str, key: str, number: int) -> Response:
        with world.lock:
            shop = shop_of(domain)
            order = order_of(shop, key)
            return jsonify(cancel(shop, order, at(order, number)))

    @app.post(f"{base}/refunds")
    def refund_one(domain: str, key: str) -> tuple[Response, int]:
        with world.lock:
            shop = shop_of(domain)
            return jsonify(refund(shop, order_of(shop, key), body())), 201
