"""Scenarios of prices and stock on their way to the marketplace: the newest is there in the end, whatever dies."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from shopapp.listings import duties, wish
from shopapp.records import db
from shopapp.records.models import AccountRules, Listing
from tests.crash.boundaries.judge import Found
from tests.crash.boundaries.orders import polled
from tests.crash.boundaries.scenario import Scene
from tests.crash.boundaries.shop import Heard
from tests.crash.boundaries.stage import DE, Stage


class Pushed(Heard):
    """Something of a product changes in Shopify, and its listing follows."""

    def prepare(self, stage: Stage, scene: Scene) -> None:
        """A listing that is read, linked, and as it is here."""
        place = polled(stage, scene)
        seller = f"/amazon/sellers/{place.seller}"
        stage.box.post(f"{seller}/state", {"delays": {"patch": 1, "report_queue": 1, "report_process": 1}})
        stage.box.post(f"{seller}/listings", {"sku": "LAMP", "price": "9.00", "quantity": 9})
        with db.writing() as s:
            duties.read_again(s, place.shop_id, "1", None)
            s.add(AccountRules(shop_id=place.shop_id, account_id=place.account_id, push_stock=True, push_price=True))
        for _ in range(8):
            stage.pass_time(65)
            stage.work()
            if self._linked(place.shop_id):
                break
        for _ in range(3):
            stage.pass_time(65)
            stage.work()
        assert self.there(stage, scene) == ("1.00", 1000), self.there(stage, scene)

    def _linked(self, shop_id: int) -> bool:
        with db.writing() as s:
            rows = s.scalars(select(Listing).where(Listing.shop_id == shop_id, Listing.variant_id.is_not(None))).all()
            wish.for_listings(s, shop_id, [row.id for row in rows])
            return bool(rows)

    def there(self, stage: Stage, scene: Scene) -> tuple[Any, Any]:
        """(price, quantity) at the marketplace."""
        told = stage.box.get(f"/amazon/sellers/{scene.facts['place'].seller}/listing/LAMP")
        return told["prices"][DE], told["quantity"]

    def change(self, stage: Stage, scene: Scene, **wanted: Any) -> None:
        """The merchant changes the product."""
        stage.box.patch(f"/shops/{scene.facts['place'].domain}/variants/sku:LAMP", wanted)

    wanted: tuple[str, int] = ("", 0)

    def judge(self, stage: Stage, scene: Scene, kills: int) -> Found:
        """The marketplace has what the shop has."""
        found = Found()
        self.heard(scene, found)
        there = self.there(stage, scene)
        if there != self.wanted:
            found.lost.append(f"LAMP is {there} there, not {self.wanted}")
        return found


class Stock(Pushed):
    """It sells down and then out, the second change a moment after the first."""

    name = "stock"
    topics = ("inventory_levels/update",)
    wanted = ("1.00", 0)

    def happens(self, stage: Stage, scene: Scene) -> None:
        """Some are left, then none."""
        self.change(stage, scene, available=3)
        self.change(stage, scene, available=0)


class Price(Pushed):
    """Its price changes."""

    name = "price"
    topics = ("products/update",)
    wanted = ("2.50", 1000)

    def happens(self, stage: Stage, scene: Scene) -> None:
        """A new price."""
        self.change(stage, scene, price="2.50")


LISTINGS: tuple[Pushed, ...] = (Stock(), Price())
