"""Owns the offers of a shop and OF21, the list of them."""

from datetime import timedelta
from typing import Any

from flask import Flask, Response, request

from tests.sandbox.clock import iso, parse_instant
from tests.sandbox.mirakl.gate import BASE, Gate, amount, answer, paged
from tests.sandbox.mirakl.imports import settle
from tests.sandbox.mirakl.shops import Shop

Offer = dict[str, Any]


def register(app: Flask, gate: Gate) -> None:
    """Add the operation."""

    @app.get(f"{BASE}/offers")
    def mirakl_offers(instance: str) -> Response:
        return gate.call(instance, "OF21", lambda shop: _list(gate, shop))


def add(gate: Gate, shop: Shop, wish: dict[str, Any]) -> Offer:
    """Make an offer from {sku, title?, price?, quantity?, prices?: further ones as the file has them}."""
    with gate.world.lock:
        offer: Offer = {
            "offer_id": gate.world.next_id("mirakl.offer", 9001),
            "sku": str(wish["sku"]),
            "title": str(wish.get("title") or f"Thing {wish['sku']}"),
            "quantity": int(wish.get("quantity", 5)),
            "prices": [{"price": str(wish.get("price", "19.90"))}, *(wish.get("prices") or [])],
            "center": str(wish.get("center") or "DEFAULT"),
        }
        gate.shops.table("offers", shop)[offer["sku"]] = offer
    gate.shops.touch()
    return offer


def _list(gate: Gate, shop: Shop) -> Response:
    settle(gate, shop)
    sku = request.args.get("sku")
    with gate.world.lock:
        rows = [one for one in gate.shops.table("offers", shop).values() if sku in (None, one["sku"])]
        rows.sort(key=lambda one: one["offer_id"])
        told = [shown(gate, shop, one) for one in paged(rows)]
    return answer({"offers": told, "total_count": len(rows)})


def shown(gate: Gate, shop: Shop, offer: Offer) -> dict[str, Any]:
    """The offer as the contract describes it."""
    now = gate.world.clock.now()
    prices = [_price(gate, one) for one in offer["prices"]]
    base = next((one for one in prices if not one.get("context")), prices[0])
    reasons = ["ZERO_QUANTITY"] if offer["quantity"] == 0 else []
    reasons += ["SHOP_NOT_OPEN"] if shop["state"] != "OPEN" else []
    return {
        "active": not reasons, "inactivity_reasons": reasons, "all_prices": prices, "applicable_pricing": base,
        "category_code": "C1", "category_label": "Haushalt", "channels": [], "currency_iso_code": shop["currency"],
        "description": "", "fulfillment": {"center": {"code": offer["center"]}}, "leadtime_to_ship": 2,
        "logistic_class": {"code": "M", "label": "Medium"}, "max_order_quantity": 100, "min_order_quantity": 1,
        "min_quantity_alert": 0, "min_shipping_price": 4.9, "min_shipping_price_additional": 0, "min_shipping_type": "STD",
        "min_shipping_zone": "DE", "offer_id": offer["offer_id"], "package_quantity": 1, "price": base["price"],
        "product_references": [], "product_sku": f"P-{offer['offer_id']}", "product_title": offer["title"],
        "quantity": offer["quantity"], "shipping_deadline": iso(now + timedelta(days=2)), "shop_sku": offer["sku"],
        "state_code": "11", "total_price": amount(str(base["price"] + 4.9)),
    }  # fmt: skip


def _price(gate: Gate, row: dict[str, str]) -> dict[str, Any]:
    """A row of the price file as the list tells it."""
    origin, discount = amount(row["price"]), row.get("discount-price")
    runs = bool(discount) and _runs(gate, row)
    tiers = _tiers(row.get("price-ranges", "")) or {1: origin}
    lower = _tiers(row.get("discount-ranges", ""))
    volumes = []
    for count, value in sorted(tiers.items()):
        off = lower.get(count, amount(discount) if discount and count == 1 else None)
        told = {
            "quantity_threshold": count,
            "price": off if runs and off is not None else value,
            "unit_origin_price": value,
        }
        volumes.append(told | {"unit_discount_price": value if off is None else off})
    context: dict[str, Any] = {
        name: row[column].split("|")
        for name, column in (
            ("channel_codes", "channels"), ("customer_organization_ids", "customer-organization-ids"),
            ("customer_group_ids", "customer-group-ids"),
        )
        if row.get(column)
    }  # fmt: skip
    context |= {
        name: row[column]
        for name, column in (("start_date", "start-date"), ("end_date", "end-date"))
        if row.get(column)
    }
    found: dict[str, Any] = {"price": volumes[0]["price"], "unit_origin_price": origin, "volume_prices": volumes}
    if discount:
        found["unit_discount_price"] = amount(discount)
        found |= {
            name: row[column]
            for name, column in (
                ("discount_start_date", "discount-start-date"),
                ("discount_end_date", "discount-end-date"),
            )
            if row.get(column)
        }
    if context:
        found["context"] = context
        if len(context.get("channel_codes", ())) == 1:
            found["channel_code"] = context["channel_codes"][0]
    return found


def _runs(gate: Gate, row: dict[str, str]) -> bool:
    now = gate.world.clock.now()
    start, end = row.get("discount-start-date"), row.get("discount-end-date")
    return (not start or parse_instant(start) <= now) and (not end or now < parse_instant(end))


def _tiers(text: str) -> dict[int, float | int]:
    pairs = [part.split("|") for part in text.split(",") if part]
    return {int(count): amount(value) for count, value in pairs}
