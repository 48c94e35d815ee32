"""Scenarios of packages on their way to the marketplace: none is lost, none is confirmed twice, the newest number counts."""

from __future__ import annotations

from tests.crash.boundaries.judge import Found
from tests.crash.boundaries.orders import polled
from tests.crash.boundaries.scenario import Scene
from tests.crash.boundaries.shop import Heard
from tests.crash.boundaries.stage import Stage


class Shipped(Heard):
    """An imported order is fulfilled in Shopify, and Shopify tells us."""

    name = "shipment"
    topics = ("fulfillments/create",)
    numbers = ("TRACK-1",)

    def prepare(self, stage: Stage, scene: Scene) -> None:
        """The order is in Shopify."""
        place = polled(stage, scene)
        scene.facts["order"] = stage.sell(place.seller, quantity=2)
        stage.pass_time(5 * 60)
        stage.work()
        stage.pass_time(60)

    def happens(self, stage: Stage, scene: Scene) -> None:
        """All of it leaves in one package."""
        wish = {"tracking": self.numbers[0], "company": "UPS"}
        stage.box.post(f"{self._table(scene)}/fulfillments", wish)

    def _table(self, scene: Scene) -> str:
        return f"/shops/{scene.facts['place'].domain}/orders/{scene.facts['order']}"

    def judge(self, stage: Stage, scene: Scene, kills: int) -> Found:
        """One confirmation, of all that was ordered; the marketplace shows the newest number."""
        found = Found()
        self.heard(scene, found)
        order_id = scene.facts["order"]
        confirmed = [row["body"] for row in scene.rows if row["effect"] == "shipment.confirmed"]
        if not confirmed:
            found.lost.append(order_id)
        if len(confirmed) > 1:
            found.doubled.append(order_id)
        orders = stage.box.get(f"/amazon/sellers/{scene.facts['place'].seller}/orders")
        (there,) = [one for one in orders if one["orderId"] == order_id]
        packages = there.get("packages") or []
        numbers = [one["trackingNumber"] for one in packages]
        if packages and numbers != [self.numbers[-1]]:
            found.other.append(f"the marketplace has {numbers}")
        if packages and there["fulfillment"]["fulfillmentStatus"] != "SHIPPED":
            found.other.append(f"the order is {there['fulfillment']['fulfillmentStatus']} there")
        edits = sum(row["effect"] == "shipment.edited" for row in scene.rows)
        if edits > len(self.numbers) - 1:
            found.other.append(f"edited {edits} times")
        return found


class LostConfirmation(Shipped):
    """The same, and the marketplace's answer is lost after it took the package."""

    name = "shipment-reset"

    def prepare(self, stage: Stage, scene: Scene) -> None:
        """The fault strikes the first confirmation, whoever sends it."""
        super().prepare(stage, scene)
        match = {"seller": scene.facts["place"].seller}
        stage.box.fault("amazon", "commit_then_reset", "confirmShipment", times=1, match=match)


class Corrected(Shipped):
    """The number is corrected in Shopify a moment after."""

    name = "shipment-corrected"
    topics = ("fulfillments/create", "fulfillments/update")
    numbers = ("TRACK-1", "TRACK-2")

    def happens(self, stage: Stage, scene: Scene) -> None:
        """Shipped, and corrected."""
        super().happens(stage, scene)
        stage.box.post(f"{self._table(scene)}/fulfillments/1", {"tracking": self.numbers[1]})


SHIPMENTS: tuple[Shipped, ...] = (Shipped(), LostConfirmation(), Corrected())
