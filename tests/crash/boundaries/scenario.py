"""What a scenario is, and how a run of it goes on after the crash: time passes in steps until nothing changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.crash.boundaries.judge import Found, Rows
from tests.crash.boundaries.stage import Stage

# The sandbox's shop: unique ids are refused twice or not, and the search index lags by ten settle times.
MODES: Mapping[str, Mapping[str, Any]] = {
    "unique": {"unique_ids": True},
    "not-unique": {"unique_ids": False},
    "lagging": {"unique_ids": True, "index_lag_seconds": 900},
}
# Seconds: started again at once, after lease and settle time, after those of the first recovery, and then on and on.
STEPS = (3.0, 130.0, 300.0, 900.0)
MORE, MOST = 900.0, 12  # steps are added while the last one still changed something, up to so many
READING = ("amazon.searchOrders", "amazon.getMarketplaceParticipations", "lwa.refresh", "fx.read", "token.refreshed")


def _unheard(row: Mapping[str, Any]) -> bool:
    """A message to the app that nobody took: it comes again."""
    return row["effect"] == "webhook.sent" and row["body"]["status"] is None


@dataclass
class Scene:
    """What was prepared for one run; `facts` are the scenario's own."""

    settings: Mapping[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)
    rows: Rows = field(default_factory=list)


class Scenario:
    """One way through the product. `prepare` runs in the warm parent, `act` in the child that may be killed."""

    name = ""
    modes: tuple[str, ...] = ("unique",)

    def prepare(self, stage: Stage, scene: Scene) -> None:
        """Make shops, sellers, orders."""
        raise NotImplementedError

    def act(self, stage: Stage, scene: Scene) -> None:
        """What is enumerated."""
        stage.work()

    def again(self, stage: Stage, scene: Scene) -> None:
        """What people and remotes do once more when they got no answer; at the beginning of the recovery."""

    def between(self, stage: Stage, scene: Scene, step: int) -> None:
        """What the outside does after a step of the recovery, before the workers."""

    def recover(self, stage: Stage, scene: Scene) -> None:
        """Started again after a crash: converge."""
        stage.keep_time()
        self.again(stage, scene)
        step = 0
        quiet = 0
        while step < len(STEPS) or quiet < 2:
            if step == MOST:
                return  # the judge sees what is still going on
            before = self._changes(stage)
            stage.pass_time(STEPS[step] if step < len(STEPS) else MORE)
            self.between(stage, scene, step)
            stage.work()
            quiet = quiet + 1 if self._changes(stage) == before else 0
            step += 1

    def _changes(self, stage: Stage) -> int:
        with stage.counter.uncounted():
            rows = stage.box.ledger(since=str(stage.seen))
            return sum(row["effect"] not in READING and not _unheard(row) for row in rows)

    def judge(self, stage: Stage, scene: Scene, kills: int) -> Found:
        """What the ledger says; `scene.rows` are its entries of this run."""
        raise NotImplementedError
