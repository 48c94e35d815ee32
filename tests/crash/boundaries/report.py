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
    for one in tallies:
        if one.window:
            print(f"{one.scenario}: from asking for a new token to having saved it {one.window * 1000:.1f} ms")
    print("all held" if not any(one.broken for one in tallies) else "BROKEN", flush=True)


def _line(one: Tally, wide: int) -> str:
    cells = "".join(f"{getattr(one, name):>{len(name) + 2}}" for name in COLUMNS)
    return f"{one.scenario:<{wide}}  {one.mode:<10}{cells}  {one.seconds:7.1f}"


def show_bugs(seen: Sequence[tuple[str, str, Tally]]) -> None:
    """One line for each seeded bug: how many runs were red, and what was wrong in them."""
    print(
        f"\n{'seeded bug':<20}{'scenario':<18}{'mode':<12}{'runs':>6}{'red':>6}{'lost':>6}{'doubled':>9}{'unmailed':>10}"
    )
    for name, what, one in seen:
        cells = f"{one.runs:>6}{len(one.broken):>6}{one.lost:>6}{one.doubled:>9}{one.unmailed:>10}"
        print(f"{name:<20}{one.scenario:<18}{one.mode:<12}{cells}  {what}")
    unseen = [name for name, _, one in seen if not one.broken]
    print(f"NOT SEEN: {', '.join(unseen)}" if unseen else "every bug was seen", flush=True)
