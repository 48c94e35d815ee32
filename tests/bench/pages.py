"""`python -m tests.bench pages`: every list, filter and search among a million orders beside the same among a thousand.

Two databases in one PostgreSQL server, in each of them a second shop with as many orders. The requests go through the
whole application in this process (session, templates and all; no sockets), few and many in turn.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, create_engine, select

from shopapp import clock, create_app
from shopapp.records import db, migrate
from shopapp.records.models import Order
from tests.bench import crowd
from tests.stage.postgres import Postgres, find_postgres
from tests.stage.queue import Queue
from tests.stage.settings import settings_for
from tests.web.desk import Desk, nowhere

LIMIT = 1.5  # p95 with many orders, as a multiple of that with few


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--few", type=int, default=1000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=100, help="of each page")
    parser.add_argument("--only", default="", help="pages whose name holds this text")


def addresses(count: int, ids: Sequence[int]) -> dict[str, Callable[[int], str]]:
    """Page by name: the address of its n-th request in a shop with `count` orders; `ids` are some of ours."""

    def some(number: int) -> int:
        return 1 + number * 7919 % count

    # As many digits of an id as leave about a hundred hits.
    begins = 3 if count < 10_000 else len(str(count // 1000)) + 3

    def young(number: int) -> int:
        return count - number * 7919 % max(1, count // 10)

    return {
        "home": lambda _: "/",
        "list": lambda _: "/orders",
        "list, state imported": lambda _: "/orders?state=imported",
        "list, state failed": lambda _: "/orders?state=failed",
        "list, state cancelled": lambda _: "/orders?state=cancelled",
        "list, account": lambda n: f"/orders?account={1 + n % 2}",
        "list, old account": lambda _: "/orders?account=3",
        "list, account and state": lambda _: "/orders?account=1&state=failed",
        "list, cause": lambda _: "/orders?state=failed&cause=sku_unknown",
        "list, held": lambda _: "/orders?held=plan",
        "list, days": lambda n: f"/orders?since=2025-{1 + n % 10:02d}-01&until=2025-{3 + n % 10:02d}-20",
        "list, account and days": lambda n: f"/orders?account=1&since=2025-{1 + n % 12:02d}-01",
        "search, whole id": lambda n: f"/orders?q={crowd.remote_id(some(n))}",
        "search, beginning of an id": lambda n: f"/orders?q={crowd.remote_id(some(n))[:begins]}",
        "search, common beginning": lambda _: "/orders?q=30",
        "search, Shopify's name": lambda n: f"/orders?q=%23{1000 + some(n)}",
        "search, SKU": lambda n: f"/orders?q=SKU-{n % crowd.skus(count)}",
        "search, common SKU": lambda _: f"/orders?q={crowd.BESTSELLER}",
        "search, buyer": lambda n: f"/orders?q={crowd.buyer(young(n), count)[:10].lower()}",
        "search, common buyer": lambda _: "/orders?q=buyer",
        "search, nothing": lambda n: f"/orders?q=nothing-{n}",
        "search and state": lambda n: f"/orders?q=SKU-{n % crowd.skus(count)}&state=imported",
        "order": lambda n: f"/orders/{ids[n * 7919 % len(ids)]}",
        "accounts": lambda _: "/accounts",
        "account": lambda n: f"/accounts/{1 + n % 3}",
        "inbox": lambda _: "/inbox",
        "plan": lambda _: "/plan",
        "export, first piece": lambda _: "/orders/export.csv",
    }


def _page_after(desk: Desk, path: str, depth: int) -> str:
    """The address of the page `depth` pages further on."""
    for _ in range(depth):
        (table,) = desk.get(path).tags("s-table")[:1]
        path = table["data-next"]
    return path


def ask(desk: Desk, path: str) -> float:
    """One request; seconds. An export is read up to its first orders."""
    headers, streamed = desk.headers, path.startswith("/orders/export")
    begun = time.perf_counter()
    answer = desk.client.get(path, headers=headers, buffered=not streamed)
    pieces = iter(answer.response)
    next(pieces)
    if streamed:
        next(pieces)
    took = time.perf_counter() - begun
    assert answer.status_code == 200, f"{path}: {answer.status_code}"
    answer.close()
    return took


def quantile(seconds: list[float], share: float) -> float:
    """Milliseconds within which this share of the requests was answered."""
    ordered = sorted(seconds)
    return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def compare(desk: Desk, stages: dict[str, tuple[Engine, int]], args: argparse.Namespace) -> dict[str, float | str]:
    """Every page, few and many in turn; p95 of both and their ratio by page, and the worst."""
    pages = {}
    for name, (engine, count) in stages.items():
        db.use(engine)
        desk.change(last_opened_at=clock.now() + timedelta(hours=3))  # long fillings make no visit stale
        with db.reading() as s:
            found_ids = s.scalars(select(Order.id).where(Order.shop_id == desk.shop_id).limit(5000)).all()
        pages[name] = addresses(count, found_ids)
        further = _page_after(desk, "/orders", 5)
        pages[name]["list, sixth page"] = lambda _, path=further: path  # type: ignore[misc]
    found: dict[str, float | str] = {}
    worst = 0.0
    print(f"{'page':28} {'few p50':>9} {'p95':>9} {'many p50':>9} {'p95':>9} {'ratio':>6}")
    for page in pages["few"]:
        if args.only not in page:
            continue
        seconds: dict[str, list[float]] = {"few": [], "many": []}
        for number in range(-min(5, args.requests), args.requests):  # the first ones only warm up
            for name, (engine, _) in stages.items():
                db.use(engine)
                took = ask(desk, pages[name][page](abs(number)))
                if number >= 0:
                    seconds[name].append(took)
        few, many = quantile(seconds["few"], 0.95), quantile(seconds["many"], 0.95)
        ratio = many / few
        worst = max(worst, ratio)
        found[page] = round(ratio, 2)
        middle = {name: quantile(one, 0.5) for name, one in seconds.items()}
        print(f"{page:28} {middle['few']:9.1f} {few:9.1f} {middle['many']:9.1f} {many:9.1f} {ratio:6.2f}", flush=True)
    return found | {"worst_ratio": round(worst, 2), "limit": LIMIT}


def run(args: argparse.Namespace) -> dict[str, float | str]:
    """Fill, ask, print; the ratios by page."""
    if find_postgres() is None:
        raise SystemExit("no PostgreSQL server on this machine")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shopapp-bench-")))
        queue, server = Queue.start(), Postgres.start()
        stack.callback(queue.stop)
        stack.callback(server.stop)
        stages: dict[str, tuple[Engine, int]] = {}
        for name, count in (("few", args.few), ("many", args.many)):
            engine = create_engine(stack.enter_context(server.database()), pool_size=4)
            stack.callback(engine.dispose)
            begun = time.perf_counter()
            migrate.upgrade(engine)
            crowd.fill(engine, count)
            print(f"filled 2 x {count} orders in {time.perf_counter() - begun:.0f} s", flush=True)
            stages[name] = (engine, count)
        app = create_app(settings_for(folder, str(f"sqlite:///{folder / 'unused.db'}"), queue.url, nowhere()))
        desk = Desk(app, 1, "crowd-0.myshopify.com")
        found = compare(desk, stages, args)
        with app.app_context():
            db.db.engine.dispose()
    print(f"worst ratio {found['worst_ratio']} (at most {LIMIT})")
    return found
