"""Owns the Admin GraphQL endpoint: who may ask, what it costs, what is executed, and the shape of the answer."""

import re
from typing import Any

from flask import Blueprint, Response, jsonify, request
from graphql import OperationDefinitionNode, execute

from tests.sandbox.shopify import orders, tokens
from tests.sandbox.shopify.cost import MAX_SINGLE_COST, Price
from tests.sandbox.shopify.errors import execution_error, variable_errors
from tests.sandbox.shopify.resolvers import RESOLVERS, Context
from tests.sandbox.shopify.schema import AdminSchema, Document
from tests.sandbox.shopify.state import Record, Shop, shops_of
from tests.sandbox.world import World

VERSION = "2026-10"
_VERSION = re.compile(r"20\d\d-(01|04|07|10)")
RATE_LIMITS = "https://shopify.dev/api/usage/rate-limits"
BAD_TOKEN = "[API] Invalid API key or access token (unrecognized login or wrong password)"


class Endpoint:
    """Answers the questions put to any shop of a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._admin = AdminSchema(RESOLVERS)

    def answer(self, version: str) -> Response:
        """The answer to the request at hand."""
        with self._world.lock:
            shop = shops_of(self._world).find(request.host)
            refusal = self._refusal(shop, version)
            if shop is None or refusal is not None:
                return refusal or _failed("Not Found", 404)
            orders.settle(shop)
            wish = _wish()
            if not isinstance(wish.get("query"), str):
                return _failed({"query": "Required parameter missing or invalid"}, 400)
            body = self._run(shop, wish)
        response = jsonify(body)
        response.headers["X-Shopify-API-Version"] = VERSION
        return response

    def throttled(self) -> Response:
        """The answer of an empty bucket, for the fault of that name."""
        shop = shops_of(self._world).find(request.host)
        if shop is None:
            return _failed("Not Found", 404)
        status = {**shop.bucket.status(shop.now_seconds()), "currentlyAvailable": 0}
        return jsonify(_throttled(10, status))

    def _refusal(self, shop: Shop | None, version: str) -> Response | None:
        if shop is None:
            return _failed("Not Found", 404)
        if version != "unstable" and (not _VERSION.fullmatch(version) or version > VERSION):
            return _failed("Not Found", 404)
        if shop.settings["locked"]:
            return _failed("Unavailable Shop", 423)
        if shop.settings["frozen"]:
            return _failed("Unavailable Shop", 402)
        token = request.headers.get("X-Shopify-Access-Token")
        if tokens.find_access(shop, token) is None:
            return _failed(BAD_TOKEN, 401)
        return None

    def _run(self, shop: Shop, wish: Record) -> Record:
        document = self._admin.document(wish["query"])
        if document.errors:
            return {"errors": document.errors}
        variables = wish.get("variables") or {}
        operation = _chosen(document, wish.get("operationName"))
        if operation is None or not isinstance(variables, dict):
            return {"errors": [{"message": "An operation name is required", "extensions": {"code": "BAD_REQUEST"}}]}
        if errors := variable_errors(self._admin.schema, operation, variables):
            return {"errors": errors}
        return self._paid(shop, document, operation, variables)

    def _paid(self, shop: Shop, document: Document, operation: OperationDefinitionNode, variables: Record) -> Record:
        assert document.node is not None
        price = Price(self._admin.schema, document.node, operation, variables)
        requested, now = price.requested(), shop.now_seconds()
        if requested > MAX_SINGLE_COST:
            return _too_dear(requested)
        if not shop.bucket.take(now, requested):
            return _throttled(requested, shop.bucket.status(now))
        result: Any = execute(
            self._admin.schema,
            document.node,
            context_value=Context(shop, shop.granted),
            variable_values=variables,
            operation_name=operation.name.value if operation.name is not None else None,
        )
        actual = price.actual(result.data)
        shop.bucket.give_back(requested - actual)
        status = shop.bucket.status(shop.now_seconds())
        body: Record = {"data": result.data}
        if result.errors:
            body["errors"] = [execution_error(error) for error in result.errors]
        cost = {"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": status}
        return body | {"extensions": {"cost": cost}}


def _chosen(document: Document, name: Any) -> OperationDefinitionNode | None:
    if name:
        return document.operations.get(str(name))
    return next(iter(document.operations.values())) if len(document.operations) == 1 else None


def _wish() -> Record:
    if request.mimetype == "application/graphql":
        return {"query": request.get_data(as_text=True)}
    wish = request.get_json(silent=True)
    return wish if isinstance(wish, dict) else {}


def _failed(errors: Any, status: int) -> Response:
    response = jsonify(errors=errors)
    response.status_code = status
    return response


def _throttled(requested: int, status: Record) -> Record:
    error = {"message": "Throttled", "extensions": {"code": "THROTTLED", "documentation": RATE_LIMITS}}
    cost = {"requestedQueryCost": requested, "actualQueryCost": None, "throttleStatus": status}
    return {"errors": [error], "extensions": {"cost": cost}}


def _too_dear(requested: int) -> Record:
    message = f"Query cost is {requested}, which exceeds the single query max cost limit ({MAX_SINGLE_COST})."
    extensions = {
        "code": "MAX_COST_EXCEEDED",
        "cost": requested,
        "maxCost": MAX_SINGLE_COST,
        "documentation": RATE_LIMITS,
    }
    return {"errors": [{"message": message, "extensions": extensions}]}


def operation_name(wish: Record) -> str:
    """What a fault is matched with: the given name, else the first name in the text."""
    if wish.get("operationName"):
        return str(wish["operationName"])
    found = re.search(r"\b(?:query|mutation)\s+(\w+)", str(wish.get("query") or ""))
    return found.group(1) if found else "anonymous"


def register(app: Blueprint, world: World) -> None:
    """Add the endpoint; the Host header chooses the shop. Faults: the operation's name, label `shop`."""
    endpoint = Endpoint(world)

    @app.post("/admin/api/<version>/graphql.json")
    def graphql(version: str) -> Response:
        labels = {"shop": request.host.lower().split(":")[0]}
        return world.faults.run(
            "shopify", operation_name(_wish()), labels, lambda: endpoint.answer(version), endpoint.throttled
        )
