"""What the benchmarks of the orders' way stand on: database, queue, the lean double, and rows made without the pages.

The app under test is the product as shipped; only shops, accounts and orders are put into its tables directly.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import insert

from marketplaces.channel import AppKeys
from marketplaces.channels.amazon import mapping
from shopapp import clock, create_app
from shopapp.config import Config
from shopapp.keys import fresh_key
from shopapp.orders import stored
from shopapp.process import die_with_parent
from shopapp.records import db, migrate, tallies, vault
from shopapp.records.models import (
    Account,
    AccountSite,
    AccountStatus,
    CountRound,
    ListingRun,
    Order,
    OrderLine,
    OrderState,
    RunKind,
    RunState,
    Shop,
    ShopSweep,
    SweepKind,
)
from shopapp.records.vault import new_uid
from tests.bench.double import DE, amazon_order
from tests.stage.postgres import Postgres, find_postgres
from tests.stage.queue import Queue

ROOT = Path(__file__).resolve().parent.parent.parent


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options that all benchmarks of the orders' way share."""
    parser.add_argument("--database", choices=("postgres", "sqlite"), default="postgres")
    parser.add_argument("--tiny", action="store_true", help="seconds only: shows that it runs, its figures mean little")


@dataclass
class Stage:
    """A running surrounding: `env` are the settings of the app under test."""

    env: dict[str, str]
    double: str

    def told(self, *, fresh: bool = False) -> dict[str, Any]:
        """What the double has seen; `fresh` lets it forget afterwards which sellers it saw."""
        answer = requests.get(f"{self.double}/control{'/fresh' if fresh else ''}", timeout=30)
        found: dict[str, Any] = answer.json()
        return found

    @contextmanager
    def process(self, *command: str, log: str = "WARNING") -> Iterator[subprocess.Popen[str]]:
        """`python -m ...` with the app's settings, until the block ends."""
        begin = partial(die_with_parent, parent=os.getpid())
        env = {**self.env, "LOG_LEVEL": log}
        started = subprocess.Popen(
            [sys.executable, "-m", *command], env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=begin
        )
        try:
            yield started
        finally:
            started.terminate()
            try:
                started.wait(40)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait(10)
            if started.stdout is not None:
                started.stdout.close()


@contextmanager
def stage(
    args: argparse.Namespace, *, scale: float = 1.0, server: Postgres | None = None, **double: float
) -> Iterator[Stage]:
    """Start everything and set this process up as the app. `double` are the options of the lean double.

    `server` is a PostgreSQL that runs already: it gives an empty database for this stage.
    """
    if args.database == "postgres" and find_postgres() is None:
        raise SystemExit("no PostgreSQL server on this machine: use --database sqlite")
    epoch = int(time.time())
    queue = Queue.start()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="shopapp-bench-") as folder,
            _database(args.database, Path(folder), server) as url,
            _double({"scale": scale, "epoch": epoch, **double}) as address,
        ):
            env = settings(url, queue.url, Path(folder), address) | {"TIME_SCALE": str(scale), "TIME_EPOCH": str(epoch)}
            create_app(Config.load(env))
            try:
                migrate.upgrade(db.engine())
                yield Stage(env, address)
            finally:
                db.engine().dispose()
                clock.configure(1.0, 0.0)
    finally:
        queue.stop()


@contextmanager
def _database(kind: str, folder: Path, running: Postgres | None) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'bench.db'}"
        return
    if running is not None:
        with running.database() as url:
            yield url
        return
    server = Postgres.start(durable=True)
    try:
        with server.database() as url:
            yield url
    finally:
        server.stop()


@contextmanager
def _double(options: dict[str, float]) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.bench.double"]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    begin = partial(die_with_parent, parent=os.getpid())
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=begin)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}"
    finally:
        process.terminate()
        process.wait(15)
        process.stdout.close()


def settings(database: str, queue_url: str, data: Path, double: str) -> dict[str, str]:
    """Settings of the app: every remote is the double."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "PYTHONPATH")}
    return kept | {
        "SHOPIFY_API_KEY": secrets.token_hex(16),
        "SHOPIFY_API_SECRET": secrets.token_hex(24),
        "APP_URL": "https://app.shop.test",
        "DATABASE_URL": database,
        "REDIS_URL": queue_url,
        "SHOPAPP_DATA": str(data),
        "SECRET_KEY": secrets.token_hex(32),
        "ENCRYPTION_KEY": fresh_key(),
        "AMAZON_CLIENT_ID": "amzn1.application-oa2-client.bench",
        "AMAZON_CLIENT_SECRET": secrets.token_hex(16),
        "AMAZON_APPLICATION_ID": "amzn1.sp.solution.bench",
        "AMAZON_API_BASE": double,
        "AMAZON_LOGIN_BASE": double,
        "AMAZON_TOKEN_URL": f"{double}/token",
        "EBAY_CLIENT_ID": "Bench-Benchmark-PRD-0",
        "EBAY_CLIENT_SECRET": secrets.token_hex(16),
        "EBAY_RUNAME": "Bench-Benchmark",
        "EBAY_API_BASE": double,
        "EBAY_LOGIN_BASE": double,
        "FX_RATES_URL": f"{double}/fx",
        "SHOPIFY_LOOPBACK": double.removeprefix("http://"),
        "PLAN_LIMITS": "scale=100000000",
        "LOG_LEVEL": "WARNING",
    }


def shops(count: int) -> list[int]:
    """Installed shops with tokens for a day; their ids."""
    now = clock.now()
    made = []
    with db.writing() as s:
        for number in range(count):
            shop = Shop(
                uid=new_uid(), domain=f"bench-{number}.myshopify.com", currency="EUR", installed_at=now,
                period_anchor=now - timedelta(days=1), plan_key="scale", ref_definition_at=now,
                access_expires_at=now + timedelta(days=400), refresh_expires_at=now + timedelta(days=400),
            )  # fmt: skip
            vault.seal(shop, "access_token", f"shpat_{secrets.token_hex(16)}")
            vault.seal(shop, "refresh_token", f"shprt_{secrets.token_hex(16)}")
            s.add(shop)
            made.append(shop)
        s.flush()
        return [shop.id for shop in made]


@dataclass(frozen=True, slots=True)
class Where:
    """A site of a channel, on which sellers sell."""

    channel: str
    realm: str
    site: str
    name: str


AMAZON, EBAY = Where("amazon", "eu", DE, "Amazon.de"), Where("ebay", "ebay", "EBAY_DE", "eBay.de")


def accounts(
    shop_ids: list[int], count: int, due: list[datetime] | None = None, where: Where = AMAZON
) -> list[tuple[int, int, str]]:
    """Linked, importing sellers dealt out over the shops; (id, shop's id, seller) of each. `due` is when each is due.

    As if they had been there for long: last night's reads and counts are over, the shops' sweeps go on in turn.
    """
    now = clock.now()
    told = []
    for start in range(0, count, 500):
        with db.writing() as s:
            known = {shop_id: s.get_one(Shop, shop_id) for shop_id in shop_ids}
            rows = []
            for number in range(start, min(start + 500, count)):
                row = _account(known[shop_ids[number % len(shop_ids)]], f"SELLER{number}", now, where)
                row.due_at = due[number] if due else None
                rows.append(row)
            s.add_all(rows)
            s.flush()
            told += [(row.id, row.shop_id, row.seller_id or "") for row in rows]
    _lived_in(told, where.site)
    return told


def _lived_in(made: list[tuple[int, int, str]], site: str) -> None:
    now, tomorrow = clock.now(), clock.now() + timedelta(days=1)
    reads = [
        {"uid": new_uid(), "shop_id": shop_id, "account_id": account_id, "site": site, "kind": RunKind.READ,
         "state": RunState.DONE, "asked_at": now, "ended_at": now}
        for account_id, shop_id, _ in made
    ]  # fmt: skip
    counts = [{"shop_id": shop_id, "account_id": account_id, "due_at": tomorrow} for account_id, shop_id, _ in made]
    shop_ids = sorted({shop_id for _, shop_id, _ in made})
    every = timedelta(minutes=15) / len(shop_ids)
    sweeps = [
        {"shop_id": shop_id, "kind": kind, "due_at": due}
        for place, shop_id in enumerate(shop_ids, 1)
        for kind, due in ((SweepKind.FULFILLMENTS, now + every * place), (SweepKind.CATALOGUE, tomorrow))
    ]
    with db.writing() as s:
        s.execute(insert(ListingRun), reads)
        s.execute(insert(CountRound), counts)
        s.execute(insert(ShopSweep), sweeps)


def _account(shop: Shop, seller: str, now: datetime, where: Where) -> Account:
    known = {"channel": where.channel, "realm": where.realm, "seller_id": seller}
    row = Account(
        uid=new_uid(), shop_id=shop.id, shop=shop, label=seller, **known,
        status=AccountStatus.ACTIVE, status_since=now, worked_at=now - timedelta(days=1), created_at=now,
        entered_at=now, entered_how="login", access_expires_at=now + timedelta(days=400), importing=True,
        take_over_at=now - timedelta(hours=1), cursor_at=now - timedelta(minutes=15), polled_at=now,
        public={"seller_id": seller},
    )  # fmt: skip
    vault.seal_json(row, "credentials", {"refresh_token": f"Atzr|{secrets.token_hex(40)}"})
    vault.seal(row, "access_token", seller)  # the double knows the seller by it
    row.sites = [AccountSite(shop_id=shop.id, site=where.site, name=where.name, importing=True, **known)]
    return row


def orders(of: list[tuple[int, int, str]], count: int, first: int = 0, skus: int = 50) -> None:
    """Found and due orders, dealt out over the accounts, never sent before (as a poll saves them)."""
    now = clock.now()
    place = mapping.Place(AppKeys({}), "eu", (DE,))
    for start in range(first, first + count, 1000):
        rows, lines = [], []
        for number in range(start, min(start + 1000, first + count)):
            account_id, shop_id, seller = of[number % len(of)]
            sale = mapping.order(amazon_order(number, now - timedelta(minutes=5), f"SKU-{number % skus}"), place)
            rows.append(_order(account_id, shop_id, seller, sale, now))
            lines.append((shop_id, sale.lines[0]))
        with db.writing() as s:
            # Past the session, which would count each of them: they are counted together at the end.
            made = insert(Order.__table__).returning(Order.__table__.c.id, sort_by_parameter_order=True)
            ids = list(s.connection().scalars(made, rows))
            s.execute(
                insert(OrderLine),
                [
                    {"shop_id": shop_id, "order_id": order_id, "line_id": line.line_id, "sku": line.sku,
                     "title": line.title, "quantity": line.quantity, "total_minor": line.total.minor}
                    for order_id, (shop_id, line) in zip(ids, lines, strict=True)
                ],
            )  # fmt: skip
    logging.disable(logging.ERROR)  # a recount that finds something says so loudly
    with db.writing() as s:
        tallies.recount(s)
    logging.disable(logging.NOTSET)


def _order(account_id: int, shop_id: int, seller: str, sale: Any, now: datetime) -> dict[str, Any]:
    return {
        "uid": new_uid(), "shop_id": shop_id, "account_id": account_id, "channel": "amazon", "realm": "eu",
        "seller_id": seller, "remote_order_id": sale.order_id, "site": DE, "state": OrderState.RECEIVED,
        "remote_state": sale.remote_state, "remote_created_at": sale.created_at, "remote_updated_at": sale.updated_at,
        "found_at": now, "currency": sale.currency, "total_minor": sale.total.minor, "buyer_name": sale.buyer_name,
        "payload": stored.pack(sale), "first_send": True, "due_at": now,
    }  # fmt: skip


def rss(pid: int) -> int:
    """Resident memory of a process in bytes, 0 when it is gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def children(pid: int) -> list[int]:
    """Living children of a process."""
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


class Counted:
    """Statements and commits of this process's engine while it is counted."""

    def __init__(self) -> None:
        self.statements = self.commits = 0
        self._lock = threading.Lock()
        from sqlalchemy import event

        event.listen(db.engine(), "before_cursor_execute", self._statement)
        event.listen(db.engine(), "commit", self._commit)

    def _statement(self, *_: Any) -> None:
        with self._lock:
            self.statements += 1

    def _commit(self, *_: Any) -> None:
        with self._lock:
            self.commits += 1


def table(found: dict[str, float | str]) -> None:
    """Print the figures, one a line."""
    for name, value in found.items():
        print(f"{name:28} {value}", flush=True)
