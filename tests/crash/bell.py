"""`python -m tests.crash.bell [--rings N]`: how long from the bell until the work starts, on the wall.

A chore is made due and its queue rung, as the product does; the work has started when its row is claimed. The worker
waits idle before each ring; there is no scheduler that could ring as well.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from shopapp.work import bell
from tests.crash.house import House
from tests.crash.processes import until

CHORE = "own_secrets"
DUE = "UPDATE chore SET due_at = '2020-01-01', lease_token = '', lease_until = NULL WHERE name = 'own_secrets'"
BEGUN = "SELECT lease_token <> '' OR due_at > '2020-01-02' FROM chore WHERE name = 'own_secrets'"
OTHERS = "UPDATE chore SET due_at = NULL WHERE name <> 'own_secrets'"


def measure(rings: int, folder: Path) -> list[float]:
    """Seconds from each ring until its work started, sorted. Runs on PostgreSQL, the clock on the wall."""
    house = House(folder, postgres=True, scheduler=False)
    try:
        house.start()
        house.wait()
        bell.configure(house.config.redis_url, "shopapp.jobs.horse")
        assert house.database is not None
        with house.database.connect("crash") as line:
            _until_ready(house)
            line.execute(OTHERS)
            return sorted(_ring(house, line) for _ in range(rings))
    finally:
        bell.connection().close()
        bell.configure("", "")
        assert house.stop() == 0


def _ring(house: House, line: psycopg.Connection) -> float:
    """One ring of an idle worker; the seconds until its row was claimed."""
    until(lambda: not _busy(house), "the worker is idle", 60, 0.02)
    time.sleep(0.05)  # it waits for a bell again
    line.execute(DUE)
    began = time.monotonic()
    assert bell.ring("bulk"), f"{bell.queue('bulk').count} bells wait"
    while not (line.execute(BEGUN).fetchone() or (False,))[0]:
        assert time.monotonic() - began < 30, "the bell was not heard"
        time.sleep(0.002)
    return time.monotonic() - began


def _busy(house: House) -> bool:
    """Whether a drain is under way: it would take the row without a bell."""
    return any(one.kind == "horse bulk" for one in house.processes())


def _until_ready(house: House) -> None:
    """Until the worker of the queue waits for a bell."""
    with house.redis() as queue:
        while not queue.smembers("rq:workers:bulk"):
            time.sleep(0.05)
    time.sleep(0.5)


def share(found: list[float], part: float) -> float:
    """The value below which that part of the sorted measurements lies, in milliseconds."""
    return 1000 * found[min(len(found) - 1, int(part * len(found)))]


def main() -> int:
    """0 when 95 of 100 bells were followed by work within 250 ms."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.bell", description=__doc__)
    parser.add_argument("--rings", type=int, default=100)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="shopapp-bell-") as folder:
        found = measure(args.rings, Path(folder))
    print(f"bell -> work starts: p50 {share(found, 0.5):.0f} ms, p95 {share(found, 0.95):.0f} ms, {len(found)} rings")
    return 0 if share(found, 0.95) <= 250 else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended also then
    sys.exit(main())
