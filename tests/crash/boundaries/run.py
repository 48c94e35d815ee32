"""Runs scenarios: counts their boundaries once, kills at each in turn, lets the rest converge and collects verdicts."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.crash.boundaries.counting import Point, Side
from tests.crash.boundaries.judge import Found
from tests.crash.boundaries.scenario import MODES, Scenario, Scene
from tests.crash.boundaries.stage import Ended, Stage

SIDES: tuple[Side, ...] = ("before", "after")


@dataclass
class Tally:
    """What came of the runs of one scenario in one mode. Lists hold what is broken, with the boundary."""

    scenario: str
    mode: str
    boundaries: int = 0
    runs: int = 0
    kills: int = 0
    lost: int = 0
    doubled: int = 0
    unmailed: int = 0
    twice: int = 0
    other: int = 0
    missed: int = 0
    window: float = 0.0  # seconds in which a token that was replaced is known to nobody but this process
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)
    crossed: list[str] = field(default_factory=list)

    def add(self, found: Found, kills: int, where: str) -> None:
        """Count one run."""
        self.runs += 1
        self.kills += kills
        self.lost += len(found.lost)
        self.doubled += len(found.doubled)
        self.unmailed += len(found.unmailed)
        self.twice += found.twice
        self.other += len(found.other)
        if found.broken(kills):
            self.broken.append(f"{where}: { ({key: value for key, value in asdict(found).items() if value}) }")

    def join(self, other: Tally) -> None:
        """Add what another process found about the same scenario and mode."""
        assert (self.scenario, self.mode) == (other.scenario, other.mode)
        for name in ("runs", "kills", "lost", "doubled", "unmailed", "twice", "other", "missed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.window = max(self.window, other.window)
        self.boundaries = max(self.boundaries, other.boundaries)
        self.seconds = max(self.seconds, other.seconds)
        self.broken += other.broken


@dataclass(frozen=True, slots=True)
class Chosen:
    """Both sides of every boundary, or a seeded `share` of them, or those `near` a name; of these what is our `part`."""

    share: float = 1.0
    seed: int = 1
    near: str = ""
    part: tuple[int, int] = (0, 1)

    def of(self, tally: Tally) -> list[Point]:
        """The points to die at, in order."""
        names = enumerate(tally.crossed, 1)
        every = [Point(number, side) for number, name in names if self.near in name for side in SIDES]
        if self.share < 1:
            rng = random.Random(f"{self.seed}:{tally.scenario}:{tally.mode}")
            every = rng.sample(every, min(len(every), max(1, round(len(every) * self.share))))
        return sorted(every, key=lambda one: (one.number, one.side))[self.part[0] :: self.part[1]]


class Enumerator:
    """The runs of one process."""

    def __init__(self, stage: Stage, bug: Any = None) -> None:
        self.stage = stage
        self.bug = bug

    def once(self, scenario: Scenario, mode: str, kills: Sequence[Point | None]) -> tuple[Found, int, Ended | None]:
        """One run: the scenario killed at the first point, each recovery at the next, then a whole one; judged.

        The verdict, how many kills there really were, and how the first child ended.
        """
        stage, scene = self.stage, Scene(MODES[mode])
        stage.clear()
        with stage.app.app_context():
            scenario.prepare(stage, scene)
        stage.lay_down()
        play = scenario.act
        first: Ended | None = None
        killed, words = 0, ""
        for deadly in (*kills, None):
            ended = stage.child(lambda on, play=play: self._play(play, on, scene), deadly)  # type: ignore[misc]
            first = first or ended
            killed += ended.killed
            words += ended.words
            play = scenario.recover
        if not kills:  # the counting run converges, too
            words += stage.child(lambda on: self._play(scenario.recover, on, scene)).words
        scene.rows = stage.ledger()
        found = scenario.judge(stage, scene, killed)
        found.other += [line[:300] for line in words.splitlines() if "work_crashed" in line]
        return found, killed, first

    def _play(self, play: Any, stage: Stage, scene: Scene) -> None:
        if self.bug is not None:
            self.bug(stage)
        play(stage, scene)

    def warm(self, scenario: Scenario, mode: str) -> None:
        """Play it all in the parent: what is compiled and loaded on the way is there for every child."""
        stage, scene = self.stage, Scene(MODES[mode])
        stage.clear()
        with stage.app.app_context():
            scenario.prepare(stage, scene)
            scenario.act(stage, scene)
            scenario.recover(stage, scene)
        stage.lay_down()

    def count(self, scenario: Scenario, mode: str) -> Tally:
        """One run without a kill, in a warm parent."""
        self.warm(scenario, mode)
        tally = Tally(scenario.name, mode)
        found, killed, first = self.once(scenario, mode, ())
        assert first is not None
        tally.add(found, killed, "no kill")
        tally.boundaries, tally.crossed, tally.window = len(first.crossed), first.crossed, first.window
        return tally

    def singles(self, scenario: Scenario, mode: str, chosen: Chosen) -> Tally:
        """Every single crash, or those chosen."""
        began = time.monotonic()
        tally = self.count(scenario, mode)
        for point in chosen.of(tally):
            self._kill(tally, scenario, mode, (point,))
        tally.seconds = time.monotonic() - began
        return tally

    def doubles(self, tallies: Iterable[tuple[Scenario, Tally]], times: int, seed: int) -> list[Tally]:
        """Second kills during the recovery, at random boundaries of random scenarios whose boundaries are known."""
        rng = random.Random(seed)
        known = [(scenario, tally) for scenario, tally in tallies if tally.boundaries]
        results: dict[tuple[str, str], Tally] = {}
        for _ in range(times):
            scenario, counted = rng.choice(known)
            tally = results.setdefault(
                (scenario.name, counted.mode), Tally(scenario.name, counted.mode, counted.boundaries)
            )
            first = Point(rng.randint(1, counted.boundaries), rng.choice(SIDES))
            second = Point(rng.randint(1, counted.boundaries), rng.choice(SIDES))
            began = time.monotonic()
            self._kill(tally, scenario, counted.mode, (first, second))
            tally.seconds += time.monotonic() - began
        return list(results.values())

    def _kill(self, tally: Tally, scenario: Scenario, mode: str, where: Sequence[Point]) -> None:
        text = ", then ".join(f"{one.side} {one.number}" for one in where)
        if len(where) == 1 and tally.crossed:
            text += f" ({tally.crossed[where[0].number - 1]})"
        try:
            found, killed, _ = self.once(scenario, mode, where)
        except RuntimeError as error:
            found, killed = Found(other=[str(error)]), 0
        tally.missed += len(where) == 1 and not killed
        tally.add(found, killed, text)
