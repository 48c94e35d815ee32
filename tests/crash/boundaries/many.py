"""Spreads the runs over processes, each with servers of its own, and joins what they found."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

from tests.crash.boundaries.run import Enumerator, Tally
from tests.crash.boundaries.scenarios import BY_NAME
from tests.crash.boundaries.stage import opened


@dataclass(frozen=True, slots=True)
class Task:
    """A scenario in a mode, and which share of its points is to be taken."""

    scenario: str
    mode: str
    share: float


@dataclass(frozen=True, slots=True)
class Work:
    """What one process does: its part of every task, then its double crashes."""

    tasks: Sequence[Task]
    part: tuple[int, int]
    doubles: int
    seed: int
    database: str


def spread(tasks: Sequence[Task], doubles: int, seed: int, jobs: int, database: str) -> tuple[list[Tally], list[Tally]]:
    """Tallies of the single crashes in the order of `tasks`, and of the double ones."""
    fork = multiprocessing.get_context("fork")
    running = []
    for which in range(jobs):
        mine = doubles // jobs + (which < doubles % jobs)
        here, there = fork.Pipe(duplex=False)
        work = Work(tasks, (which, jobs), mine, seed, database)
        process = fork.Process(target=_process, args=(work, there))
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


def _process(work: Work, there: Connection) -> None:
    with opened(work.database) as stage:
        one = Enumerator(stage)
        singles = []
        for task in work.tasks:
            tally = one.singles(BY_NAME[task.scenario], task.mode, task.share, work.seed, work.part)
            singles.append(tally)
            for line in tally.broken:
                print(f"BROKEN {task.scenario} {task.mode}: {line}", flush=True)
        known = [(BY_NAME[tally.scenario], tally) for tally in singles]
        twice = one.doubles(known, work.doubles, work.seed * 1000 + work.part[0])
        for tally in twice:
            for line in tally.broken:
                print(f"BROKEN {tally.scenario} {tally.mode}: {line}", flush=True)
        there.send((singles, twice))
        there.close()
