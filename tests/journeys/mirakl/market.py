"""One shop at an instance of Mirakl, as the switches of the stand-in show it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from tests.journeys.life import Life
from tests.sandbox.merchant import Page

NORTH, SOUTH = "nordkauf.example", "suedmarkt.example"


@dataclass
class Market:
    """One shop at one instance, as its switches show it."""

    life: Life
    instance: str = NORTH
    number: str = ""
    key: str = ""

    def open(self, **wish: Any) -> Market:
        made = self.life.box.post(
            "/mirakl/sellers", {"instance": self.instance, "shop_id": secrets.randbelow(10**9) + 10, **wish}
        )
        self.number, self.key = made["seller_id"], made["key"]
        return self

    @property
    def path(self) -> str:
        return f"/mirakl/sellers/{self.instance}/{self.number}"

    def state(self, **wish: Any) -> None:
        told = self.life.box.post(f"{self.path}/state", wish)
        self.key = told["key"]

    def sell(self, **wish: Any) -> str:
        (order_id,) = self.life.box.post(f"{self.path}/orders", {"sku": "MUG", "price": "19.90", **wish})["order_ids"]
        return str(order_id)

    def order(self, order_id: str) -> dict[str, Any]:
        (found,) = [one for one in self.life.box.get(f"{self.path}/orders") if one["order_id"] == order_id]
        return dict(found)

    def offer(self, sku: str = "MUG", **wish: Any) -> None:
        self.life.box.post(f"{self.path}/listings", {"sku": sku, "price": "19.90", "quantity": 5, **wish})

    def there(self, sku: str = "MUG") -> tuple[str, int]:
        one = self.life.box.get(f"{self.path}/listing", sku=sku)
        return one["prices"][0]["price"], one["quantity"]

    def calls(self, operation: str) -> int:
        rows = self.life.box.ledger(system="mirakl", effect=f"mirakl.{operation}")
        return sum(row["key"] == f"{self.instance}/{self.number}" for row in rows)

    def type(self, **change: str) -> Page:
        """Type address and key into the form of a new connection."""
        page = self.life.merchant.visit("/accounts/new/mirakl")
        values = {"instance_url": f"https://{self.instance}", "api_key": self.key, **change}
        return self.life.merchant.submit(page, "manual", **values)

    def connect(self, **change: str) -> int:
        back = self.type(**change)
        assert "/import" in back.url, f"{back.url}: {back.text[:400]}"
        account_id = int(back.url.split("/accounts/")[1].split("/")[0])
        assert self.life.merchant.submit(back, "import").status == 200
        return account_id
