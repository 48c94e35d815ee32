"""`python -m tests.bench listings`: two hundred thousand SKUs read, linked, pushed and shown, on SP-API's real buckets.

The sandbox is every remote, a process of its own with the vendor's rates on the scaled clock; the product runs as shipped:
workers, scheduler, web server, PostgreSQL, queue. Judged are the scaled time from the linking of the account until every
SKU is linked, the first push of all of them (`pushes`), the memory of the workers meanwhile, and what the list's pages
take once all is there (unscaled).
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from shopapp import clock, create_app
from shopapp.config import Config
from shopapp.listings import duties
from shopapp.records import db, migrate
from shopapp.records.models import Listing, ListingRun, ListingStatus, ShopSweep, SweepKind
from tests.bench import pushes
from tests.bench import stage as ground
from tests.bench.crew import Weighed, workers
from tests.bench.pages import quantile
from tests.bench.stage import Stage
from tests.stage.box import Box
from tests.stage.postgres import Postgres, find_postgres
from tests.stage.queue import Queue
from tests.stage.settings import settings_for
from tests.unit.orders.scene import Scene, furnish
from tests.unit.shops.ground import Ground
from tests.web.desk import Desk

MINUTES, MEGABYTES, MILLISECONDS = 30, 512, 200
PREFIX = "BULK-"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--tiny", action="store_true", help="seconds only: shows that it runs, its figures mean little")
    parser.add_argument("--skus", type=int, default=200_000)
    parser.add_argument("--scale", type=float, default=2.0, help="how many times as fast as the wall the clock runs")
    parser.add_argument("--requests", type=int, default=100, help="of each page")
    parser.add_argument("--singles", type=int, default=600, help="changes of the backlog that is pushed one by one")
    parser.add_argument("--no-push", action="store_true", help="read and show only")


def run(args: argparse.Namespace) -> dict[str, float | str]:
    """Measure and print a table; the figures."""
    if args.tiny:
        args.skus, args.requests, args.singles, args.scale = 400, 1, 10, 20.0
    with stand(args.scale) as (here, scene, desk):
        fill(scene, args.skus)
        found: dict[str, float | str] = {"skus": args.skus, "clock_scale": args.scale}
        with workers(here, scene.box.app_port) as weighed:
            found |= _read(scene, args, weighed)
            if not args.no_push:
                found |= pushes.measure(scene, args, weighed)
        found |= _pages(desk, scene, args)
    ground.table(found)
    return found


@contextmanager
def stand(scale: float) -> Iterator[tuple[Stage, Scene, Desk]]:
    """The product and every remote, a shop with a linked seller, its merchant at the desk."""
    if find_postgres() is None:
        raise SystemExit("no PostgreSQL server on this machine")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shopapp-bench-")))
        timed = {"TIME_SCALE": str(scale), "TIME_EPOCH": str(int(time.time()))}
        os.environ.update(timed)  # for the sandbox, which reads the environment
        stack.callback(lambda: [os.environ.pop(name) for name in timed])
        stack.callback(clock.configure, 1.0, 0.0)
        queue = Queue.start()
        stack.callback(queue.stop)
        server = Postgres.start(durable=True)
        stack.callback(server.stop)
        url = stack.enter_context(server.database())
        box = Box.start(folder / "sandbox", bucket_factor=1)
        stack.callback(box.stop)
        config = settings_for(folder / "app", url, queue.url, box, **timed, PLAN_LIMITS="scale=100000000")
        app = create_app(Config(dict(config.env)))
        stack.callback(db.engine().dispose)
        migrate.upgrade(db.engine())
        scene = furnish(Ground(box, config))
        env = {**config.env, "PATH": os.environ["PATH"], "LOG_LEVEL": "WARNING"}
        yield Stage(env, box.url), scene, Desk(app, scene.shop_id, scene.domain)


def fill(scene: Scene, count: int) -> None:
    """As many listings at the marketplace as products in the shop: the same SKUs, other prices and stocks."""
    many = {"count": count, "prefix": PREFIX}
    scene.box.post(f"/amazon/sellers/{scene.seller}/listings", many)
    scene.box.post(f"/shops/{scene.domain}/products", {**many, "price": pushes.PRICE, "available": pushes.STOCK})


def _read(scene: Scene, args: argparse.Namespace, weighed: Weighed) -> dict[str, float | str]:
    """From the linking until everything is linked."""
    began, wall = clock.now(), time.monotonic()
    duties.enrol()  # what the scheduler would have the chore do within a minute
    read_at: dict[str, float] = {}
    ends = time.monotonic() + 900
    while True:
        told = _standing(scene)
        for name in ("listings", "catalogue"):
            if told[name] and name not in read_at:
                read_at[name] = time.monotonic() - wall
        if told["linked"] == args.skus and len(read_at) == 2:
            break
        if time.monotonic() > ends:
            raise SystemExit(f"not all were linked: {told}")
        time.sleep(0.25)
    took, seconds = clock.now() - began, time.monotonic() - wall
    calls = [row["body"].get("status", 200) for row in scene.box.ledger(system="amazon") if "status" in row["body"]]
    return {
        "linked": told["linked"],
        "wall_seconds": round(seconds, 1),
        "listings_read_after_seconds": round(read_at["listings"], 1),
        "catalogue_read_after_seconds": round(read_at["catalogue"], 1),
        "scaled_minutes": round(took.total_seconds() / 60, 2),
        "limit_minutes": MINUTES,
        "refused_429": calls.count(429),
        "worker_megabytes": weighed.megabytes(),
        "limit_megabytes": MEGABYTES,
    }


def _standing(scene: Scene) -> dict[str, int]:
    with db.reading() as s:
        linked = s.scalar(select(func.count(Listing.id)).where(Listing.status == ListingStatus.LINKED)) or 0
        done = s.scalar(select(func.count(ListingRun.id)).where(ListingRun.state == "done")) or 0
        sweep = select(ShopSweep.ended_at).where(ShopSweep.kind == SweepKind.CATALOGUE)
        return {"linked": linked, "listings": done, "catalogue": int(s.scalar(sweep) is not None)}


def addresses(scene: Scene, count: int) -> dict[str, Callable[[int], str]]:
    """Page by name: the address of its n-th request."""

    def sku(number: int) -> str:
        return f"{PREFIX}{1 + number * 7919 % count:06d}"

    return {
        "list": lambda _: "/listings",
        "list, linked": lambda _: "/listings?status=linked",
        "list, not linked": lambda _: "/listings?status=not_linked",
        "list, account": lambda _: f"/listings?account={scene.account_id}",
        "list, far on": lambda n: f"/listings?after={1 + n * 7919 % count}",
        "search, whole SKU": lambda n: f"/listings?q={sku(n)}",
        "search, beginning": lambda n: f"/listings?q={sku(n)[:-2]}",
        "search, common": lambda _: f"/listings?q={PREFIX}",
        "search, nothing": lambda n: f"/listings?q=nothing-{n}",
        "home": lambda _: "/",
    }


def _pages(desk: Desk, scene: Scene, args: argparse.Namespace) -> dict[str, float | str]:
    """p95 of each page in milliseconds, and the worst."""
    found: dict[str, float | str] = {}
    with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")  # as the database does by itself within minutes
    for name, address in addresses(scene, args.skus).items():
        seconds = []
        for number in range(-3, args.requests):  # the first ones only warm up
            began = time.perf_counter()
            answer: Any = desk.client.get(address(abs(number)), headers=desk.headers)
            took = time.perf_counter() - began
            assert answer.status_code == 200, f"{address(number)}: {answer.status_code}"
            answer.close()
            if number >= 0:
                seconds.append(took)
        found[f"p95 ms: {name}"] = round(quantile(seconds, 0.95), 1)
    worst = max(float(value) for value in found.values())
    return found | {"p95_worst_ms": worst, "limit_ms": MILLISECONDS}
