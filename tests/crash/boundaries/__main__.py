"""`python -m tests.crash.boundaries`: every single crash of every scenario, a table, and the ledger's verdict.

`--share 0.25 --seed N` takes a seeded part, `--scenario NAME` one (several times: some), `--all-of NAME` is not shared,
`--double N` adds double crashes, `--bugs` (or `--bug NAME`) runs with seeded bugs and must go red.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.crash.boundaries.many import Task, spread
from tests.crash.boundaries.report import show
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
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--database", default="", choices=["", "postgres", "sqlite"])
    parser.add_argument("--json", type=Path, help="write the tallies there as well")
    args = parser.parse_args()
    tasks = [
        Task(name, mode, 1.0 if name in args.all_of else args.share)
        for name in args.scenario or BY_NAME
        for mode in BY_NAME[name].modes
        if not args.mode or mode in args.mode
    ]
    singles, doubles = spread(tasks, args.double, args.seed, args.jobs, args.database)
    show("single crashes", singles)
    if doubles:
        show("double crashes", doubles)
    if args.json:
        told = {"singles": [vars(one) for one in singles], "doubles": [vars(one) for one in doubles]}
        args.json.write_text(json.dumps(told), "utf-8")
    return 1 if any(one.broken for one in (*singles, *doubles)) else 0


if __name__ == "__main__":
    sys.exit(main())
