"""`python -m tests.crash.restore [--postgres] [--minutes 10] [--announced]`: an old backup is restored under a selling shop.

The backup is taken while orders wait to be sent. Then orders arrive, are found and imported for ten minutes of the clock;
everything is stopped, the old database is put back, and all starts again. Unique ids are not enforced in one shop: there
only the look-up stands between a sale and a second order. `announced` runs `shopapp doctor --restored` first, as the
operator is told to; without it the queue's own memory must notice (with `--wiped` it cannot).
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from shopapp.cli.supervisor import shopapp_command
from tests.crash.house import House
from tests.crash.judge import Created, Verdict, judge
from tests.crash.load import Control, Load, open_place
from tests.crash.processes import ROOT, send, until
from tests.stage.postgres import find_postgres

SCALE = 40.0


@dataclass(frozen=True, slots=True)
class Backup:
    """How old the backup is in minutes of the clock, and how it is restored."""

    postgres: bool = False
    minutes: float = 10
    announced: bool = False
    wiped: bool = False
    seed: int = 1


def _save(house: House, to: Path) -> None:
    """A consistent copy while the product runs."""
    if house.database is not None:
        _postgres(house, "pg_dump", "--format=custom", f"--file={to}", "crash")
        return
    with (
        contextlib.closing(sqlite3.connect(house.data / "shopapp.db")) as live,
        contextlib.closing(sqlite3.connect(to)) as copy,
    ):
        live.backup(copy)


def _put_back(house: House, copy: Path) -> None:
    """The old database instead of the new one; nobody is connected."""
    if house.database is not None:
        house.database.ask("DROP DATABASE crash WITH (FORCE)", "postgres")
        house.database.ask("CREATE DATABASE crash", "postgres")
        _postgres(house, "pg_restore", "--dbname=crash", str(copy))
        return
    for path in house.data.glob("shopapp.db*"):
        path.unlink()
    shutil.copy(copy, house.data / "shopapp.db")


def _postgres(house: House, program: str, *arguments: str) -> None:
    programs = find_postgres()
    assert programs is not None
    assert house.database is not None
    server = ["--host=127.0.0.1", f"--port={house.database.server.port}", "--username=test"]
    subprocess.run([str(programs / program), *server, *arguments], check=True, capture_output=True)


def play(plan: Backup, folder: Path) -> Verdict:
    """One restore; what the ledger says afterwards."""
    house = House(folder, SCALE, {"POLL_SECONDS": "40"}, postgres=plan.postgres)
    control = Control(house.box_url)
    load: Load | None = None
    try:
        house.start()
        house.wait()
        places = [open_place(control, house.app_url, unique_ids=unique) for unique in (False, True)]
        load = Load(control, places, 6.0, plan.seed)
        load.calm.set()
        load.start()
        created = Created(control)
        until(lambda: all(created.of(one) for one in places), "orders are imported", 120)
        _hold(house)
        time.sleep(150 / SCALE)  # a few polls: orders are found, none is sent
        _save(house, folder / "backup")
        known = sum(len(one.good) for one in places)
        _go_on(house)
        time.sleep(plan.minutes * 60 / SCALE)
        until(lambda: sum(sum(created.of(one).values()) for one in places) > known, "orders after the backup", 120)
        house.stop_product()
        _put_back(house, folder / "backup")
        if plan.wiped:
            house.strike_queue(wipe=True)
        if plan.announced:
            told = subprocess.run(
                shopapp_command("doctor", "--restored"), env=house.env, cwd=ROOT, capture_output=True, text=True
            )
            print(next((line for line in told.stdout.splitlines() if "looked up" in line), told.stderr))
        house.start_product()
        house.wait()
        time.sleep(60 / SCALE)
        load.stop()
        with contextlib.suppress(AssertionError):
            until(lambda: not judge(control, places).lost, "everything sold is there", 180, 0.5)
        time.sleep(300 / SCALE)  # whoever sends a second time has done so by now
        return judge(control, places)
    finally:
        if load is not None:
            load.stop()
        control.close()
        assert house.stop() == 0


def _hold(house: House) -> None:
    """Let nobody send: the worker of new orders stands still, its drain ends."""
    for one in house.processes():
        if one.kind == "worker now":
            send(one.pid, signal.SIGSTOP)
    with contextlib.suppress(AssertionError):
        until(lambda: not any(one.kind == "horse now" for one in house.processes()), "the drain ended", 25, 0.05)


def _go_on(house: House) -> None:
    for one in house.processes():
        if one.kind == "worker now":
            send(one.pid, signal.SIGCONT)


def main() -> int:
    """0 when nothing was lost or doubled."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.restore", description=__doc__)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--announced", action="store_true", help="the operator runs `shopapp doctor --restored`")
    parser.add_argument("--wiped", action="store_true", help="the queue's file is lost as well")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    plan = Backup(args.postgres, args.minutes, args.announced, args.wiped, args.seed)
    with tempfile.TemporaryDirectory(prefix="shopapp-restore-") as folder:
        verdict = play(plan, Path(folder))
    print(f"orders {verdict.orders}, lost {len(verdict.lost)}, doubled {len(verdict.doubled)}")
    return 1 if verdict.lost or verdict.doubled or verdict.invented else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended also then
    sys.exit(main())
