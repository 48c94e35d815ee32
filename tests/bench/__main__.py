"""`python -m tests.bench import|poll|backfill|quota|listings|webhooks|pages [--json]`: one benchmark, its table, one JSON object.

Each benchmark is a module of this package with `arguments(parser)` and `run(args)`, which prints its table and gives
back its figures.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

NAMES = ("import", "poll", "backfill", "quota", "listings", "webhooks", "pages")
MODULES = {"import": "imports"}  # a module may not be called like a keyword


def main() -> int:
    """Run one benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    commands = parser.add_subparsers(dest="name", required=True)
    modules = {}
    for name in NAMES:
        module = MODULES.get(name, name)
        if not (Path(__file__).parent / f"{module}.py").exists():
            continue
        modules[name] = importlib.import_module(f"tests.bench.{module}")
        command = commands.add_parser(name, help=(modules[name].__doc__ or "").splitlines()[0])
        command.add_argument("--json", action="store_true", help="one JSON object as the last line")
        modules[name].arguments(command)
    args = parser.parse_args()
    found = modules[args.name].run(args)
    if args.json:
        print(json.dumps(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
