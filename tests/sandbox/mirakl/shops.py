"""Owns shops by instance and number, their keys and states. It answers no HTTP itself.

An instance is a host name; shop numbers repeat from one instance to the next. A user may have several shops: then its key
is theirs, and the first one is meant where none is named.
"""

import re
from typing import Any

from tests.sandbox.world import World

Shop = dict[str, Any]
PART = "mirakl"
INSTANCES = ("nordkauf.example", "suedmarkt.example")
STATES = ("OPEN", "CLOSE", "SUSPENDED", "TERMINATED")
KYC = ("PENDING_SUBMISSION", "PENDING_APPROVAL", "REFUSED", "APPROVED", "NOT_REQUIRED")
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
CHANGEABLE = {
    "name", "state", "suspension_type", "kyc", "kyc_reason", "model", "denied", "key", "debit_seconds", "refuse_accept",
    "import_seconds", "unreadable_reports", "failed_imports", "currency",
}  # fmt: skip


class Shops:
    """All access to the state of this stand-in, one lock for all."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._part = world.part(PART)
        for table in ("shops", "orders", "offers", "imports", "refusals"):
            self._part.setdefault(table, {})
        self._part.setdefault("settings", {"limits": True})

    @property
    def settings(self) -> dict[str, Any]:
        """limits: whether the vendor's frequencies bite."""
        settings: dict[str, Any] = self._part["settings"]
        return settings

    def touch(self) -> None:
        """Have the state saved soon."""
        self.world.touch(PART)

    def table(self, name: str, shop: Shop) -> dict[str, Any]:
        """orders, offers, imports or refusals of a shop, by their key."""
        rows: dict[str, Any] = self._part[name].setdefault(named(shop), {})
        return rows

    def add(self, wish: dict[str, Any]) -> Shop:
        """Make a shop from {instance?, shop_id?, name?, key?, currency?}. Raises ValueError on nonsense."""
        with self.world.lock:
            instance = str(wish.get("instance") or INSTANCES[0])
            number = int(wish.get("shop_id") or self.world.next_id("mirakl.shop", 2000))
            shop: Shop = {
                "instance": instance, "shop_id": number, "name": str(wish.get("name") or f"Example Shop {number}"),
                "key": str(wish.get("key") or self.world.secret(size=36)), "currency": str(wish.get("currency") or "EUR"),
                "state": "OPEN", "suspension_type": None, "kyc": "APPROVED", "kyc_reason": None, "model": "MARKETPLACE",
                "denied": False, "debit_seconds": 60, "refuse_accept": None, "import_seconds": 30,
                "unreadable_reports": False, "failed_imports": False,
            }  # fmt: skip
            if not _HOST.fullmatch(instance) or named(shop) in self._part["shops"]:
                raise ValueError(f"not a free shop of an instance: {named(shop)}")
            self._part["shops"][named(shop)] = shop
            self.touch()
            return dict(shop)

    def get(self, name: str) -> Shop:
        """The shop "instance/number" itself. Raises ValueError when unknown."""
        shop: Shop | None = self._part["shops"].get(name)
        if shop is None:
            raise ValueError(f"no such shop: {name}")
        return shop

    def listed(self, instance: str = "") -> list[Shop]:
        """All shops, or those of an instance, oldest first."""
        with self.world.lock:
            return [dict(one) for one in self._part["shops"].values() if instance in ("", one["instance"])]

    def instances(self) -> list[str]:
        """Every instance there is."""
        return sorted({*INSTANCES, *(one["instance"] for one in self._part["shops"].values())})

    def holder(self, instance: str, key: str, shop_id: str) -> Shop | None:
        """The shop that the key is for: the one asked for, else the user's first. None when the key is nobody's."""
        mine = [one for one in self._part["shops"].values() if (one["instance"], one["key"]) == (instance, key)]
        return next((one for one in mine if shop_id in ("", str(one["shop_id"]))), None) if key else None

    def change(self, name: str, wish: dict[str, Any]) -> Shop:
        """Apply what is named in CHANGEABLE. `new_key`: generate one, the old one ends. Raises ValueError."""
        if set(wish) - CHANGEABLE - {"new_key"}:
            raise ValueError(f"unknown fields: {sorted(set(wish) - CHANGEABLE)}")
        if wish.get("state", "OPEN") not in STATES or wish.get("kyc", "APPROVED") not in KYC:
            raise ValueError(f"state is one of {STATES}, kyc one of {KYC}")
        with self.world.lock:
            shop = self.get(name)
            shop.update({key: value for key, value in wish.items() if key != "new_key"})
            if wish.get("new_key"):
                shop["key"] = self.world.secret(size=36)
            self.touch()
            return dict(shop)


def named(shop: Shop) -> str:
    """How the switches call a shop."""
    return f"{shop['instance']}/{shop['shop_id']}"
