"""Prints tallies as a table."""

from __future__ import annotations

from collections.abc import Sequence

from tests.crash.boundaries.run import Tally

COLUMNS = ("boundaries", "runs", "kills", "lost", "doubled", "unmailed", "twice", "other", "missed")


def show(title: str, tallies: Sequence[Tally]) -> None:
    """One line for each scenario and mode, and their sum."""
    wide = max([len(one.scenario) for one in tallies] + [len(title)])
    head = "".join(f"{name:>{len(name) + 2}}" for name in COLUMNS)
    print(f"\n{title:<{wide}}  {'mode':<10}{head}  seconds")
    for one in tallies:
        print(_line(one, wide))
    total = Tally("together", "")
    for one in tallies:
        for name in COLUMNS:
            setattr(total, name, getattr(total, name) + getattr(one, name))
        total.seconds += one.seconds
    print(_line(total, wide))
    print("all held" if not any(one.broken for one in tallies) else "BROKEN", flush=True)


def _line(one: Tally, wide: int) -> str:
    cells = "".join(f"{getattr(one, name):>{len(name) + 2}}" for name in COLUMNS)
    return f"{one.scenario:<{wide}}  {one.mode:<10}{cells}  {one.seconds:7.1f}"
