"""Owns the SP-API endpoints: who may call, the usage plan, then the operations on orders and sellers."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Flask, Response, request

from tests.sandbox.amazon import answers
from tests.sandbox.amazon.buckets import Buckets
from tests.sandbox.amazon.lossy import Lossy
from tests.sandbox.amazon.regions import MARKETPLACES
from tests.sandbox.amazon.search import find, read_datasets, read_query, shown, values
from tests.sandbox.amazon.sellers import Seller, Sellers
from tests.sandbox.amazon.shelf import stored
from tests.sandbox.world import World

Work = Callable[[Seller], tuple[Response, dict[str, Any]]]
ORDER_ID = re.compile(r"[0-9A-Z]{3}-\d{7}-\d{7}")
OPERATION_ROLE = {
    "searchOrders": "orders",
    "getOrder": "orders",
    "getMarketplaceParticipations": "sellers",
    "searchListingsItems": "sellers",
    **dict.fromkeys(("getListingsItem", "patchListingsItem"), "listings"),
    **dict.fromkeys(("createFeedDocument", "createFeed", "getFeed", "cancelFeed", "getFeedDocument"), "listings"),
    **dict.fromkeys(("createReport", "getReport", "cancelReport", "getReportDocument"), "listings"),
    "confirmShipment": "orders",
}


class Api:
    """The gate in front of every operation."""

    def __init__(self, world: World, sellers: Sellers, buckets: Buckets) -> None:
        self.world = world
        self.sellers = sellers
        self.buckets = buckets

    def call(self, region: str, operation: str, work: Work) -> Response:
        """Run one operation with faults, and record it with its status under the seller's id."""
        seller, state = self.sellers.access(request.headers.get("x-amz-access-token", ""))
        labels = {"seller": seller["seller_id"] if seller else "", "region": region}

        def execute() -> Response:
            refused = self._gate(seller, state, region, operation)
            facts: dict[str, Any] = {}
            if refused is None:
                assert seller is not None
                refused, facts = self._worked(operation, seller, work)
            facts = {"status": refused.status_code, "query": request.query_string.decode(), **facts}
            self.world.ledger.record("amazon", f"amazon.{operation}", labels["seller"], facts)
            return refused

        return self.world.faults.run("amazon", operation, labels, execute, answers.quota_exceeded)

    def _worked(self, operation: str, seller: Seller, work: Work) -> tuple[Response, dict[str, Any]]:
        try:
            return work(seller)
        except answers.InvalidInput as wrong:
            rate = self.buckets.rate(operation)
            return answers.refusal(400, "InvalidInput", "Invalid Input", str(wrong), rate), {}

    def _gate(self, seller: Seller | None, state: str, region: str, operation: str) -> Response | None:
        if "x-amz-access-token" not in request.headers:
            return answers.denied(answers.MISSING)
        if seller is None:
            return answers.denied(answers.INVALID)
        if state == "expired":
            return answers.denied(answers.ENDED)
        if seller["secret_expired"]:
            return answers.denied(answers.SECRET_ENDED)
        asked = values(request.args.to_dict(flat=False), "marketplaceIds")
        if any(key not in MARKETPLACES or MARKETPLACES[key].region != region for key in asked):
            return answers.denied(answers.WRONG_REGION)
        if seller["region"] != region or OPERATION_ROLE[operation] not in seller["roles"]:
            return answers.denied()
        if OPERATION_ROLE[operation] in ("orders", "listings") and not self._may_read(seller):
            return answers.denied()
        if self.sellers.settings["buckets"] and not self.buckets.take(seller["seller_id"], operation):
            return answers.quota_exceeded()
        return None

    def _may_read(self, seller: Seller) -> bool:
        asked = set(values(request.args.to_dict(flat=False), "includedData"))
        restricted = asked & {"BUYER", "RECIPIENT"} and "buyer" not in seller["roles"]
        return bool(seller["active"]) and not restricted


def register(app: Flask, api: Api) -> None:
    """Add the operations; an unknown path answers like a missing role."""
    base = "/amazon/api/<region>"

    @app.get(f"{base}/orders/2026-01-01/orders")
    def search_orders(region: str) -> Response:
        return api.call(region, "searchOrders", lambda seller: _search(api, seller))

    @app.get(f"{base}/orders/2026-01-01/orders/<order_id>")
    def get_order(region: str, order_id: str) -> Response:
        return api.call(region, "getOrder", lambda seller: _get(api, seller, order_id))

    @app.get(f"{base}/sellers/v1/marketplaceParticipations")
    def participations(region: str) -> Response:
        return api.call(region, "getMarketplaceParticipations", lambda seller: _participations(api, seller))

    @app.route(f"{base}/<path:unknown>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def nowhere(region: str, unknown: str) -> Response:
        return answers.denied()


def _search(api: Api, seller: Seller) -> tuple[Response, dict[str, Any]]:
    now = api.world.clock.now()
    query = read_query(request.args.to_dict(flat=False), now)
    lag = timedelta(seconds=float(seller["visible_lag_seconds"]))
    lossy = Lossy(**(seller.get("lossy") or {}))
    with api.world.lock:
        found = find(stored(api.world, seller["seller_id"]).values(), query, now, lag, lossy)
    for order in found["orders"]:
        _without_tax(order, seller)
    facts = {"orders": len(found["orders"]), "more": "pagination" in found}
    return answers.answer(200, found, api.buckets.rate("searchOrders")), facts


def _get(api: Api, seller: Seller, order_id: str) -> tuple[Response, dict[str, Any]]:
    rate = api.buckets.rate("getOrder")
    facts = {"order_id": order_id}
    if not ORDER_ID.fullmatch(order_id):
        return answers.refusal(400, "InvalidInput", "Invalid Input", None, rate), facts
    datasets = read_datasets(request.args.to_dict(flat=False))
    with api.world.lock:
        row = stored(api.world, seller["seller_id"]).get(order_id)
        if row is None:
            return answers.refusal(404, "NotFound", "The requested order was not found.", "", rate), facts
        body = shown(row["order"], datasets)
    _without_tax(body, seller)
    return answers.answer(200, {"order": body}, rate), facts


def _without_tax(order: dict[str, Any], seller: Seller) -> None:
    if "tax" not in seller["roles"]:
        order.pop("tax", None)


def _participations(api: Api, seller: Seller) -> tuple[Response, dict[str, Any]]:
    payload = [
        {
            "marketplace": {
                "id": key,
                "name": site.name,
                "countryCode": site.country,
                "defaultCurrencyCode": site.currency,
                "defaultLanguageCode": site.language,
                "domainName": site.domain,
            },
            "storeName": seller["name"],
            "participation": {"isParticipating": seller["active"], "hasSuspendedListings": not seller["active"]},
        }
        for key, site in ((key, MARKETPLACES[key]) for key in seller["marketplaces"])
    ]
    return answers.answer(200, {"payload": payload}, api.buckets.rate("getMarketplaceParticipations")), {}
