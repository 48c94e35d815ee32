"""One call to eBay's REST APIs, with the quota it draws from. Vendor: "API call limits", "Using OAuth".

Quotas are counted over all sellers of our application, and begin anew at midnight in California. eBay sends no header
that tells what is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from requests import PreparedRequest
from requests.auth import AuthBase

from marketplaces.channel import AppKeys, Limit, Line
from marketplaces.channels.ebay.answers import check
from marketplaces.channels.ebay.sites import REALM, api_base, identity_base
from marketplaces.wire import Answer

DAY = "America/Los_Angeles"
FULFILLMENT = Limit.daily("fulfillment", 100_000, 4_000, day=DAY)
INVENTORY = Limit.daily("inventory", 2_000_000, 20_000, day=DAY)
ACCOUNT = Limit.daily("account", 25_000, 1_000, day=DAY)
IDENTITY = Limit.daily("identity", 10_000, 500, day=DAY)
NOTIFICATION = Limit.daily("notification", 10_000, 500, day=DAY)
APP_TOKEN = Limit.daily("appToken", 1_000, 50, day=DAY)
LIMITS = (FULFILLMENT, INVENTORY, ACCOUNT, IDENTITY, NOTIFICATION, APP_TOKEN)
# Quotas that eBay raises after its review of an application ("Application Growth Check"), and how they are set.
GRANTED = {"fulfillment": "FULFILLMENT_A_DAY", "inventory": "INVENTORY_A_DAY"}


@dataclass(frozen=True, slots=True)
class Ask:
    """One operation of the contract: `call` is its name there, `path` may hold {names}; it draws from `limit`."""

    call: str
    limit: Limit
    method: str
    path: str


GET_ORDERS = Ask("getOrders", FULFILLMENT, "GET", "/sell/fulfillment/v1/order")
GET_ORDER = Ask("getOrder", FULFILLMENT, "GET", "/sell/fulfillment/v1/order/{order_id}")
SHIPMENTS_PATH = "/sell/fulfillment/v1/order/{order_id}/shipping_fulfillment"
GET_SHIPMENTS = Ask("getShippingFulfillments", FULFILLMENT, "GET", SHIPMENTS_PATH)
CREATE_SHIPMENT = Ask("createShippingFulfillment", FULFILLMENT, "POST", SHIPMENTS_PATH)
GET_USER = Ask("getUser", IDENTITY, "GET", "/commerce/identity/v1/user/")
GET_PRIVILEGES = Ask("getPrivileges", ACCOUNT, "GET", "/sell/account/v1/privilege")
GET_POLICIES = Ask("getFulfillmentPolicies", ACCOUNT, "GET", "/sell/account/v1/fulfillment_policy")
GET_ITEMS = Ask("getInventoryItems", INVENTORY, "GET", "/sell/inventory/v1/inventory_item")
GET_ITEM = Ask("getInventoryItem", INVENTORY, "GET", "/sell/inventory/v1/inventory_item/{sku}")
GET_OFFERS = Ask("getOffers", INVENTORY, "GET", "/sell/inventory/v1/offer")
UPDATE = Ask("bulkUpdatePriceQuantity", INVENTORY, "POST", "/sell/inventory/v1/bulk_update_price_quantity")
GET_KEY = Ask("getPublicKey", NOTIFICATION, "GET", "/commerce/notification/v1/public_key/{kid}")


class Bearer(AuthBase):
    """The access token in its header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def limits_of(keys: AppKeys) -> tuple[Limit, ...]:
    """The limits as our application has them."""
    return tuple(_granted(keys, limit) for limit in LIMITS)


def _granted(keys: AppKeys, limit: Limit) -> Limit:
    told = keys.get(GRANTED.get(limit.operation, ""))
    quota = int(told) if told.isascii() and told.isdigit() else 0
    return Limit.daily(limit.operation, quota, quota // 25, day=DAY) if quota >= 1_000 else limit


def send(line: Line, ask: Ask, params: Mapping[str, str] | None = None, *, body: Any = None, **names: str) -> Answer:
    """The answer to one call, `body` sent as JSON, `names` quoted into the path: 2xx, or a 4xx that `check` understands."""
    base = identity_base(line.keys) if ask is GET_USER else api_base(line.keys)
    return line.http.request(
        ask.call,
        ask.method,
        base + ask.path.format(**{name: quote(value, safe="") for name, value in names.items()}),
        params=params,
        json=body,
        auth=Bearer(line.credentials.access_token),
        bucket=_granted(line.keys, ask.limit).bucket("ebay", REALM, line.seller_id),
        secrets=secrets_of(line),
    )


def get(line: Line, ask: Ask, params: Mapping[str, str] | None = None, **names: str) -> dict[str, Any]:
    """The JSON object that a call answers. Raises the error families."""
    return check(send(line, ask, params, **names), secrets=secrets_of(line))


def rows_of(body: Mapping[str, Any], name: str) -> list[Any] | None:
    """The list `name` of an answer; None when it has none. One of nothing may be left out: then `total` says 0."""
    rows = body.get(name)
    if rows is None and body.get("total") == 0 and not isinstance(body.get("total"), bool):
        return []
    return rows if isinstance(rows, list) else None


def secrets_of(line: Line) -> tuple[str, ...]:
    """What must never stand in an error's words."""
    return (line.credentials.access_token, *line.credentials.secrets.values(), line.keys.get("CLIENT_SECRET"))
