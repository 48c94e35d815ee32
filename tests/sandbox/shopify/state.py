"""Owns the shops: their settings, catalogue, orders and tokens, and how these are spread over the world's parts.

Everything is changed under `world.lock`. Orders lie in chunks, so that saving one order never rewrites all. Knows
neither GraphQL nor HTTP.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.sandbox.clock import iso, parse_instant
from tests.sandbox.shopify.catalogue import Catalogue, gid, number_of
from tests.sandbox.shopify.cost import Bucket
from tests.sandbox.shopify.scopes import DEFAULT_SCOPES, implied
from tests.sandbox.shopify.search import Index
from tests.sandbox.world import World

Record = dict[str, Any]
CHUNK = 250
FIRST_ORDER_NUMBER = 1001
PLANS: dict[str, Record] = {
    "standard": {"name": "Basic", "bucket": {"max": 2000, "restore": 100}, "create_per_minute": None},
    "development": {"name": "Development", "bucket": {"max": 2000, "restore": 100}, "create_per_minute": 5},
    "plus": {"name": "Plus", "bucket": {"max": 20000, "restore": 1000}, "create_per_minute": None},
}
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,58}")


def shops_of(world: World) -> "Shops":
    """The shops of a world, always the same object."""
    with world.lock:
        if "shopify_shops" not in vars(world):
            vars(world)["shopify_shops"] = Shops(world)
        shops: Shops = vars(world)["shopify_shops"]
        return shops


class Shop:
    """One shop. `data` holds what is small (settings, tokens), `catalogue` products and stock, `orders` the orders."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.domain = f"{name}.myshopify.com"
        self.data = world.part(f"shopify.shop.{name}")
        self.catalogue = Catalogue(world.part(f"shopify.catalogue.{name}"))
        self.orders: dict[str, Record] = {}
        self.refs: dict[tuple[str, str, str], list[str]] = {}
        self.order_index = Index()
        self.variant_index = Index()
        self.create_times: list[float] = []
        size = self.settings["bucket"]
        self.bucket = Bucket(self.now_seconds(), size["max"], size["restore"])
        for chunk in range(self.data["chunks"]):
            for order in world.part(self._chunk(chunk))["orders"]:
                self._remember(order, lag=0)
        for variant in self.catalogue.variants.made():
            self.index_variant(variant["id"], lag=0)

    @property
    def settings(self) -> Record:
        """The switches of the control API."""
        settings: Record = self.data["settings"]
        return settings

    @property
    def granted(self) -> frozenset[str]:
        """The granted scopes with what they imply."""
        return frozenset(implied(self.data["scopes"]))

    def now(self) -> datetime:
        """The sandbox's present."""
        return self.world.clock.now()

    def now_seconds(self) -> float:
        """The sandbox's present as unix seconds."""
        return self.world.clock.timestamp()

    def save(self) -> None:
        """Say that `data` changed."""
        self.world.touch(f"shopify.shop.{self.name}")

    def save_catalogue(self) -> None:
        """Say that `catalogue` changed."""
        self.world.touch(f"shopify.catalogue.{self.name}")

    def _chunk(self, number: int) -> str:
        return f"shopify.orders.{self.name}.{number}"

    def add_order(self, order: Record) -> None:
        """Keep a new order, with its `chunk`."""
        last = self.data["chunks"] - 1
        if last < 0 or len(self.world.part(self._chunk(last))["orders"]) >= CHUNK:
            self.data["chunks"] += 1
            last += 1
            self.world.part(self._chunk(last))["orders"] = []
        order["chunk"] = last
        self.world.part(self._chunk(last))["orders"].append(order)
        self.world.touch(self._chunk(last))
        self.save()
        self._remember(order)

    def order_changed(self, order: Record) -> None:
        """Save an order after a change, stamp it, and announce it to the index."""
        order["updated_at"] = iso(self.now())
        self.world.touch(self._chunk(order["chunk"]))
        self._index_order(order)

    def delete_order(self, order: Record) -> None:
        """Forget an order as if it had never been; its custom ids are free again."""
        chunk = self._chunk(order["chunk"])
        kept = [one for one in self.world.part(chunk)["orders"] if one["id"] != order["id"]]
        self.world.part(chunk)["orders"] = kept
        self.world.touch(chunk)
        del self.orders[order["id"]]
        self.refs = {
            key: left for key, ids in self.refs.items() if (left := [one for one in ids if one != order["id"]])
        }
        self.order_index.drop(order["id"])

    def _remember(self, order: Record, lag: float | None = None) -> None:
        self.orders[order["id"]] = order
        for field in order["metafields"]:
            key = (field["namespace"], field["key"], field["value"])
            self.refs.setdefault(key, []).append(order["id"])
        self._index_order(order, lag)

    def _due(self, lag: float | None) -> float:
        return self.now_seconds() + (self.settings["index_lag_seconds"] if lag is None else lag)

    def _index_order(self, order: Record, lag: float | None = None) -> None:
        fields = {
            "default": f"{order['name']} {order['email'] or ''}",
            "id": str(number_of(order["id"])),
            "name": order["name"],
            "tag": list(order["tags"]),
            "source_identifier": order["source_identifier"],
            "email": order["email"],
            "test": str(order["test"]).lower(),
            "financial_status": order["financial"].lower(),
            "status": "cancelled" if order["cancelled_at"] else "open",
            "created_at": parse_instant(order["created_at"]),
            "processed_at": parse_instant(order["processed_at"]),
            "updated_at": parse_instant(order["updated_at"]),
        }
        self.order_index.put(order["id"], fields, self._due(lag))

    def index_variant(self, variant_id: str, lag: float | None = None) -> None:
        """Announce a variant's fields to the search index."""
        variant = self.catalogue.variants[variant_id]
        title = self.catalogue.products[variant["product_id"]]["title"]
        fields = {
            "default": f"{title} {variant['sku'] or ''}",
            "id": str(number_of(variant_id)),
            "product_id": str(number_of(variant["product_id"])),
            "sku": variant["sku"],
            "title": variant["title"],
        }
        self.variant_index.put(variant_id, fields, self._due(lag))

    def has_definition(self, namespace: str, key: str) -> bool:
        """Whether unique order metafields of that name are defined."""
        return any((one["namespace"], one["key"]) == (namespace, key) for one in self.data["definitions"])

    def locations(self) -> list[Record]:
        """The shop's locations; the first active one that ships online orders gives the stock."""
        places: list[Record] = self.data["locations"]
        return places


class Shops:
    """All shops by domain."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._names: list[str] = world.part("shopify").setdefault("shops", [])
        self._shops = {shop.domain: shop for shop in (Shop(world, name) for name in self._names)}

    def __iter__(self) -> Iterator[Shop]:
        return iter(list(self._shops.values()))

    def find(self, domain: str | None) -> Shop | None:
        """The shop of a domain, whatever its case and port; a bare name is completed."""
        host = (domain or "").lower().split(":")[0]
        return self._shops.get(host if "." in host else f"{host}.myshopify.com")

    def create(self, wish: Record) -> Shop:
        """Make a shop that has not installed the app. Raises ValueError on a bad or taken name or an unknown plan."""
        number = self.world.next_id("shop", 60_001)
        name = str(wish.get("name") or f"shop-{number}")
        plan = str(wish.get("plan") or "standard")
        if not _NAME.fullmatch(name) or self.find(name) is not None:
            raise ValueError(f"this shop name is taken or not possible: {name!r}")
        if plan not in PLANS:
            raise ValueError(f"plan must be one of {sorted(PLANS)}")
        self.world.part(f"shopify.shop.{name}").update(_fresh(self.world, number, name, plan, wish))
        shop = Shop(self.world, name)
        self._names.append(name)
        self._shops[shop.domain] = shop
        self.world.touch("shopify")
        shop.save()
        shop.save_catalogue()
        return shop


def _fresh(world: World, number: int, name: str, plan: str, wish: Record) -> Record:
    email = wish.get("email") or f"owner@{name}.example"
    return {
        "id": number,
        "title": wish.get("title") or name.replace("-", " ").title(),
        "email": email,
        "contact_email": wish.get("contact_email") or f"hello@{name}.example",
        "currency": wish.get("currency") or "EUR",
        "timezone": wish.get("timezone") or "Europe/Berlin",
        "locale": wish.get("locale") or "en",
        "country": wish.get("country") or "DE",
        "plan": plan,
        "taxes_included": bool(wish.get("taxes_included", True)),
        "created_at": iso(world.clock.now()),
        "installed": False,
        "installed_at": None,
        "uninstalled_at": None,
        "scopes": list(DEFAULT_SCOPES),
        "tokens": [],
        "token_count": 0,
        "settings": {
            "unique_ids": True,
            "index_lag_seconds": float(wish.get("index_lag_seconds", 2)),
            "cancel_seconds": 1.0,
            "bulk_seconds": 5.0,
            "bulk_parallel": 5,
            "frozen": False,
            "locked": False,
            "bucket": dict(PLANS[plan]["bucket"]),
            "create_per_minute": PLANS[plan]["create_per_minute"],
        },
        "locations": [location(world, {"name": "Main warehouse"})],
        "definitions": [],
        "jobs": [],
        "chunks": 0,
        "next_order": FIRST_ORDER_NUMBER,
    }


def location(world: World, wish: Record) -> Record:
    """A location of the shop, active and shipping unless the wish says otherwise."""
    return {
        "id": wish.get("id") or gid("Location", world.next_id("location", 80_001)),
        "name": str(wish.get("name") or "Warehouse"),
        "active": bool(wish.get("active", True)),
        "fulfills_online_orders": bool(wish.get("fulfills_online_orders", True)),
        "ships_inventory": bool(wish.get("ships_inventory", True)),
    }
