"""One run: start the product, load it, kill, time recoveries, let it converge, judge, stop."""

from __future__ import annotations

import contextlib
import random
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import redis
import requests
from sqlalchemy import func, select

from shopapp import clock, create_app, jobs
from shopapp.config import Config
from shopapp.records import db
from tests.crash.house import House
from tests.crash.judge import Created, Verdict, judge
from tests.crash.killer import Killer, targets
from tests.crash.load import Control, Load, Place, open_place
from tests.crash.processes import Demo, until

RECOVERY = 150.0  # seconds: a lease of 120 and what it takes to look again
RESUMED = 60.0  # seconds until something is imported again after the queue was lost
LEASE = 120.0
MARK = "crash:mark"
PROGRESS = 6.0  # seconds
TRIES = 20  # to find what is to be struck: workers that stay busy cannot be caught idle


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do. Seconds are of the wall, but `settle` is of the (scaled) clock.

    `premises`: "house" (processes of our own, restarted at once) or "demo" (`shopapp demo` with its supervisor).
    `probe`: the recovery after every so many kills is timed (0: never).
    """

    kills: int
    seed: int
    scale: float = 12.0
    settle: int = 90
    rate: float = 5.0
    gap: float = 0.4
    probe: int = 0
    premises: str = "house"
    postgres: bool = False
    workers_only: bool = False
    supervisor: bool = True


def unscaled(seconds: float, scale: float) -> float:
    """What took so long on the wall, had the clock not run faster: one lease at most was shortened, our work was not.

    Two leases in a row would be taken for less than they are; `--scale 1` measures what this estimates.
    """
    return seconds + min(seconds * (scale - 1), LEASE * (1 - 1 / scale))


@dataclass(slots=True)
class Outcome:
    """What came of it. Recoveries are in unscaled seconds, by what was struck."""

    verdict: Verdict = field(default_factory=Verdict)
    kills: int = 0
    orphans: int = 0
    recoveries: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    resumed: list[float] = field(default_factory=list)
    queue_kept: bool = False
    unrecovered: str = ""
    stuck: int = 0

    @property
    def slowest(self) -> float:
        """The longest recovery."""
        return max((seconds for each in self.recoveries.values() for seconds in each), default=0.0)

    @property
    def fine(self) -> bool:
        """Whether every promise held."""
        slow = self.slowest > RECOVERY or any(seconds > RESUMED for seconds in self.resumed)
        broken = slow or self.orphans or self.unrecovered or self.stuck
        return self.verdict.fine(self.kills) and self.queue_kept and not broken


class Run:
    """The parts of one run."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.rng = random.Random(plan.seed)
        # A long run sells more than any trial permits: past it orders would be held, and no kill would meet one.
        settings = {"SETTLE_SECONDS": str(plan.settle), "PLAN_LIMITS": "trial=100000000"}
        self.premises: Demo | House = Demo(folder, plan.scale, settings)
        if plan.premises == "house":
            self.premises = House(folder, plan.scale, settings | {"POLL_SECONDS": "10"}, postgres=plan.postgres)
        self.control = Control(self.premises.box_url)
        self.created = Created(self.control)
        aims = targets(self.premises, workers_only=plan.workers_only, supervisor=plan.supervisor)
        # A pause longer than the settle time would be a send that arrives later than any guess allows.
        self.killer = Killer(self.premises, self.rng, aims, min(6.0, plan.settle / 3 / plan.scale), wiped=self.mark)
        self.places: list[Place] = []
        self.imported = 0  # as seen before the last strike
        self.outcome = Outcome()

    def prepare(self) -> Load:
        """Start, install three shops with a seller each, mark the queue.

        In one unique ids are not enforced; in one the index learns of an order long after the settle time.
        """
        self.premises.start()
        self.premises.wait()
        kinds = ((True, 2.0), (False, 2.0), (True, 10.0 * self.plan.settle))
        app = self.premises.app_url
        self.places = [open_place(self.control, app, unique_ids=unique, lag=lag) for unique, lag in kinds]
        self.mark()
        return Load(self.control, self.places, self.plan.rate, self.plan.seed)

    def queue(self) -> redis.Redis:
        """The embedded queue, as the product reaches it."""
        config = Config.load({"SHOPAPP_DATA": str(self.premises.data)}, serving=False)
        return redis.Redis.from_url(config.redis_url)

    def mark(self) -> None:
        """Something by which to see later that the queue kept what it held."""
        with self.queue() as queue:
            queue.set(MARK, "1")

    def missing(self, until_moment: float, since: float = 0.0) -> list[str]:
        """Good orders sold in that time that are not in Shopify yet."""
        try:
            return [
                order_id
                for place in self.places
                for made in [self.created.of(place)]
                for order_id, at in list(place.good.items())
                if since <= at <= until_moment and order_id not in made
            ]
        except requests.RequestException:
            return ["(the sandbox does not answer)"]

    def settle_down(self, load: Load) -> None:
        """No more accidents; wait until what they (and earlier kills) delayed is there. Orders go on arriving."""
        load.calm.set()
        moment = time.monotonic()
        limit = 900 / self.plan.scale + 90
        took = until(lambda: not self.missing(moment), "what was delayed before is there", limit, 0.2)
        say(f"all that {self.killer.count} kills and accidents delayed is there after {took:.1f} s of the wall")

    def recover(self, after: str) -> None:
        """Time how long it takes until all that was sold before now is in Shopify."""
        moment = time.monotonic()
        limit = 2 * RECOVERY / self.plan.scale + 15
        resumed = 0.0

        def there() -> bool:
            nonlocal resumed
            if not resumed and any(one.good and self._new_since(one, moment) for one in self.places):
                resumed = time.monotonic() - moment
            return not self.missing(moment)

        try:
            wall = until(there, "everything sold is there", limit, 0.1)
        except AssertionError:
            self.outcome.unrecovered = f"after {after}: {self.missing(moment)[:10]}"
            say(f"NOT RECOVERED {self.outcome.unrecovered}")
            return
        took = unscaled(wall, self.plan.scale)
        self.outcome.recoveries[after].append(took)
        if after == "queue wiped":
            self.outcome.resumed.append(resumed or wall)  # no lease is waited for: the wall counts
        say(f"kill {self.killer.count} ({after}): all there after {wall:.1f} s, unscaled {took:.0f} s")

    def _new_since(self, place: Place, moment: float) -> bool:
        made = self.created.of(place)
        return any(at > moment and order_id in made for order_id, at in list(place.good.items()))

    def strike_all(self, load: Load) -> None:
        """The kills of the plan, one to three at a time; every `probe`-th alone and without accidents, to be timed."""
        order = [name for name in TIMED if name in self.killer.targets]
        if self.plan.premises == "demo" and self.plan.supervisor:
            self.told(self.killer.strike("supervisor"))  # the rarest there: at least once
        turn, next_timed = 0, self.plan.probe or self.plan.kills + 1
        while self.killer.count < self.plan.kills:
            if self.killer.count + 1 >= next_timed:
                self.settle_down(load)
                aimed, tries = order[turn % len(order)], 0
                while not (what := self.told(self.killer.strike(aimed))) and tries < TRIES:
                    tries += 1
                    time.sleep(0.25)
                turn += 1
                if what:
                    next_timed += self.plan.probe
                    self.recover(what)
                else:
                    say(f"nothing to strike: {aimed}")
                load.calm.clear()
                continue
            time.sleep(self.plan.gap * self.rng.uniform(0.2, 1.8))
            self.see_progress()
            for _ in range(min(self.rng.choice((1, 1, 2, 3)), self.plan.kills - self.killer.count)):
                self.told(self.killer.strike())

    def see_progress(self) -> None:
        """Wait until something was imported since the last strike: killing what has not begun again proves nothing."""
        before, ends = self.imported, time.monotonic() + PROGRESS
        while self.imported <= before and time.monotonic() < ends:
            time.sleep(0.03)
            with contextlib.suppress(requests.RequestException):
                self.imported = sum(sum(self.created.of(place).values()) for place in self.places)

    def told(self, what: str) -> str:
        """Say what was struck, now and then in long runs."""
        if what and self.plan.kills <= 60:
            say(f"kill {self.killer.count}: {what}")
        elif what and not self.killer.count % 50:
            say(f"{self.killer.count} kills, {sum(len(one.good) for one in self.places)} orders sold")
        return what

    def stuck(self) -> int:
        """Rows still claimed long after their lease, and bells still called started: 0 once all has been taken up."""
        if not isinstance(self.premises, House):
            return 0
        create_app(self.premises.config)
        try:
            return until_few(lambda: _past_their_lease() + self._started(), 90)
        finally:
            db.engine().dispose()
            clock.configure(1, 0)

    def _started(self) -> int:
        with self.queue() as queue:
            names = [name.decode() for name in queue.keys("rq:wip:*")]
            live = {one.pid for one in self.premises.processes()}
            assert live, "the product is gone"
            old = time.time() - 120  # by the wall: RQ's own time
            return sum(int(queue.zcount(name, "-inf", old)) for name in names)

    def finish(self, load: Load) -> None:
        """Convergence, the mails, the queue's memory, the verdict."""
        try:
            self.settle_down(load)
        except AssertionError as error:
            self.outcome.unrecovered = str(error)  # the verdict names the orders
        ends = time.monotonic() + (RECOVERY + 60) / self.plan.scale + 20
        while (found := judge(self.control, self.places)).unmailed and time.monotonic() < ends:
            time.sleep(0.5)
        self.outcome.verdict = found
        self.outcome.kills = self.killer.count
        self.outcome.orphans += self.killer.orphans
        self.outcome.stuck = self.stuck()
        with self.queue() as queue:
            self.outcome.queue_kept = queue.get(MARK) == b"1"


def _past_their_lease() -> int:
    """Due rows whose lease ran out more than a lease ago and that nobody has taken up."""
    found = 0
    late = clock.now() - timedelta(seconds=LEASE)
    with db.reading() as s:
        for works in jobs.QUEUES.values():
            for work in works:
                model = work.model
                rows = select(func.count()).select_from(model).where(model.lease_until < late, model.due_at < late)
                found += s.scalar(rows) or 0
    return found


def until_few(count: Callable[[], int], seconds: float) -> int:
    """Wait until there are none; how many there are when the time is over."""
    ends = time.monotonic() + seconds
    while (found := count()) and time.monotonic() < ends:
        time.sleep(0.5)
    return found


# Whose recovery is timed, in this order: those that leave something behind first.
TIMED = (
    "horse now",
    "queue wiped",
    "database",
    "power cut",
    "after the pop",
    "horse bulk",
    "supervisor",
    "worker now",
    "database child",
    "queue",
    "deploy",
    "worker bulk",
    "web",
    "scheduler",
    "web child",
)


def say(text: str) -> None:
    """One line of the run."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def run(plan: Plan, folder: Path) -> Outcome:
    """Do it all; the processes are gone afterwards."""
    one = Run(plan, folder)
    load: Load | None = None
    began = time.monotonic()
    try:
        load = one.prepare()
        load.start()
        struck = time.monotonic()
        one.strike_all(load)
        rate = one.killer.count / max(1.0, time.monotonic() - struck)
        say(f"{rate:.2f} kills a second, {one.imported} orders imported between them")
        load.stop()
        one.control.call("DELETE", "/faults")
        one.finish(load)
    finally:
        if load is not None:
            load.stop()
        one.control.close()
        one.outcome.orphans += one.premises.stop()
    _report(one, load, time.monotonic() - began)
    return one.outcome


def _report(one: Run, load: Load, seconds: float) -> None:
    outcome, verdict, killer = one.outcome, one.outcome.verdict, one.killer
    say(f"kills {outcome.kills} {dict(killer.kills)}")
    say(f"pauses {dict(killer.pauses)}, accidents {load.faults}, of which {load.struck} struck")
    say(
        f"orders {verdict.orders}, lost {len(verdict.lost)}, doubled {len(verdict.doubled)},"
        f" invented {len(verdict.invented)}; mails {verdict.mails}, twice {verdict.mails_twice},"
        f" failures not mailed {len(verdict.unmailed)}"
    )
    timed = ", ".join(f"{kind} {max(each):.0f}" for kind, each in outcome.recoveries.items())
    say(f"slowest recovery {outcome.slowest:.0f} s, unscaled ({timed or 'none timed'})")
    if outcome.resumed:
        say(f"after the queue was lost, work was resumed after {max(outcome.resumed):.1f} s of the wall")
    say(f"rows and bells held past their lease {outcome.stuck}")
    say(f"left behind {outcome.orphans}, queue kept {outcome.queue_kept}, {seconds:.0f} s of the wall in all")
    if killer.slowest_start:
        say(f"supervisor: old gone after {killer.slowest_end:.1f} s, served again after {killer.slowest_start:.1f} s")
    for name in ("lost", "doubled", "invented", "forgotten", "unmailed"):
        if getattr(verdict, name):
            say(f"{name}: {getattr(verdict, name)[:10]}")
    if outcome.kills and not verdict.lost and not verdict.doubled:
        say(f"so a kill loses or doubles an order in less than {300 / outcome.kills:.2f} % of cases (95 %)")
    say("all held" if outcome.fine else "BROKEN")
