"""`python -m tests.crash.boundaries`: every single crash of every scenario, a table, and the ledger's verdict.

`--share 0.25 --seed N` takes a seeded part, `--scenario NAME` one (several times: some), `--all-of NAME` is not shared,
`--double N` adds double crashes of any, `--double-of NAME` six of one;
 `--bugs` (or `--bug NAME`) runs with seeded bugs and must go red.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from tests.crash.boundaries.bugs import BUGS
from tests.crash.boundaries.many import How, Task, spread
from tests.crash.boundaries.report import show, show_bugs
from tests.crash.boundaries.run import Tally
from tests.crash.boundaries.scenarios import BY_NAME


def main() -> int:
    """0 when every promise held (with `--bugs`: when every seeded bug was seen)."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.boundaries", description=__doc__)
    parser.add_argument("--scenario", action="append", choices=sorted(BY_NAME), help="only this one")
    parser.add_argument("--mode", action="append", help="only this mode: unique, not-unique, lagging")
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--all-of", action="append", default=[], choices=sorted(BY_NAME))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--double", type=int, default=0)
    parser.add_argument(
        "--double-of", action="append", default=[], choices=sorted(BY_NAME), help="six more of this one"
    )
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--database", default="", choices=["", "postgres", "sqlite"])
    parser.add_argument("--bugs", action="store_true", help="all seeded bugs, each where it shows best")
    parser.add_argument("--bug", action="append", choices=sorted(BUGS))
    parser.add_argument(
        "--near", action="store_true", help="seeded bugs only at boundaries of the kind where they show"
    )
    parser.add_argument("--json", type=Path, help="write the tallies there as well")
    args = parser.parse_args()
    how = How(args.seed, args.jobs, args.database, args.double, tuple(args.double_of))
    if args.bugs or args.bug:
        return _bugs(args.bug or list(BUGS), args.near, args.share, how, args.json)
    tasks = [
        Task(name, mode, 1.0 if name in args.all_of else args.share)
        for name in args.scenario or BY_NAME
        for mode in BY_NAME[name].modes
        if not args.mode or mode in args.mode
    ]
    singles, doubles = spread(tasks, how)
    show("single crashes", singles)
    if doubles:
        show("double crashes", doubles)
    _write(args.json, singles=singles, doubles=doubles)
    return 1 if any(one.broken for one in (*singles, *doubles)) else 0


def _bugs(names: Sequence[str], near: bool, share: float, how: How, file: Path | None) -> int:
    seen = []
    for name in names:
        scenario, mode = BUGS[name].seen_in
        task = Task(scenario, mode, share, BUGS[name].near if near else "")
        tally = spread([task], replace(how, bug=name))[0][0]
        seen.append((name, BUGS[name].what, tally))
    show_bugs(seen)
    _write(file, **{name: [tally] for name, _, tally in seen})
    return 0 if all(tally.broken for _, _, tally in seen) else 1


def _write(file: Path | None, **tallies: Sequence[Tally]) -> None:
    if file:
        file.write_text(json.dumps({name: [asdict(one) for one in rows] for name, rows in tallies.items()}), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
