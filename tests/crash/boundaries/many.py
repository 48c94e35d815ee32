"""Spreads the runs over processes, each with servers of its own, and joins what they found."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

from tests.crash.boundaries.bugs import BUGS
from tests.crash.boundaries.run import Enumerator, Tally
from tests.crash.boundaries.scenarios import BY_NAME
from tests.crash.boundaries.stage import opened

OF_ONE = 6


@dataclass(frozen=True, slots=True)
class Task:
    """A scenario in a mode, and which share of its points is to be taken."""

    scenario: str
    mode: str
    share: float


@dataclass(frozen=True, slots=True)
class How:
    """The settings of a whole run. `doubles` of any scenario, `OF_ONE` of each of `doubles_of`."""

    seed: int = 1
    jobs: int = 2
    database: str = ""
    doubles: int = 0
    doubles_of: tuple[str, ...] = ()
    bug: str = ""


def spread(tasks: Sequence[Task], how: How) -> tuple[list[Tally], list[Tally]]:
    """Tallies of the single crashes in the order of `tasks`, and of the double ones."""
    fork = multiprocessing.get_context("fork")
    running = []
    for which in range(how.jobs):
        here, there = fork.Pipe(duplex=False)
        process = fork.Process(target=_process, args=(tasks, how, which, there))
        process.start()
        there.close()
        running.append((process, here))
    singles: list[Tally] = []
    twice: list[Tally] = []
    for process, here in running:
        try:
            one, two = here.recv()
        except EOFError:
            raise RuntimeError("a process of the enumerator died") from None
        process.join()
        singles, twice = _joined(singles, one), _joined(twice, two)
    return singles, twice


def _joined(known: list[Tally], more: list[Tally]) -> list[Tally]:
    by_name = {(one.scenario, one.mode): one for one in known}
    for tally in more:
        key = (tally.scenario, tally.mode)
        if key in by_name:
            by_name[key].join(tally)
        else:
            by_name[key] = tally
    return list(by_name.values())


def _process(tasks: Sequence[Task], how: How, which: int, there: Connection) -> None:
    """The part of one process: its points of every task, then its double crashes."""
    with opened(how.database) as stage:
        one = Enumerator(stage, BUGS[how.bug].sow if how.bug else None)
        singles = []
        for task in tasks:
            tally = one.singles(BY_NAME[task.scenario], task.mode, task.share, how.seed, (which, how.jobs))
            singles.append(tally)
            _tell(how, tally)
        known = [(BY_NAME[tally.scenario], tally) for tally in singles]
        seed = how.seed * 1000 + which
        twice = one.doubles(known, _part(how.doubles, which, how.jobs), seed)
        for name in how.doubles_of:
            mine = [(scenario, tally) for scenario, tally in known if scenario.name == name]
            twice = _joined(twice, one.doubles(mine, _part(OF_ONE, which, how.jobs), seed))
        for tally in twice:
            _tell(how, tally)
        there.send((singles, twice))
        there.close()


def _part(whole: int, which: int, of: int) -> int:
    return whole // of + (which < whole % of)


def _tell(how: How, tally: Tally) -> None:
    if not how.bug:
        for line in tally.broken:
            print(f"BROKEN {tally.scenario} {tally.mode}: {line}", flush=True)
