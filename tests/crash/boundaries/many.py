"""Spreads the runs over processes, each with servers of its own, and joins what they found."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.queues import SimpleQueue

from tests.crash.boundaries.bugs import BUGS
from tests.crash.boundaries.run import Chosen, Enumerator, Tally
from tests.crash.boundaries.scenarios import BY_NAME
from tests.crash.boundaries.stage import opened

OF_ONE = 6
Waiting = SimpleQueue[tuple[int, int, int] | None]


@dataclass(frozen=True, slots=True)
class Task:
    """A scenario in a mode, and which share of its points is to be taken (see run.Chosen)."""

    scenario: str
    mode: str
    share: float
    near: str = ""


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
    """Tallies of the single crashes in the order of `tasks`, and of the double ones.

    Processes take whole tasks one after the other; a few tasks are cut into parts instead.
    """
    fork = multiprocessing.get_context("fork")
    parts = how.jobs if len(tasks) < 3 * how.jobs else 1
    order = [(at, part, parts) for at in range(len(tasks)) for part in range(parts)]
    waiting: Waiting = fork.SimpleQueue()
    for one in [*order, *[None] * how.jobs]:
        waiting.put(one)
    running = []
    for which in range(how.jobs):
        here, there = fork.Pipe(duplex=False)
        process = fork.Process(target=_process, args=(tasks, how, which, waiting, there))
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
    wanted = [(task.scenario, task.mode) for task in tasks]
    return sorted(singles, key=lambda one: wanted.index((one.scenario, one.mode))), twice


def _joined(known: list[Tally], more: list[Tally]) -> list[Tally]:
    by_name = {(one.scenario, one.mode): one for one in known}
    for tally in more:
        key = (tally.scenario, tally.mode)
        if key in by_name:
            by_name[key].join(tally)
        else:
            by_name[key] = tally
    return list(by_name.values())


def _process(tasks: Sequence[Task], how: How, which: int, waiting: Waiting, there: Connection) -> None:
    """One process: tasks as long as there are any, then its double crashes of the scenarios that it knows by then."""
    with opened(how.database) as stage:
        one = Enumerator(stage, BUGS[how.bug].sow if how.bug else None)
        singles: list[Tally] = []
        first: list[Tally] = []
        while (taken := waiting.get()) is not None:
            at, part, parts = taken
            chosen = Chosen(tasks[at].share, how.seed, tasks[at].near, (part, parts))
            tally = one.singles(BY_NAME[tasks[at].scenario], tasks[at].mode, chosen)
            singles.append(tally)
            first += [tally] if part == 0 else []
            _tell(how, tally)
        seed = how.seed * 1000 + which
        twice = one.doubles([(BY_NAME[tally.scenario], tally) for tally in singles], _part(how, which), seed)
        for tally in first:
            if tally.scenario in how.doubles_of:
                twice = _joined(twice, one.doubles([(BY_NAME[tally.scenario], tally)], OF_ONE, seed))
        for tally in twice:
            _tell(how, tally)
        there.send((_joined([], singles), twice))
        there.close()


def _part(how: How, which: int) -> int:
    return how.doubles // how.jobs + (which < how.doubles % how.jobs)


def _tell(how: How, tally: Tally) -> None:
    if how.bug:
        return
    held = f"{len(tally.broken)} BROKEN" if tally.broken else "held"
    print(f"{tally.scenario} {tally.mode}: {tally.runs} runs in {tally.seconds:.0f} s, {held}", flush=True)
    for line in tally.broken:
        print(f"BROKEN {tally.scenario} {tally.mode}: {line}", flush=True)
