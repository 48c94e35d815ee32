"""`python -m tests.crash --kills N --seed S [--postgres]`: sustained load, N kills at random, then the ledger's verdict."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from tests.crash.run import Plan, run


def main() -> int:
    """0 when nothing was lost or doubled and everything recovered in time."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL server of its own; else SQLite")
    parser.add_argument("--demo", action="store_true", help="`shopapp demo` with its supervisor, slower")
    parser.add_argument("--workers", action="store_true", help="kill workers and their horses only")
    parser.add_argument("--scale", type=float, default=12.0, help="how much faster than the wall the clocks run")
    parser.add_argument("--settle", type=int, default=90, help="SETTLE_SECONDS; above late commits and index lag")
    parser.add_argument("--rate", type=float, default=5.0, help="orders a second")
    parser.add_argument("--gap", type=float, default=0.4, help="mean seconds between two strikes of one to three kills")
    parser.add_argument("--probe", type=int, default=0, help="every so many kills the recovery is timed (0: never)")
    parser.add_argument("--folder", help="scratch folder, kept; default: a temporary one")
    args = parser.parse_args()
    plan = Plan(
        kills=args.kills,
        seed=args.seed,
        scale=args.scale,
        settle=args.settle,
        rate=args.rate,
        gap=args.gap,
        probe=args.probe,
        premises="demo" if args.demo else "house",
        postgres=args.postgres,
        workers_only=args.workers,
    )
    if args.folder:
        Path(args.folder).mkdir(parents=True, exist_ok=True)
        return 0 if run(plan, Path(args.folder)).fine else 1
    with tempfile.TemporaryDirectory(prefix="shopapp-crash-") as folder:
        return 0 if run(plan, Path(folder)).fine else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended also then
    sys.exit(main())
