"""Owns searchListingsItems as far as it proves a seller id: an empty list, for the token's own seller only."""

from typing import Any

from flask import Flask, Response, request

from tests.sandbox.amazon import answers
from tests.sandbox.amazon.orders import Api
from tests.sandbox.amazon.search import values
from tests.sandbox.amazon.sellers import Seller

MOST = 20


def register(app: Flask, api: Api) -> None:
    """Add GET /listings/2021-08-01/items/{sellerId}."""

    @app.get("/amazon/api/<region>/listings/2021-08-01/items/<seller_id>")
    def search_listings(region: str, seller_id: str) -> Response:
        return api.call(region, "searchListingsItems", lambda seller: _search(api, seller, seller_id))


def _search(api: Api, seller: Seller, seller_id: str) -> tuple[Response, dict[str, Any]]:
    facts = {"asked": seller_id}
    if seller_id != seller["seller_id"]:
        return answers.denied(), facts
    args = request.args.to_dict(flat=False)
    if len(values(args, "marketplaceIds")) != 1:
        raise answers.InvalidInput("marketplaceIds must have exactly one value.")
    size = (args.get("pageSize") or ["10"])[-1]
    if not size.isascii() or not size.isdigit() or not 1 <= int(size) <= MOST:
        raise answers.InvalidInput("pageSize must be between 1 and 20.")
    found = {"numberOfResults": 0, "items": []}
    return answers.answer(200, found, api.buckets.rate("searchListingsItems")), facts
