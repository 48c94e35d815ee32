"""Scenarios of orders on their way into Shopify."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from shopapp import clock
from shopapp.orders import backfill
from shopapp.records import db
from shopapp.skus import keep
from shopapp.skus.keep import Pair
from tests.crash.boundaries import judge
from tests.crash.boundaries.judge import Found
from tests.crash.boundaries.scenario import Scenario, Scene
from tests.crash.boundaries.stage import Place, Stage

EVERY_MODE: tuple[str, ...] = ("unique", "not-unique", "lagging")


def polled(stage: Stage, scene: Scene, **settings: Any) -> Place:
    """A place whose products have come into the index, and whose account was polled."""
    lag = float(scene.settings.get("index_lag_seconds", 0))
    place = stage.place(unique_ids=scene.settings["unique_ids"])
    stage.box.post(f"/shops/{place.domain}/settings", {"index_lag_seconds": lag, **settings})
    stage.work()
    scene.facts["place"] = place
    return place


class Import(Scenario):
    """Two orders of one poll. They are older than the overlap, so that a cursor that runs ahead loses them."""

    name = "import"
    modes: tuple[str, ...] = EVERY_MODE

    def prepare(self, stage: Stage, scene: Scene) -> None:
        """A connected seller that is polled without a gap; then two sales, seen 14 minutes later."""
        place = polled(stage, scene)
        scene.facts["orders"] = [stage.sell(place.seller), stage.sell(place.seller, "CHAIR")]
        stage.pass_time(14 * 60)

    def judge(self, stage: Stage, scene: Scene, kills: int) -> Found:
        """Each sale is there once."""
        found = Found()
        judge.orders(found, scene.rows, scene.facts["orders"], scene.facts["place"].domain)
        return found


class Mapped(Import):
    """The same, of SKUs that the shop lacks: one is mapped for the account, one for all."""

    name = "import-mapped"
    modes = ("unique",)

    def prepare(self, stage: Stage, scene: Scene) -> None:
        """The mappings are saved before the sales are seen."""
        place = polled(stage, scene)
        with db.writing() as s:
            for pair in (Pair(place.account_id, "AMZ-LAMP", "LAMP"), Pair(None, "AMZ-CHAIR", "CHAIR")):
                keep.save(s, place.shop_id, pair, "1")
        scene.facts["orders"] = [stage.sell(place.seller, sku) for sku in ("AMZ-LAMP", "AMZ-CHAIR")]
        stage.pass_time(14 * 60)


class LostAnswer(Import):
    """The same, and Shopify's answer to the first creation is lost in one way or another."""

    kind = ""
    params: Mapping[str, Any] = MappingProxyType({})
    late = False  # Shopify commits once the fault is taken back: within the settle time, however slow this machine is

    def prepare(self, stage: Stage, scene: Scene) -> None:
        """The fault strikes the first creation, whoever sends it."""
        super().prepare(stage, scene)
        match = {"shop": scene.facts["place"].domain}
        stage.box.fault("shopify", self.kind, "OrderCreate", times=1, match=match, params=dict(self.params))

    def between(self, stage: Stage, scene: Scene, step: int) -> None:
        """What is committed late has arrived before the settle time is over."""
        if not self.late or not step or scene.facts.get("waited"):
            return
        with stage.counter.uncounted():
            if self._struck(stage):
                scene.facts["waited"] = True
                before = self._made(stage)
                stage.box.clear_faults()
                ends = time.monotonic() + 5
                while self._made(stage) == before and time.monotonic() < ends:
                    time.sleep(0.02)

    def _struck(self, stage: Stage) -> bool:
        return bool(stage.box.ledger(since=str(stage.seen), effect=f"fault.{self.kind}"))

    def _made(self, stage: Stage) -> int:
        # Where the id is refused a second time nothing is made: then the time runs out.
        return len(stage.box.ledger(since=str(stage.seen), effect="order.created"))


class Reset(LostAnswer):
    """The connection is reset after the order was made."""

    name = "import-reset"
    kind = "commit_then_reset"


class BadGateway(LostAnswer):
    """A proxy says 502 after the order was made."""

    name = "import-502"
    kind = "commit_then_status"
    params = MappingProxyType({"status": 502})


class LateCommit(LostAnswer):
    """The connection is closed and Shopify makes the order later, within the settle time."""

    name = "import-late"
    kind = "late_commit"
    late = True
    params = MappingProxyType({"seconds": 60, "until_removed": True})


class Backfill(Import):
    """Older orders, two of four made by another app before us."""

    name = "backfill"
    modes = ("unique", "not-unique")

    def prepare(self, stage: Stage, scene: Scene) -> None:
        """Four sales of the days before the take-over; the shop has two of them, named in a note and in a tag."""
        place = polled(stage, scene)
        then = (clock.now() - timedelta(days=3)).isoformat()
        sales = [stage.sell(place.seller, created_at=then) for _ in range(4)]
        for wish in ({"note": f"Amazon order {sales[0]}"}, {"tags": [sales[1]]}):
            stage.box.post(f"/shops/{place.domain}/orders", {**wish, "created_at": then, "total": "1.00"})
        with db.writing() as s:
            since = clock.now() - timedelta(days=5)
            assert backfill.start(s, place.shop_id, place.account_id, since, "1") is not None
        scene.facts["orders"] = sales[2:]


ORDERS: tuple[Scenario, ...] = (Import(), Mapped(), Reset(), BadGateway(), LateCommit(), Backfill())
