"""Scenarios of access that ends: tokens of Shopify and of the marketplace are refreshed, and the answer may be lost."""

from __future__ import annotations

from shopapp.records import db
from shopapp.records.models import Shop
from tests.crash.boundaries import judge
from tests.crash.boundaries.judge import Found
from tests.crash.boundaries.orders import Import, polled
from tests.crash.boundaries.scenario import Scene
from tests.crash.boundaries.stage import Stage

EXPIRED = "needs"
REFUSALS = 6  # of a dead refresh token within the hour of a recovery: a probe now and then, never a loop


class ShopToken(Import):
    """Both accesses are over; Shopify's refresh token rotates, the old one lives until the new one is used."""

    name = "shopify-token"
    modes = ("unique",)
    fault = ""

    def prepare(self, stage: Stage, scene: Scene) -> None:
        """An hour after the last poll, with two sales in it."""
        place = polled(stage, scene)
        scene.facts["orders"] = [stage.sell(place.seller), stage.sell(place.seller, "CHAIR")]
        stage.pass_time(61 * 60)
        if self.fault:
            match = {"shop": place.domain, "grant": "refresh"}
            stage.box.fault("shopify", self.fault, "token", times=1, match=match)

    def judge(self, stage: Stage, scene: Scene, kills: int) -> Found:
        """The orders are there, nobody was told to do anything, and the token was refreshed once and once per accident."""
        found = super().judge(stage, scene, kills)
        place = scene.facts["place"]
        refreshed = judge.count(scene.rows, "token.refreshed", [place.domain])
        if refreshed > 1 + kills + bool(self.fault):
            found.other.append(f"Shopify's token was refreshed {refreshed} times")
        found.other += [f"mail: {row['body']['subject']}" for row in judge.mails(scene.rows, place.email)]
        return found


class ShopTokenLost(ShopToken):
    """And the answer to the refresh is lost."""

    name = "shopify-token-lost"
    fault = "commit_then_reset"


class Rotating(Import):
    """A marketplace whose refresh token rotates; the old one is taken for ten minutes more."""

    name = "rotating-token"
    modes = ("unique",)
    grace = 600
    fault = ""

    def prepare(self, stage: Stage, scene: Scene) -> None:
        """Amazon's stand-in rotates for this seller; its access is over, Shopify's is not."""
        place = polled(stage, scene)
        scene.facts["orders"] = [stage.sell(place.seller), stage.sell(place.seller, "CHAIR")]
        stage.pass_time(61 * 60)
        stage.box.post(f"/amazon/sellers/{place.seller}/state", {"rotation_grace_seconds": self.grace})
        with db.writing() as s:
            shop = s.get_one(Shop, place.shop_id)
            assert shop.access_expires_at is not None
        if self.fault:
            stage.box.fault(
                "lwa", self.fault, "token", times=1, match={"grant": "refresh_token", "seller": place.seller}
            )

    def judge(self, stage: Stage, scene: Scene, kills: int) -> Found:
        """Healed: the orders are there and nobody was told anything."""
        found = super().judge(stage, scene, kills)
        self._no_loop(scene, found, kills)
        place = scene.facts["place"]
        found.other += [f"mail: {row['body']['subject']}" for row in judge.mails(scene.rows, place.email)]
        return found

    def _no_loop(self, scene: Scene, found: Found, kills: int) -> None:
        seller = scene.facts["place"].seller
        refreshed = judge.count(scene.rows, "lwa.refresh", [seller])
        refused = judge.count(scene.rows, "lwa.refused", [seller])
        if refreshed > 3 + kills or refused > REFUSALS:
            found.other.append(f"the token was refreshed {refreshed} times and refused {refused} times")


class RotatingLost(Rotating):
    """And the answer to the refresh is lost."""

    name = "rotating-token-lost"
    fault = "commit_then_reset"


class RotatingHard(Rotating):
    """The old refresh token is dead at once: what is lost before it is saved is lost, and told once."""

    name = "rotating-token-hard"
    grace = -1

    def judge(self, stage: Stage, scene: Scene, kills: int) -> Found:
        """Either the orders are there, or one mail says that the account needs a new login; never a loop."""
        found = Found()
        place = scene.facts["place"]
        mails = judge.mails(scene.rows, place.email)
        there = judge.made(scene.rows, place.domain)
        self._no_loop(scene, found, kills)
        found.doubled += [one for one, times in there.items() if times > 1]
        if mails:
            judge.told(found, mails, "a dead access")
        else:
            judge.orders(found, scene.rows, scene.facts["orders"], place.domain)
        if not kills and mails:
            found.other.append("told although nothing was lost")
        return found


ACCESS = (ShopToken(), ShopTokenLost(), Rotating(), RotatingLost(), RotatingHard())
