"""`python -m tests.bench backfill`: ten thousand older orders through Amazon's and Shopify's real buckets, the clock scaled.

Amazon gives a page of 100 per permit (20 at once, then one in 178.6 s), Shopify restores 100 points a second. Judged are
rates on the scaled clock: how much of what Amazon permitted was used, polls of the same account included, how far the
forecast was off, and that neither refused a call after the first probe.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from shopapp import clock
from shopapp.orders import backfill
from shopapp.records import db
from shopapp.records.models import Account, Backfill
from shopapp.work import bell
from tests.bench import stage as ground
from tests.bench.double import AMAZON_BURST, AMAZON_RATE, PAGE
from tests.bench.stage import Stage


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    ground.arguments(parser)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--scale", type=float, default=140.0, help="how many times as fast as the wall the clock runs")


def run(args: argparse.Namespace) -> dict[str, float | str]:
    """Measure and print a table; the figures."""
    orders, scale = (101, 100.0) if args.tiny else (args.orders, args.scale)
    with ground.stage(args, scale=scale, size=2000, restore=100, orders=orders) as here:
        found = _measure(here, orders, scale)
    ground.table({"database": args.database, "remote": "lean double, a process of its own", **found})
    return {"database": args.database, **found}


def _measure(here: Stage, orders: int, scale: float) -> dict[str, float | str]:
    ((account_id, shop_id, _),) = ground.accounts(ground.shops(1), 1)
    forecasts: list[tuple[datetime, datetime]] = []
    with (
        here.process("shopapp.cli", "worker", "--queue", "bulk"),
        here.process("shopapp.cli", "scheduler"),
    ):
        time.sleep(4)
        began = clock.now()
        with db.writing() as s:
            account = s.get_one(Account, account_id)
            account.take_over_at = began  # all that is older is asked for here
            account.due_at = began  # it is polled as always meanwhile
            row = backfill.start(s, shop_id, account_id, began - timedelta(days=20), "bench")
            assert row is not None
        bell.ring("bulk")
        told = _watch(here, row.id, orders, forecasts)
    return _judged(told, orders, scale, began, forecasts)


def _watch(here: Stage, row_id: int, orders: int, forecasts: list[tuple[datetime, datetime]]) -> dict[str, Any]:
    """Until all are created; what the page would have said is noted twice a second."""
    ends = time.time() + 300
    while True:
        told = here.told()
        if told["created"] >= orders:
            return told
        if time.time() > ends:
            raise SystemExit(f"only {told['created']} of {orders} orders came through")
        with db.reading() as s:
            progress = backfill.progress(s, s.get_one(Backfill, row_id))
        if progress.ends_at is not None:
            forecasts.append((clock.now(), progress.ends_at))
        time.sleep(0.5)


def _judged(
    told: dict[str, Any], orders: int, scale: float, began: datetime, forecasts: list[tuple[datetime, datetime]]
) -> dict[str, float | str]:
    wall = told["last_created"] - told["first_search"]
    took, calls = wall * scale, told["calls"]
    searches = calls["searchOrders"]
    pages_took = (told["last_search"] - told["first_search"]) * scale
    permitted = AMAZON_BURST + AMAZON_RATE * pages_took
    ended = datetime.fromtimestamp(told["last_created_virtual"], UTC)
    whole = (ended - began).total_seconds()
    off = [
        (abs((said - ended).total_seconds()) / whole, (at - began).total_seconds() / whole) for at, said in forecasts
    ]
    later = [error for error, share in off if share >= 0.05]
    first = next((error for error, share in off if share >= 0.05), 0.0)
    points = 10 * orders + calls.get("OrdersByMarketplaceRefs", 0) * 50 + calls.get("VariantsBySku", 0) * 35
    probe = began.timestamp() + 60
    return {
        "orders": orders,
        "clock_scale": scale,
        "wall_seconds": round(wall, 1),
        "took_hours": round(took / 3600, 2),
        "pages": -(-orders // PAGE),
        "searches_with_polls": searches,
        "searches_permitted": round(permitted, 1),
        "used_of_permitted": round(min(searches, permitted) / permitted, 3),
        "points_used_of_shopify": round(points / (2000 + 100 * took), 3),
        "forecast_off_first": round(first, 3),
        "forecast_off_most": round(max(later, default=0.0), 3),
        "refused_after_probe": len([one for one in told["refused"] if one > probe]),
        "throttled_after_probe": len([one for one in told["throttled"] if one > probe]),
        "doubled": told["doubled"],
        "lookups": calls.get("OrdersByMarketplaceRefs", 0),
    }
