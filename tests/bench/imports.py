"""`python -m tests.bench import`: orders a second of one worker over a dozen shops, and whether its memory stays flat.

The remote is the lean double (tests/bench/double.py) in a process of its own; bare threads that send the same HTTP
calls and do nothing else are measured in the same run, so that the ratio means something on a noisy machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

from shopapp.work import bell
from tests.bench import stage as ground
from tests.bench.stage import Stage

SHOPS = 12
SETTLED = 1000  # orders after which memory is compared with the end


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    ground.arguments(parser)
    parser.add_argument("--full", action="store_true", help="memory over 20,000 orders instead of 6,000")


def run(args: argparse.Namespace) -> dict[str, float | str]:
    """Measure and print a table; the figures."""
    worker, stays = (36, 48) if args.tiny else (1500, 20_000 if args.full else 6000)
    bare_orders, runs = (36, 1) if args.tiny else (800, 3)
    with ground.stage(args) as here:
        accounts = ground.accounts(ground.shops(SHOPS), SHOPS)
        found: dict[str, float | str] = {"database": args.database, "remote": "lean double, a process of its own"}
        bare = [_bare(here, bare_orders, 0)]
        found |= _worker(here, accounts, worker)
        bare += [_bare(here, bare_orders, which) for which in range(1, runs - 1)]
        found |= _stays(here, accounts, worker, stays)
        bare += [_bare(here, bare_orders, which) for which in range(2, runs)]
        found["bare_per_second"] = round(statistics.median(bare), 1)
        found["worker_to_bare"] = round(float(found["worker_per_second"]) / statistics.median(bare), 3)
        told = here.told()
        found["doubled"] = told["doubled"]
        found["throttled"] = len(told["throttled"])
        found["lookups"] = told["calls"].get("OrdersByMarketplaceRefs", 0)
    ground.table(found)
    return found


def _bare(here: Stage, count: int, which: int) -> float:
    first = str(50_000_000 + which * 100_000)
    with here.process("tests.bench.bare", "--count", str(count), "--first", first, "--shops", str(SHOPS)) as process:
        assert process.stdout is not None
        return float(json.loads(process.stdout.readline())["per_second"])


def _worker(here: Stage, accounts: list[tuple[int, int, str]], count: int) -> dict[str, float | str]:
    """The real worker command, its forked horses included; the scheduler rings as it does in earnest."""
    with (
        here.process("shopapp.cli", "worker", "--queue", "now") as worker,
        here.process("shopapp.cli", "scheduler"),
    ):
        time.sleep(4)  # both have imported everything
        before = here.told()["created"]
        ground.orders(accounts, count)
        begun, horse, most = time.time(), 0, 0
        bell.ring("now")
        while (told := here.told())["created"] - before < count:
            most = max(most, *(ground.rss(pid) for pid in ground.children(worker.pid)), 0)
            horse = horse or ground.rss(worker.pid)
            if time.time() - begun > 200:
                raise SystemExit(f"only {told['created'] - before} of {count} orders came through")
            time.sleep(0.25)
        took = told["last_created"] - begun
    return {
        "worker_orders": count,
        "worker_per_second": round(count / took, 1),
        "worker_rss_mb": round(horse / 1e6, 1),
        "horse_rss_most_mb": round(most / 1e6, 1),
    }


def _stays(here: Stage, accounts: list[tuple[int, int, str]], first: int, count: int) -> dict[str, float | str]:
    """A drain that never ends: memory from the first thousand orders to the last, and the cost of one order."""
    ground.orders(accounts, count, first)
    calls = sum(here.told()["calls"].values())
    lines: list[dict[str, Any]] = []
    with here.process("tests.bench.drainer") as process:
        assert process.stdout is not None
        lines += (json.loads(line) for line in process.stdout)
    last = lines[-1]
    assert last["done"] >= count, f"only {last['done']} of {count} orders were worked on"
    settled = next(line for line in lines if line["done"] >= min(SETTLED, count // 2))
    most = max(line["rss"] for line in lines if line["done"] >= settled["done"])
    working = [line for line in lines if line["done"]]
    return {
        "stays_orders": count,
        "stays_per_second": round((count - working[0]["done"]) / (working[-1]["at"] - working[0]["at"]), 1),
        "rss_mb_at_1000": round(settled["rss"] / 1e6, 1),
        "rss_mb_most_after": round(most / 1e6, 1),
        "rss_growth": round(most / settled["rss"] - 1, 4),
        "statements_per_order": round(last["statements"] / count, 1),
        "commits_per_order": round(last["commits"] / count, 2),
        "http_per_order": round((sum(here.told()["calls"].values()) - calls) / count, 2),
        "cpu_ms_per_order": round(last["cpu"] / count * 1000, 2),
    }
