"""One run: start the demo, load it, kill, time recoveries, let it converge, judge, stop."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from pathlib import Path

import redis
import requests

from shopapp.config import Config
from tests.crash.judge import Verdict, created, judge
from tests.crash.killer import TIMED, Killer
from tests.crash.load import Control, Load, Place, open_place
from tests.crash.processes import Demo, until

RECOVERY = 150.0  # seconds of the clock: a lease of 120 and what it takes to look again
MARK = "crash:mark"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do. Seconds are of the wall, but `settle` is of the (scaled) clock."""

    kills: int
    seed: int
    scale: float = 1.0
    settle: int = 30
    rate: float = 2.0
    gap: float = 3.0
    probe: int = 15
    supervisor: bool = True


@dataclass(slots=True)
class Outcome:
    """What came of it. Recoveries are in seconds of the clock, one for each timed kill."""

    verdict: Verdict = field(default_factory=Verdict)
    kills: int = 0
    orphans: int = 0
    recoveries: list[float] = field(default_factory=list)
    queue_kept: bool = False
    unrecovered: str = ""

    @property
    def fine(self) -> bool:
        """Whether every promise held."""
        slow = any(seconds > RECOVERY for seconds in self.recoveries)
        return self.verdict.fine(self.kills) and not (slow or self.orphans or self.unrecovered) and self.queue_kept


class Run:
    """The parts of one run."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.rng = random.Random(plan.seed)
        # Mails leave soon, so that their tries fall among the kills.
        self.demo = Demo(folder, plan.scale, {"SETTLE_SECONDS": str(plan.settle)})
        self.control = Control(self.demo.box_url)
        self.killer = Killer(self.demo, self.rng, pause=min(6.0, 60 / plan.scale))
        self.places: list[Place] = []
        self.outcome = Outcome()

    def prepare(self) -> Load:
        """Start, install two shops with a seller each (one without enforced unique ids), mark the queue."""
        self.demo.start()
        self.demo.wait()
        self.places = [open_place(self.control, self.demo.app_url, unique_ids=unique) for unique in (True, False)]
        self.queue().set(MARK, "1")
        return Load(self.control, self.places, self.plan.rate, self.plan.seed)

    def queue(self) -> redis.Redis:
        """The embedded queue, as the product reaches it."""
        config = Config.load({"SHOPAPP_DATA": str(self.demo.data)}, serving=False)
        return redis.Redis.from_url(config.redis_url)

    def missing(self, until_moment: float) -> list[str]:
        """Good orders sold before that moment that are not in Shopify yet."""
        try:
            return [
                order_id
                for place in self.places
                for made in [created(self.control, place)]
                for order_id, at in list(place.good.items())
                if at <= until_moment and order_id not in made
            ]
        except requests.RequestException:
            return ["(the sandbox does not answer)"]

    def settle_down(self, load: Load) -> None:
        """No more accidents; wait until what they (and earlier kills) delayed is there. Orders go on arriving."""
        load.calm.set()
        moment = time.monotonic()
        limit = 900 / self.plan.scale + 30
        took = until(lambda: not self.missing(moment), "what was delayed before is there", limit, 0.5)
        say(
            f"all that {self.killer.count} kills and the accidents delayed is there after {took * self.plan.scale:.0f} s"
        )

    def recover(self, after: str) -> None:
        """Time how long it takes until all that was sold before now is in Shopify."""
        moment = time.monotonic()
        try:
            limit = 2 * RECOVERY / self.plan.scale + 15
            took = until(lambda: not self.missing(moment), "everything sold is there", limit, 0.5) * self.plan.scale
        except AssertionError:
            self.outcome.unrecovered = f"after {after}: {self.missing(moment)[:10]}"
            say(f"NOT RECOVERED {self.outcome.unrecovered}")
            return
        self.outcome.recoveries.append(took)
        say(f"kill {self.killer.count} ({after}): all there after {took:.0f} s of the clock")

    def strike_all(self, load: Load) -> None:
        """The kills of the plan; every `probe`-th happens without accidents around it, and its recovery is timed."""
        while self.killer.count < self.plan.kills:
            timed = self.plan.probe and (self.killer.count + 1) % self.plan.probe == 0
            if timed:
                self.settle_down(load)
            time.sleep(self.plan.gap * self.rng.uniform(0.2, 1.8))
            wish = TIMED[len(self.outcome.recoveries) % len(TIMED)] if timed else ""
            what = self.killer.strike(wish, supervisor=self.plan.supervisor)
            if what:
                say(f"kill {self.killer.count}: {what}")
            if what and timed:
                self.recover(what)
            load.calm.clear()

    def finish(self, load: Load) -> None:
        """Convergence, the mails, the queue's memory, the verdict."""
        try:
            self.settle_down(load)
        except AssertionError as error:
            self.outcome.unrecovered = str(error)  # the verdict names the orders
        ends = time.monotonic() + (RECOVERY + 60) / self.plan.scale + 20
        while (found := judge(self.control, self.places)).unmailed and time.monotonic() < ends:
            time.sleep(1)
        self.outcome.verdict = found
        self.outcome.kills = self.killer.count
        self.outcome.orphans += self.killer.orphans
        self.outcome.queue_kept = self.queue().get(MARK) == b"1"


def say(text: str) -> None:
    """One line of the run."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def run(plan: Plan, folder: Path) -> Outcome:
    """Do it all; the processes are gone afterwards."""
    one = Run(plan, folder)
    load: Load | None = None
    try:
        load = one.prepare()
        load.start()
        one.strike_all(load)
        load.stop()
        one.control.call("DELETE", "/faults")
        one.finish(load)
    finally:
        if load is not None:
            load.stop()
        one.control.close()
        one.outcome.orphans += one.demo.stop()
    _report(one, load)
    return one.outcome


def _report(one: Run, load: Load) -> None:
    outcome, verdict, killer = one.outcome, one.outcome.verdict, one.killer
    say(f"kills {outcome.kills} {dict(killer.kills)}, pauses {dict(killer.pauses)}, accidents {load.faults}")
    say(
        f"orders {verdict.orders}, lost {len(verdict.lost)}, doubled {len(verdict.doubled)},"
        f" invented {len(verdict.invented)}; mails {verdict.mails}, twice {verdict.mails_twice},"
        f" failures not mailed {len(verdict.unmailed)}"
    )
    slowest = max(outcome.recoveries, default=0.0)
    say(
        f"slowest recovery {slowest:.0f} s, orphans {outcome.orphans}, old processes gone after"
        f" {killer.slowest_end:.1f} s, served again after {killer.slowest_start:.1f} s, queue kept {outcome.queue_kept}"
    )
    for name in ("lost", "doubled", "invented", "forgotten", "unmailed"):
        if getattr(verdict, name):
            say(f"{name}: {getattr(verdict, name)[:10]}")
    if outcome.kills and not verdict.lost and not verdict.doubled:
        say(f"so a kill loses or doubles an order in less than {300 / outcome.kills:.1f} % of cases (95 %)")
    say("all held" if outcome.fine else "BROKEN")
