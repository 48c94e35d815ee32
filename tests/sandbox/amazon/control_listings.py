"""Owns the control endpoints of a seller's listings: make, read, change, refuse, look what was applied."""

import json
from typing import Any

from flask import Flask, Response, jsonify, request

from tests.sandbox.amazon import attributes
from tests.sandbox.amazon.attributes import Json
from tests.sandbox.amazon.catalogue import Catalogue, Listing
from tests.sandbox.amazon.sellers import Sellers
from tests.sandbox.amazon.store import store_of
from tests.sandbox.control import body
from tests.sandbox.world import World

BASE = "/_sandbox/amazon/sellers/<seller_id>"


def told(listing: Listing) -> Json:
    """A listing as the control API tells it; prices by site, as text."""
    prices = {site: listing.price(site) for site in listing.sites}
    return {
        "sku": listing.sku,
        "asin": listing.asin,
        "title": listing.title,
        "product_type": listing.product_type,
        "channel": listing.channel,
        "quantity": listing.quantity,
        "prices": {site: None if price is None else f"{price:f}" for site, price in prices.items()},
        "attributes": attributes.plain(listing.attributes),
        "issues": listing.issues,
    }


def register(app: Flask, world: World, sellers: Sellers) -> None:
    """Add everything under /_sandbox/amazon/sellers/<id>/listings."""

    def catalogue(seller_id: str) -> Catalogue:
        return Catalogue(world, sellers.get(seller_id))

    @app.post(f"{BASE}/listings")
    def make(seller_id: str) -> tuple[Response, int]:
        mine = catalogue(seller_id)
        first = mine.make(body())
        return jsonify(skus=first, count=mine.count()), 201

    @app.get(f"{BASE}/listings")
    def listed(seller_id: str) -> Response:
        mine = catalogue(seller_id)
        size = int(request.args.get("limit", 100))
        rows = mine.store.all("SELECT sku FROM listing WHERE seller = ? ORDER BY sku LIMIT ?", seller_id, size)
        found = [one for row in rows if (one := mine.find(row["sku"])) is not None]
        return jsonify(count=mine.count(), listings=[told(one) for one in found])

    @app.get(f"{BASE}/listing/<path:sku>")
    def read(seller_id: str, sku: str) -> Response:
        found = catalogue(seller_id).find(sku)
        if found is None:
            raise ValueError(f"no such listing: {sku}")
        return jsonify(told(found))

    @app.post(f"{BASE}/listing/<path:sku>")
    def change(seller_id: str, sku: str) -> Response:
        return jsonify(told(catalogue(seller_id).change(sku, body())))

    @app.get(f"{BASE}/applied")
    def applied(seller_id: str) -> Response:
        where, given = "seller = ? AND n > ?", [seller_id, int(request.args.get("since", 0))]
        if sku := request.args.get("sku"):
            where, given = f"{where} AND sku = ?", [*given, sku]
        rows = store_of(world).all(f"SELECT * FROM applied WHERE {where} ORDER BY n LIMIT 10000", *given)
        return jsonify([{name: row[name] for name in row.keys()} for row in rows])  # noqa: SIM118  # a sqlite3.Row

    @app.get(f"{BASE}/settled")
    def settled(seller_id: str) -> Response:
        store = store_of(world)
        open_now = store.one("SELECT count(*) AS n FROM submission WHERE seller = ?", seller_id)
        last = store.one("SELECT max(n) AS n FROM applied WHERE seller = ?", seller_id)
        return jsonify(waiting=open_now["n"] if open_now else 0, applied=(last["n"] if last else 0) or 0)

    _register_refusals(app, world, sellers)


def _register_refusals(app: Flask, world: World, sellers: Sellers) -> None:
    @app.post(f"{BASE}/refusals")
    def refuse(seller_id: str) -> tuple[Response, int]:
        sellers.get(seller_id)
        sku, field, refusal = read_refusal(body())
        store_of(world).run("INSERT OR REPLACE INTO refusal VALUES (?, ?, ?, ?)", seller_id, sku, field,
                            json.dumps(refusal))  # fmt: skip
        world.ledger.record("amazon", "listing.refusing", sku, {"seller": seller_id, "field": field, **refusal})
        return jsonify(sku=sku, field=field, **refusal), 201

    @app.get(f"{BASE}/refusals")
    def refusals(seller_id: str) -> Response:
        rows = store_of(world).all("SELECT * FROM refusal WHERE seller = ?", seller_id)
        return jsonify([{"sku": row["sku"], "field": row["field"], **json.loads(row["body"])} for row in rows])

    @app.delete(f"{BASE}/refusals")
    def allow(seller_id: str) -> Response:
        sku = request.args.get("sku")
        sql, given = "DELETE FROM refusal WHERE seller = ?", [seller_id]
        if sku is not None:
            sql, given = f"{sql} AND sku = ?", [seller_id, sku]
        return jsonify(removed=store_of(world).run(sql, *given))


def read_refusal(wish: Json) -> tuple[str, str, Json]:
    """(sku, field, {"issue", "late"}) of a wish. Raises ValueError and KeyError on nonsense."""
    field = str(wish.get("field") or "any")
    if field not in ("any", "price", "quantity"):
        raise ValueError("field must be price, quantity or any")
    severity = str(wish.get("severity") or "ERROR")
    if severity not in ("ERROR", "WARNING", "INFO"):
        raise ValueError("severity must be ERROR, WARNING or INFO")
    name = {"price": attributes.OFFER, "quantity": attributes.STOCK, "any": attributes.OFFER}[field]
    text = str(wish.get("message") or "The offer cannot be changed until the listing is completed.")
    category = "INVALID_PRICE" if field == "price" else "INVALID_ATTRIBUTE"
    issue: dict[str, Any] = attributes.issue(str(wish.get("code") or "8105"), text, name, category, severity)
    if severity == "ERROR" and wish.get("suppressed"):
        actions = [{"action": "LISTING_SUPPRESSED"}]
        issue["enforcements"] = {"actions": actions, "exemption": {"status": "NOT_EXEMPT"}}
    return str(wish["sku"]), field, {"issue": issue, "late": bool(wish.get("late"))}
