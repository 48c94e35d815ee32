"""Owns what each root field of the schema answers, out of a shop's state. Runs under the world's lock.

Tells nothing about tokens, scopes or costs: the endpoint has settled these before.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from graphql import GraphQLError

from tests.sandbox.clock import parse_instant
from tests.sandbox.shopify import bulk, catalogue_queries, order_create, orders, views
from tests.sandbox.shopify.connections import connection
from tests.sandbox.shopify.fulfillments import order_view
from tests.sandbox.shopify.schema import Info, Resolver
from tests.sandbox.shopify.scopes import implied
from tests.sandbox.shopify.state import PLANS, Record, Shop, gid

# Without read_all_orders an app sees the orders of about two months in lists and searches.
VISIBLE_ORDERS = timedelta(days=60)


@dataclass(frozen=True)
class Context:
    """What a resolver knows of the request."""

    shop: Shop
    granted: frozenset[str]


def _shop(info: Info) -> Shop:
    context: Context = info.context
    return context.shop


def shop(_: Any, info: Info) -> Record:
    """QueryRoot.shop."""
    one = _shop(info)
    data = one.data
    return {
        "__typename": "Shop",
        "id": gid("Shop", data["id"]),
        "name": data["title"],
        "email": data["email"],
        "contactEmail": data["contact_email"],
        "myshopifyDomain": one.domain,
        "currencyCode": data["currency"],
        "ianaTimezone": data["timezone"],
        "taxesIncluded": data["taxes_included"],
        "primaryDomain": {"id": gid("Domain", data["id"]), "url": f"https://{one.domain}"},
        "plan": {
            "publicDisplayName": PLANS[data["plan"]]["name"],
            "partnerDevelopment": data["plan"] == "development",
            "shopifyPlus": data["plan"] == "plus",
        },
    }


def installation(_: Any, info: Info) -> Record:
    """QueryRoot.currentAppInstallation."""
    one = _shop(info)
    return {
        "id": gid("AppInstallation", one.data["id"]),
        "launchUrl": f"{one.world.url}/store/{one.name}/apps/{one.world.settings.api_key}",
        "accessScopes": [{"handle": handle} for handle in sorted(implied(one.data["scopes"]))],
        "app": {"id": gid("App", 1), "handle": one.world.settings.api_key},
    }


def locations(_: Any, info: Info, **arguments: Any) -> Record:
    """QueryRoot.locations: the active ones unless includeInactive."""
    key = "name" if arguments.get("sortKey", "NAME") == "NAME" else "id"
    places = [one for one in _shop(info).locations() if one["active"] or arguments.get("includeInactive")]
    places = sorted(places, key=lambda one: one[key], reverse=bool(arguments.get("reverse")))
    return connection(places, arguments, views.location)


_ORDER_KEYS = {"CREATED_AT": "created_at", "PROCESSED_AT": "processed_at", "UPDATED_AT": "updated_at", "ID": "id"}


def order_list(_: Any, info: Info, **arguments: Any) -> Record:
    """QueryRoot.orders, by the search index; older orders only with read_all_orders."""
    one = _shop(info)
    context: Context = info.context
    found = [one.orders[key] for key in one.order_index.find(arguments.get("query"), one.now_seconds())]
    if "read_all_orders" not in context.granted:
        oldest = one.now() - VISIBLE_ORDERS
        found = [order for order in found if parse_instant(order["created_at"]) >= oldest]
    key = _ORDER_KEYS.get(arguments.get("sortKey", "PROCESSED_AT"), "id")
    found.sort(key=lambda order: (order[key], order["id"]), reverse=bool(arguments.get("reverse")))
    return connection(found, arguments, order_view)


def order_by_id(_: Any, info: Info, **arguments: Any) -> Record | None:
    """QueryRoot.order."""
    found = _shop(info).orders.get(arguments["id"])
    return order_view(found) if found else None


def order_by_identifier(_: Any, info: Info, identifier: Record) -> Record | None:
    """QueryRoot.orderByIdentifier: a direct read that knows an order the moment it exists."""
    one = _shop(info)
    custom = identifier.get("customId")
    if (custom is None) == (identifier.get("id") is None):
        raise GraphQLError("Exactly one identifier must be given", extensions={"code": "BAD_USER_INPUT"})
    if custom is None:
        order = one.orders.get(identifier["id"])
        return orders.order_view(order) if order else None
    namespace = custom.get("namespace") or "$app"
    if not one.has_definition(namespace, custom["key"]):
        raise GraphQLError(
            "Metafield definition of type 'id' is required when using custom ids.", extensions={"code": "NOT_FOUND"}
        )
    found = one.refs.get((namespace, custom["key"], custom["value"]))
    return orders.order_view(one.orders[found[0]]) if found else None


def _node(one: Shop, wanted: str) -> Record | None:
    if wanted in one.orders:
        return orders.order_view(one.orders[wanted])
    return catalogue_queries.find(one, wanted)


def node(_: Any, info: Info, **arguments: Any) -> Record | None:
    """QueryRoot.node, for orders, products, variants, inventory items and locations."""
    return _node(_shop(info), arguments["id"])


def nodes(_: Any, info: Info, ids: list[str]) -> list[Record | None]:
    """QueryRoot.nodes: in the order of the ids, null for those that are not there."""
    return [_node(_shop(info), one) for one in ids]


def define_metafield(_: Any, info: Info, definition: Record) -> Record:
    """Mutation.metafieldDefinitionCreate."""
    one = _shop(info)
    namespace, key = definition.get("namespace") or "$app", definition["key"]
    if one.has_definition(namespace, key):
        words = "Key is in use for Order metafields on the namespace."
        taken = {"field": ["definition", "key"], "message": words, "code": "TAKEN"}
        return {"createdDefinition": None, "userErrors": [taken]}
    if definition["ownerType"] != "ORDER" or definition["type"] != "id":
        wrong = {
            "field": ["definition", "type"],
            "message": "The stand-in keeps order ids only.",
            "code": "INVALID_OPTION",
        }
        return {"createdDefinition": None, "userErrors": [wrong]}
    number = one.world.next_id("definition", 70_000_001)
    fresh = {"id": gid("MetafieldDefinition", number), "namespace": namespace, "key": key}
    one.data["definitions"].append(fresh)
    one.save()
    one.world.ledger.record("shopify", "definition.created", key, {"shop": one.domain, "namespace": namespace})
    return {"createdDefinition": fresh, "userErrors": []}


def create_order(_: Any, info: Info, order: Record, options: Record | None = None) -> Record:
    """Mutation.orderCreate."""
    one = _shop(info)
    try:
        record = order_create.create(one, order, options or {})
    except order_create.Refused as refused:
        return {"order": None, "userErrors": [refused.shaped]}
    one.world.ledger.record("shopify", "order.created", orders.reference(record), orders.effect(one, record))
    return {"order": orders.order_view(record), "userErrors": []}


def cancel_order(_: Any, info: Info, **arguments: Any) -> Record:
    """Mutation.orderCancel: accepted at once, done a little later."""
    one = _shop(info)
    order = one.orders.get(arguments["orderId"])
    error = None
    if order is None:
        error = {"code": "NOT_FOUND", "field": ["orderId"], "message": "Order does not exist"}
    elif order["cancelled_at"] or any(job["order_id"] == order["id"] for job in one.data["jobs"]):
        error = {
            "code": "INVALID",
            "field": ["orderId"],
            "message": "Cannot cancel an order that has already been canceled",
        }
    if error is not None:
        return {"job": None, "orderCancelUserErrors": [error]}
    job = orders.cancel_later(one, arguments)
    return {"job": {"id": job["id"], "done": False}, "orderCancelUserErrors": []}


RESOLVERS: dict[tuple[str, str], Resolver] = {
    ("QueryRoot", "shop"): shop,
    ("QueryRoot", "currentAppInstallation"): installation,
    ("QueryRoot", "locations"): locations,
    **catalogue_queries.RESOLVERS,
    **bulk.RESOLVERS,
    ("QueryRoot", "order"): order_by_id,
    ("QueryRoot", "orders"): order_list,
    ("QueryRoot", "orderByIdentifier"): order_by_identifier,
    ("QueryRoot", "node"): node,
    ("QueryRoot", "nodes"): nodes,
    ("Mutation", "metafieldDefinitionCreate"): define_metafield,
    ("Mutation", "orderCreate"): create_order,
    ("Mutation", "orderCancel"): cancel_order,
}
