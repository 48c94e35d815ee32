"""The push half of the benchmark of listings: all of them pushed for the first time, some sold out in the middle.

The push is switched on as a merchant does: the difference worked out, looked at, agreed to. Arrived is what the sandbox's
own journal holds. Two rates are judged against what SP-API permits. Of the first push: SKUs per scaled second, from the yes
until the last one was handed in, against what flows back into the buckets of both ways (createFeed 0.0083/s of 25,000
messages, patchListingsItem 5/s). Of a backlog too small for a document: patches per scaled second against 5/s.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from shopapp import clock
from shopapp.listings import outcome, runs
from shopapp.records import db
from shopapp.records.models import Account, Listing, ListingRun, ListingStatus, RunKind, RunState
from shopapp.work import bell
from tests.bench import soldout
from tests.bench.crew import Weighed, spent
from tests.bench.soldout import PATCHES
from tests.unit.orders.scene import Scene

PRICE, STOCK = "24.90", 7  # in the shop, and neither of them at the marketplace
MINUTES, SHARE = 60, 0.95
MESSAGES, FEEDS, FEED_BURST, FEED_WINDOW = 25_000, 0.0083, 5, 300.0  # JSON_LISTINGS_FEED: at most 5 in 5 minutes
PATIENCE = 1_500.0  # seconds of the wall


def measure(scene: Scene, args: argparse.Namespace, weighed: Weighed) -> dict[str, float | str]:
    """Push all, sell out some in the middle, then a small backlog; the figures."""
    since = _entries(scene)
    found = _first(scene, args.skus, args.scale, weighed)
    if args.singles:
        found |= _singles(scene, min(args.singles, args.skus), weighed)
    refused = [row["effect"].removeprefix("amazon.") for row in _ledger(scene, since) if _status(row) == 429]
    found |= {"push_refused_429": len(refused), "push_refused_calls": ", ".join(sorted(set(refused)))}
    return found | {"push_megabytes": weighed.megabytes()}


# --- the first push ---------------------------------------------------------------------------------------------------


def _first(scene: Scene, count: int, scale: float, weighed: Weighed) -> dict[str, float | str]:
    wall, since = time.monotonic(), _entries(scene)
    run_id = _ask(scene)
    difference = time.monotonic() - wall
    used, remote = weighed.processor(), spent(scene.box.process.pid)
    began, wall = clock.now(), time.monotonic()
    with db.writing() as s:
        assert runs.confirm(s, s.get_one(ListingRun, run_id), "1")
    bell.ring("bulk")
    sales: list[soldout.Sale] = []

    def over() -> bool:
        sent, acknowledged = _standing(scene)
        if not sales and sent >= count // 2:
            sales.extend(soldout.sell_out(scene, count))
        soldout.look_at(scene, sales)
        arrived = bool(sales) and all(one.arrived for one in sales)
        return acknowledged == count and arrived and not scene.box.get(soldout.at(scene, "settled"))["waiting"]

    _wait(over, f"the first push of {count}", 0.2 if count < 10_000 else 1.0)
    ended, seconds = clock.now(), time.monotonic() - wall
    processor = {"push_worker_processor": round(weighed.processor() - used, 1)}
    processor["push_remote_processor"] = round(spent(scene.box.process.pid) - remote, 1)
    ledger = _ledger(scene, since)
    told: dict[str, float | str] = {
        "difference_seconds": round(difference, 1),
        "push_wall_seconds": round(seconds, 1),
        "push_scaled_minutes": round((ended - began).total_seconds() / 60, 2),
        "push_limit_minutes": MINUTES,
        "push_wrong_there": _wrong(scene, count),
    }
    return told | _handed_in(ledger, sales, count, began) | processor | soldout.told(ledger, sales, scale)


def _ask(scene: Scene) -> int:
    """The difference of all listings, worked out; the run that asks."""
    with db.writing() as s:
        account = s.get_one(Account, scene.account_id)
        run_id = runs.begin(s, account, RunKind.SWITCH_ON, "1", price=True, stock=True).id
    bell.ring("bulk")

    def asked() -> bool:
        with db.reading() as s:
            return s.get_one(ListingRun, run_id).state == RunState.ASKED

    _wait(asked, "the difference", 0.1)
    return run_id


def _standing(scene: Scene) -> tuple[int, int]:
    """How many are on their way or there, and how many of them are acknowledged."""
    there = (Listing.acked_version == Listing.version) & (Listing.status == ListingStatus.LINKED)
    mine = (Listing.account_id == scene.account_id, Listing.version > 0, Listing.sent_version == Listing.version)
    with db.reading() as s:
        sent, acknowledged = s.execute(select(func.count(), func.count().filter(there)).where(*mine)).one()
        return sent, acknowledged


def _handed_in(
    ledger: list[dict[str, Any]], sales: list[soldout.Sale], count: int, began: datetime
) -> dict[str, float | str]:
    """How many went which way, and how much of what the buckets permit that is."""
    documents = [row for row in ledger if row["effect"] == "feed.created"]
    patches = [row for row in ledger if row["effect"] == "listing.patch"]
    sizes = [row["body"]["bytes"] for row in ledger if row["effect"] == "document.uploaded"]
    ended = [row["body"].get("messagesProcessed", 0) for row in ledger if row["effect"] == "feed.ended"]
    sold_out = {one.sku for one in sales}  # these are said more than once
    last = max(soldout.when(row) for row in [*documents, *patches] if row["key"] not in sold_out)
    span, permitted = (last - began).total_seconds(), FEEDS * MESSAGES + PATCHES
    needed = -(-count // MESSAGES)
    return {
        "documents": len(documents),
        "document_messages": sum(ended),
        "document_megabytes": round(max(sizes, default=0) / 1_048_576, 2),
        "pushed_singly": len(patches),
        "handed_in_scaled_seconds": round(span, 1),
        "perfect_client_seconds": (needed - 1) // FEED_BURST * FEED_WINDOW,
        "skus_per_scaled_second": round(count / span, 1),
        "permitted": f"createFeed {FEEDS}/s x {MESSAGES:,} messages + patchListingsItem {PATCHES:g}/s",
        "permitted_per_second": permitted,
        "push_of_permitted": round(count / span / permitted, 3),
        "limit_of_permitted": SHARE,
    }


def _wrong(scene: Scene, count: int) -> int:
    """How many listings the marketplace has otherwise than they were wished, by its own journal."""
    there: dict[str, tuple[str, int]] = {}
    last = 0
    while rows := scene.box.get(soldout.at(scene, "applied"), since=str(last)):
        there.update({row["sku"]: (row["price"], row["quantity"]) for row in rows})
        last = rows[-1]["n"]
    with db.reading() as s:
        wished = select(Listing.sku, Listing.price_minor, Listing.quantity)
        rows = s.execute(wished.where(Listing.account_id == scene.account_id)).all()
    right = sum(there.get(sku) == (str(Decimal(minor or 0).scaleb(-2)), quantity) for sku, minor, quantity in rows)
    return count - right


# --- a backlog too small for a document -------------------------------------------------------------------------------


def _singles(scene: Scene, count: int, weighed: Weighed) -> dict[str, float | str]:
    """*Update* of some: all go one by one, as fast as the bucket permits."""
    since, before, used = _entries(scene), _applied(scene), weighed.processor()
    with db.writing() as s:
        ids = list(s.scalars(select(Listing.id).where(Listing.account_id == scene.account_id).limit(count)))
        outcome.again(s, scene.shop_id, ids, "1")
    bell.ring("bulk")
    wall = time.monotonic()

    _wait(lambda: _applied(scene) - before >= count, f"a backlog of {count}", 0.5)
    moments = sorted(soldout.when(row) for row in _ledger(scene, since) if row["effect"] == "listing.patch")
    rate = (len(moments) - 1) / (moments[-1] - moments[0]).total_seconds()
    return {
        "singles": len(moments),
        "singles_wall_seconds": round(time.monotonic() - wall, 1),
        "singles_worker_processor": round(weighed.processor() - used, 1),
        "singles_per_scaled_second": round(rate, 2),
        "singles_of_permitted": round(rate / PATCHES, 3),
    }


# --- the sandbox ------------------------------------------------------------------------------------------------------


def _applied(scene: Scene) -> int:
    return int(scene.box.get(soldout.at(scene, "settled"))["applied"])


def _ledger(scene: Scene, since: int) -> list[dict[str, Any]]:
    return scene.box.ledger(system="amazon", since=str(since))


def _entries(scene: Scene) -> int:
    rows = scene.box.ledger()
    return int(rows[-1]["n"]) if rows else 0


def _status(row: dict[str, Any]) -> int:
    return int((row["body"] or {}).get("status") or 0)


def _wait(over: Callable[[], bool], what: str, pause: float) -> None:
    ends = time.monotonic() + PATIENCE
    while not over():
        if time.monotonic() > ends:
            raise SystemExit(f"{what} did not come to its end")
        time.sleep(pause)
