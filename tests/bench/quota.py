"""`python -m tests.bench quota`: 1 to 1,000 accounts on real buckets: how late sales are, how much is used, how fairly.

Each size runs twice on a scaled clock: with a limit for each account (Amazon), and with a quota that all share (eBay).
Half of the accounts (the only one, if it is one) fetch older orders meanwhile. A sale may come as late as the marketplace
lets it: the time until it can be seen and the interval at which the quota lets its account be polled, both printed. What
we add to that ourselves is measured on an unscaled clock.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import requests
from sqlalchemy import bindparam, update

from marketplaces.channel import Channel, Limit
from marketplaces.channels import registry
from shopapp import clock
from shopapp.orders import backfill, cadence
from shopapp.records import db
from shopapp.records.models import Account, Backfill
from shopapp.work import bell, pace, schedule, turns
from tests.bench import stage as ground
from tests.bench.sales import EACH, GOLDEN
from tests.bench.stage import AMAZON, EBAY, Stage, Where
from tests.stage.postgres import Postgres

SIZES = (1, 10, 100, 1000)
FETCHING = 200  # accounts at most that fetch older orders
LAGS = {"amazon": 120.0, "ebay": 0.0}  # seconds until a sale can be seen there
OURS = 5.0  # seconds that we may add ourselves
UNSCALED = (10, 100)  # accounts whose sales are timed on the wall


@dataclass(frozen=True, slots=True)
class Trial:
    """One size under one kind of limit. `scale`: how many times as fast as the wall; `seconds` of the scaled clock."""

    kind: str
    accounts: int
    scale: float
    seconds: float
    every: float

    @property
    def where(self) -> Where:
        """Where its sellers sell."""
        return EBAY if self.kind == "shared" else AMAZON

    @property
    def channel(self) -> Channel:
        """The channel of that site."""
        return registry()[self.where.channel]

    @property
    def limit(self) -> Limit:
        """What its searches draw from."""
        limit = cadence.search_limit(self.channel)
        assert limit is not None
        return limit

    @property
    def lag(self) -> float:
        """Seconds until a sale can be seen. On the wall there is none: it is not ours."""
        return 0.0 if self.kind == "wall" else LAGS[self.where.channel]

    @property
    def fetching(self) -> int:
        """So many of the accounts fetch older orders."""
        return min(FETCHING, max(1, self.accounts // 2)) if self.kind != "wall" else 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a trial showed: seconds of the scaled clock, the interval at its beginning (`every`) and at its longest."""

    trial: Trial
    began: float
    ended: float
    every: float
    quiet: float
    told: dict[str, Any]

    @property
    def slowed(self) -> bool:
        """Whether the sales that are judged are those of accounts that fetch older orders out of the same bucket."""
        return self.trial.kind == "own" and self.trial.accounts == 1

    @property
    def floor(self) -> float:
        """The longest that a sale takes if we took no time at all. Half as many polls leave room for older orders."""
        return self.quiet * (2 if self.slowed else 1) + self.trial.lag

    def judged(self) -> range:
        """Whose sales are timed: of accounts with limits of their own those that are polled as always."""
        return range(self.trial.fetching if self.trial.kind == "own" and not self.slowed else 0, self.trial.accounts)

    def due(self, seller: int) -> float:
        """When its account was due first."""
        return self.began + self.every * (seller * GOLDEN % 1)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    ground.arguments(parser)
    parser.add_argument("--accounts", default=",".join(map(str, SIZES)), help="sizes, with commas between them")
    parser.add_argument("--kinds", default="own,shared,wall", help="limits to try, and the timing on the wall")
    parser.add_argument(
        "--slower", type=float, default=1.0, help="run the clocks so many times slower (a busy machine)"
    )


def run(args: argparse.Namespace) -> dict[str, float | str]:
    """Measure and print a table; the figures."""
    sizes = (2,) if args.tiny else tuple(int(one) for one in args.accounts.split(","))
    found: dict[str, float | str] = {"database": args.database, "remote": "lean double, a process of its own"}
    server = Postgres.start(durable=True) if args.database == "postgres" else None
    try:
        for kind in args.kinds.split(","):
            for size in UNSCALED if kind == "wall" and not args.tiny else sizes:
                trial = plan(kind, size, tiny=args.tiny)
                trial = replace(trial, scale=max(1.0, trial.scale / args.slower))
                told = {f"{kind}_{size}_{name}": figure for name, figure in _trial(args, trial, server).items()}
                ground.table(told)
                found |= told
    finally:
        if server is not None:
            server.stop()
    return found


def plan(kind: str, accounts: int, *, tiny: bool = False) -> Trial:
    """How fast and how long: a few dozen calls a second of the wall, two rounds of all accounts and the way of a sale."""
    if kind == "wall":
        return Trial(kind, accounts, 1.0, 3.0 if tiny else 16.0, 1.0 if tiny else max(3.0, accounts / 5))
    if tiny:
        return Trial(kind, accounts, 100.0, 500.0, 60.0)
    if kind == "own":
        scale = 200.0 if accounts <= 10 else min(60.0, 6_000 / accounts)
        return Trial(
            kind, accounts, scale, {1: 7200.0, 10: 1800.0, 100: 900.0}.get(accounts, 640.0), accounts * 1.5 + 20
        )
    return Trial(
        kind,
        accounts,
        min(60.0, 40.0 * accounts, 20_000 / accounts),
        max(500.0 if accounts < 10 else 700.0, accounts * 2.6),
        accounts * 4.0 + 20,
    )


def _trial(args: argparse.Namespace, trial: Trial, server: Postgres | None) -> dict[str, float | str]:
    remote: dict[str, float] = {"every": trial.every, "pages": 1_000_000, "lag": trial.lag}
    with ground.stage(args, scale=trial.scale, server=server, **remote) as here:
        if trial.kind == "wall":
            here.env["POLL_SECONDS"] = "1" if args.tiny else "5"
        made = ground.accounts(ground.shops(max(1, trial.accounts // 2)), trial.accounts, where=trial.where)
        with _product(here):
            return _measured(here, trial, [account_id for account_id, _, _ in made])


@contextmanager
def _product(here: Stage) -> Iterator[None]:
    with ExitStack() as stack:
        commands = (("worker", "--queue", "bulk"), ("worker", "--queue", "now"), ("scheduler",))
        started = [stack.enter_context(here.process("shopapp.cli", *command)) for command in commands]
        ends = time.time() + 90
        while bell.connection().scard("rq:workers") < 2 or bell.recall(schedule.HEARTBEAT) is None:
            if time.time() > ends:
                raise SystemExit("the workers do not begin")
            time.sleep(0.1)
        yield
        for process in started:
            process.kill()  # a drain has a backlog without end: it would not stop for twenty seconds


def _measured(here: Stage, trial: Trial, ids: list[int]) -> dict[str, float | str]:
    every = _interval(here, trial)
    began = _begin(here, trial, ids, every)
    time.sleep(trial.seconds / trial.scale)
    told = _told(here, trial)
    seen = Seen(trial, began, clock.now().timestamp(), every, max(every, _interval(here, trial)), told)
    return _sales(seen) | _calls(seen)


def _told(here: Stage, trial: Trial) -> dict[str, Any]:
    """What the double saw; a machine that is so busy that nothing was asked yet is given a minute more."""
    ends = time.time() + 60
    while True:
        told: dict[str, Any] = requests.get(f"{here.double}/control/sales", timeout=30).json()
        if (told["polls"] and (told["fetches"] or not trial.fetching)) or time.time() > ends:
            return told
        time.sleep(0.5)


def _interval(here: Stage, trial: Trial) -> float:
    """Seconds between two polls of a quiet account: what doctor prints."""
    if trial.kind == "wall":
        return float(here.env["POLL_SECONDS"])
    with db.reading() as s:
        return cadence.cadence(s, trial.channel).quiet_every.total_seconds()


def _begin(here: Stage, trial: Trial, ids: list[int], every: float) -> float:
    """Empty the buckets, spread the accounts over the interval and let half of them fetch older orders; when that was."""
    for one in ids[: trial.fetching]:
        with db.writing() as s:
            account = s.get_one(Account, one)
            row = backfill.start(s, account.shop_id, one, clock.now() - timedelta(days=20), "bench")
            assert row is not None
            row.state, row.due_at = "fetching", None  # the shop's own orders are not what this is about
    _level(here, trial)
    now = clock.now()
    since = now - timedelta(minutes=10)
    spread = [now + timedelta(seconds=every * (number * GOLDEN % 1)) for number in range(len(ids))]
    rows = [{"of": one, "at": at, "now": now, "cursor": since} for one, at in zip(ids, spread, strict=True)]
    with db.writing() as s:
        table = Account.__table__
        changed = {"due_at": bindparam("at"), "polled_at": bindparam("now"), "cursor_at": bindparam("cursor")}
        s.connection().execute(table.update().where(table.c.id == bindparam("of")).values(changed), rows)
        s.execute(update(Backfill).values(due_at=now))
    bell.ring("bulk")
    return now.timestamp()


def _level(here: Stage, trial: Trial) -> None:
    """As after a while of backlog: nothing is left in any bucket but what bulk work leaves there."""
    if trial.kind == "wall":
        requests.get(f"{here.double}/control/begin?level=20", timeout=30)
        return
    if trial.kind == "shared":
        key, left = trial.limit.bucket(trial.channel.key).key, turns.reserve(turns.Turn.BULK, trial.limit.burst - 1)
        bell.connection().delete(f"turns:{key}", f"promises:{key}")
        pace.learn(key, left)
        requests.get(f"{here.double}/control/begin?level={left + 2}", timeout=30)
        return
    for number in range(trial.accounts):
        pace.learn(f"amazon:eu:SELLER{number}:searchOrders", 1 + number * GOLDEN % 1)
    requests.get(f"{here.double}/control/begin?level=2.5", timeout=30)


def _sales(seen: Seen) -> dict[str, float | str]:
    """From the sale to Shopify, beside the latest that the marketplace and its quota allow; and what we added ourselves."""
    trial, told = seen.trial, seen.told
    late, ours, lost = [], [], 0
    for seller in seen.judged():
        for turn in range(EACH):
            sold = told["epoch"] + (seller * GOLDEN % 1 + turn) * told["every"]
            if sold > seen.ended - seen.floor - OURS * trial.scale:
                break
            if sold < seen.began:
                continue
            made = told["made"].get(str(seller * EACH + turn))
            lost += made is None
            late.append((seen.ended if made is None else made) - sold)
            ours.append(late[-1] - (seen.due(seller) - sold) % seen.every)  # until its account was due
    found: dict[str, float | str] = {
        "clock_scale": trial.scale,
        "poll_interval": round(seen.quiet, 1),
        "floor": round(seen.floor, 1),
        "sales": len(late),
        "not_there": lost,
        "sold_to_shopify_p50": _part(late, 0.5),
        "sold_to_shopify_p95": _part(late, 0.95),
        "beyond_floor_p95_wall": round(max(0.0, _part(late, 0.95) - seen.floor) / trial.scale, 2),
    }
    return found | ({"own_part_p95": _part(ours, 0.95)} if trial.kind == "wall" else {})


def _part(values: list[float], part: float) -> float:
    return round(sorted(values)[int(len(values) * part)], 1) if values else 0.0


def _calls(seen: Seen) -> dict[str, float | str]:
    """What was asked, of what was permitted, and the longest wait of anybody, in shares that are alike."""
    trial, polls, fetches, refused = seen.trial, seen.told["polls"], seen.told["fetches"], seen.told["refused"]
    took, asked = seen.ended - seen.began, sum(map(len, (*polls.values(), *fetches.values())))
    sellers = [f"SELLER{number}" for number in range(trial.accounts)]
    waited = max(_gap(polls.get(name, []), seen) for name in sellers[seen.judged().start :])
    found: dict[str, float | str] = {
        "calls": asked + refused,
        "refused_share": round(refused / max(1, asked + refused), 5),
        "poll_waited_most_intervals": round(waited / (seen.quiet * (2 if seen.slowed else 1)), 2),
    }
    if not trial.fetching:
        return found
    names = sellers[: trial.fetching]
    pages = [fetches.get(name, []) for name in names]
    permitted = float(trial.limit.rate) * took
    used, waiting, fair = asked, pages, len(names) * took / max(1, sum(map(len, pages)))
    if trial.kind == "own":  # an account shares its bucket with nobody: its polls and its pages have it in turn
        waiting = [sorted([*fetches.get(name, []), *polls.get(name, [])]) for name in names]
        used, permitted, fair = sum(map(len, waiting)), permitted * len(names), 1 / float(trial.limit.rate)
    return found | {
        "pages": sum(map(len, pages)),
        "used_of_permitted": round(used / permitted, 3),
        "pages_least": min(map(len, pages)),
        "pages_most": max(map(len, pages)),
        "waited_most_shares": round(max(_gap(one, seen) for one in waiting) / fair, 2),
    }


def _gap(times: list[float], seen: Seen) -> float:
    """The longest that somebody waited between two calls, from the beginning to the end.

    The scheduler looks once in a second of the wall, which is many of a clock that is scaled: it is not counted.
    """
    longest = max(after - before for before, after in pairwise([seen.began, *times, seen.ended]))
    return max(0.0, longest - (seen.trial.scale if seen.trial.scale > 1 else 0.0))
