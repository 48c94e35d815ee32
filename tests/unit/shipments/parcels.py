"""A shop with imported orders, the person who packs them, and what the marketplace says it got."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import Incident, Shipment, ShopSweep
from shopapp.shipments import hear, send, sweep
from shopapp.shopify_admin import tokens
from shopapp.work import claim
from shopapp.work.claim import Work
from tests.unit.orders.scene import Scene

SHIPMENTS = Work("shipment", Shipment, send.due_shipment, share="account_id")
SWEEPS = Work("fulfillments", ShopSweep, sweep.due_sweep, only=sweep.only)
CONFIRMED, EDITED = "shipment.confirmed", "shipment.edited"


@dataclass
class Packing:
    """The packing table of one shop."""

    scene: Scene

    def sold(self, **wish: Any) -> str:
        """An imported order; its marketplace id."""
        if not wish.pop("known", False):
            self.scene.product("A-1", available=50)
        (order_id,) = self.scene.sell(**{"sku": "A-1", **wish})
        self.scene.poll()
        self.scene.place()
        assert self.scene.row(order_id).shopify_gid, self.scene.row(order_id).state
        return order_id

    def _table(self, order_id: str) -> str:
        return f"/shops/{self.scene.domain}/orders/{order_id}"

    def ship(
        self, order_id: str, tracking: str | None = "1Z999AA10123456784", company: str | None = "UPS", **wish: Any
    ) -> int:
        """Fulfil in Shopify, not yet heard of; which fulfillment of the order it is (from 1)."""
        told = {"tracking": tracking, "company": company, **wish}
        made = self.scene.box.post(f"{self._table(order_id)}/fulfillments", told)
        return int(made["name"].rsplit("F", 1)[-1])

    def change(self, order_id: str, number: int = 1, **wish: Any) -> None:
        """Another tracking number or carrier."""
        self.scene.box.post(f"{self._table(order_id)}/fulfillments/{number}", wish)

    def cancel(self, order_id: str, number: int = 1) -> None:
        """The fulfillment is cancelled in Shopify."""
        self.scene.box.post(f"{self._table(order_id)}/fulfillments/{number}/cancel")

    def hear(self, order_id: str) -> None:
        """What Shopify's message about the order leads to."""
        hear.read(tokens.line(self.scene.shop_id), self.scene.shop_id, self.scene.row(order_id).shopify_gid)

    def send(self) -> int:
        """Work on the packages that are due; how many were handled."""
        return claim.drain((SHIPMENTS,), seconds=30)

    def told(self, order_id: str) -> None:
        """Heard of and sent."""
        self.hear(order_id)
        self.send()

    def rows(self, order_id: str) -> list[Shipment]:
        """The order's packages as we have them, oldest first."""
        with db.reading() as s:
            found = select(Shipment).where(Shipment.order_id == self.scene.row(order_id).id)
            return list(s.scalars(found.order_by(Shipment.id)))

    def there(self, order_id: str) -> list[dict[str, Any]]:
        """The packages as the marketplace has them."""
        path = f"/amazon/sellers/{self.scene.seller}/orders"
        (order,) = [one for one in self.scene.box.get(path) if one["orderId"] == order_id]
        found: list[dict[str, Any]] = order.get("packages") or []
        return found

    def state_there(self, order_id: str) -> str:
        """The order's state at the marketplace."""
        path = f"/amazon/sellers/{self.scene.seller}/orders"
        (order,) = [one for one in self.scene.box.get(path) if one["orderId"] == order_id]
        return str(order["fulfillment"]["fulfillmentStatus"])

    def effects(self, effect: str, order_id: str) -> list[dict[str, Any]]:
        """Bodies of the marketplace's effects about this order."""
        found = self.scene.box.ledger(system="amazon", effect=effect)
        return [row["body"] for row in found if row["body"]["order_id"] == order_id]

    def incidents(self) -> list[Incident]:
        """Open troubles about packages."""
        with db.reading() as s:
            found = select(Incident).where(Incident.kind == "fulfillment_failed", Incident.resolved_at.is_(None))
            return list(s.scalars(found))

    def fault(self, kind: str, operation: str = "confirmShipment", **more: Any) -> None:
        """The next call to the marketplace goes wrong."""
        match = {"seller": self.scene.seller}
        self.scene.box.fault("amazon", kind, operation, **{"times": 1, "match": match, **more})

    def due(self, order_id: str, *ids: int) -> None:
        """Let every package be due now."""
        with db.writing() as s:
            for row in s.scalars(select(Shipment).where(Shipment.order_id == self.scene.row(order_id).id)):
                if row.due_at is not None:
                    row.due_at = clock.now()


# A test with this mark runs on both databases; without it on SQLite.
both_databases = pytest.mark.parametrize(
    "packing", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
