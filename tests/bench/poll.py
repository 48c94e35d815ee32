"""`python -m tests.bench poll`: polls beside bare threads that do the same work, and how late ten thousand accounts are.

Ours: the real worker and scheduler. Bare: threads that call the same poll for accounts which were leased beforehand, so
no queue, no claims and no forks. Both against the lean double; rates are counted there, from the first call to the last.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta

from sqlalchemy import bindparam, select, update

from shopapp import clock, create_app
from shopapp.orders import poll
from shopapp.records import db
from shopapp.records.models import Account
from shopapp.work import bell
from shopapp.work.claim import THREADS, Claim
from tests.bench import stage as ground
from tests.bench.stage import Stage

INTERVAL = 300
ROUNDS = 3
BUSY = 50  # every so many-th poll brings a new order
Made = list[tuple[int, int, str]]  # accounts: id, shop's id, seller


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    ground.arguments(parser)
    parser.add_argument("--workers", type=int, default=1, help="worker processes of the lateness part")


def run(args: argparse.Namespace) -> dict[str, float | str]:
    """Measure and print a table; the figures."""
    found: dict[str, float | str] = {"database": args.database, "remote": "lean double, a process of its own"}
    if args.tiny:  # both of the same accounts and processes
        with _product(args, 40, 1) as (here, made):
            found |= _ratio(here, made, 1) | _lateness(here, made, 3, interval=30)
    else:
        with _product(args, 1000, 1) as (here, made):
            found |= _ratio(here, made, ROUNDS)
        with _product(args, 10_000, args.workers) as (here, made):
            found |= _lateness(here, made, 90)
    ground.table(found)
    return found


@contextmanager
def _product(args: argparse.Namespace, count: int, workers: int) -> Iterator[tuple[Stage, Made]]:
    """The workers and the scheduler at work on so many accounts, when all have imported everything."""
    with ground.stage(args, busy=BUSY) as here, ExitStack() as stack:
        here.env["POLL_SECONDS"] = str(INTERVAL)
        made = ground.accounts(ground.shops(max(1, count // 3)), count)
        stack.enter_context(here.process("shopapp.cli", "scheduler"))
        for _ in range(workers):
            stack.enter_context(here.process("shopapp.cli", "worker", "--queue", "bulk"))
        _wake(here, made[-1][0])
        if args.database == "postgres":
            with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")  # as the database does by itself within minutes
        yield here, made


def _ratio(here: Stage, made: Made, rounds: int) -> dict[str, float | str]:
    ids = [account_id for account_id, _, _ in made]
    count = len(ids)
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(rounds):
        ours.append(_rate(here, count, lambda: _due_now(ids)))
        bare.append(_rate(here, count, lambda: _bare(here, ids)))
    pairs = [one / other for one, other in zip(ours, bare, strict=True)]
    return {
        "accounts_of_a_round": count,
        "polls_per_second": round(statistics.median(ours), 1),
        "bare_per_second": round(statistics.median(bare), 1),
        "poll_to_bare": round(statistics.median(pairs), 3),
    }


def _rate(here: Stage, count: int, begin: Callable[[], None]) -> float:
    """Polls a second of `count` polls that `begin` sets off, as the double saw them."""
    before = here.told()["calls"].get("searchOrders", 0)
    here.told(fresh=True)
    begin()
    ends = time.time() + 120
    while (told := here.told())["calls"].get("searchOrders", 0) - before < count:
        if time.time() > ends:
            raise SystemExit(f"only {told['calls'].get('searchOrders', 0) - before} of {count} accounts were polled")
        time.sleep(0.1)
    moments = sorted(told["seen"].values())
    return (len(moments) - 1) / (moments[-1] - moments[0])


def _due_now(ids: list[int]) -> None:
    with db.writing() as s:
        # In one order: the workers lock several of them as well.
        s.execute(select(Account.id).where(Account.id.in_(ids)).order_by(Account.id).with_for_update(key_share=True))
        s.execute(update(Account).where(Account.id.in_(ids)).values(due_at=clock.now()))
    bell.ring("bulk")


def _bare(here: Stage, ids: list[int]) -> None:
    with db.writing() as s:
        lease = {"lease_token": "bare", "lease_until": clock.now() + timedelta(minutes=10), "due_at": clock.now()}
        s.execute(update(Account).where(Account.id.in_(ids)).values(lease))
    with here.process("tests.bench.poll") as process:
        assert process.stdout is not None
        process.stdout.readline()


def _lateness(here: Stage, made: Made, seconds: float, interval: int = INTERVAL) -> dict[str, float | str]:
    """How long after it was due each account is asked for. The due times are spread, as they are in earnest."""
    count, rng = len(made), random.Random(7)
    begins = clock.now() + timedelta(seconds=2)
    due = [begins + timedelta(seconds=rng.uniform(0, interval)) for _ in made]
    rows = [{"of": made[at][0], "at": moment} for at, moment in enumerate(due)]
    with db.writing() as s:
        table = Account.__table__
        s.connection().execute(table.update().where(table.c.id == bindparam("of")).values(due_at=bindparam("at")), rows)
    here.told(fresh=True)
    time.sleep(max(0.0, (begins - clock.now()).total_seconds()) + seconds)
    ends = time.time() + 60
    while not here.told()["seen"] and time.time() < ends:
        time.sleep(0.5)  # a machine so busy that nobody was asked for yet
    told, now = here.told(), clock.now()
    late, missing = [], 0
    for number, moment in enumerate(due):
        seen = told["seen"].get(f"SELLER{number}")
        if seen is not None:
            late.append(seen - moment.timestamp())
        elif moment < now:
            late.append((now - moment).total_seconds())
            missing += moment < now - timedelta(seconds=2)
    late.sort()
    return {
        "accounts": count,
        "interval_seconds": interval,
        "polled": len(told["seen"]),
        "polled_per_second": round(len(told["seen"]) / seconds, 1),
        "late_p50_seconds": round(late[len(late) // 2], 3),
        "late_p99_seconds": round(late[int(len(late) * 0.99)], 3),
        "late_most_seconds": round(late[-1], 3),
        "overdue_at_the_end": missing,
        "refused": len(told["refused"]),
    }


def _wake(here: Stage, account_id: int) -> None:
    """Wait until the worker is done with one account: all processes have imported everything by then, and a poll that
    still ran would make the account due later than what is measured says."""
    _due_now([account_id])
    ends = time.time() + 60
    while not here.told()["seen"] or _claimed(account_id):
        if time.time() > ends:
            raise SystemExit("the worker does not begin")
        time.sleep(0.2)


def _claimed(account_id: int) -> bool:
    with db.reading() as s:
        return bool(s.scalars(select(Account.lease_token).where(Account.id == account_id)).one())


def _bare_threads() -> int:
    """The other side of `_bare`, in a process of its own: poll what is leased for it."""
    create_app()
    with db.reading() as s:
        ids = list(s.scalars(select(Account.id).where(Account.lease_token == "bare").order_by(Account.id)))
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(poll.due_account, [Claim(account_id, "bare") for account_id in ids]))
    print(json.dumps({"polled": len(ids)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(_bare_threads())
