"""The way of orders over loopback HTTP, from the marketplace into Shopify: the vendor's examples, and many at once.

SHOPAPP_LIVE_ORDERS=1000 plays a thousand of these; a part of them otherwise.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from shopapp import clock, runtime
from shopapp.orders import backfill, poll
from shopapp.records import db
from shopapp.records.models import Account, Backfill, Order, OrderState, UsageEntry
from shopapp.shopify_admin import budget, wire
from shopapp.work import claim
from shopapp.work.claim import Work
from tests.conftest import contracts_dir
from tests.stage.box import Box
from tests.unit.orders.scene import ORDERS, POLLS, Scene, furnish, link_seller
from tests.unit.shops.ground import Ground

pytestmark = pytest.mark.journey
LIVE = int(os.environ.get("SHOPAPP_LIVE_ORDERS", "200"))
BACKFILLS = Work("backfill", Backfill, backfill.due_backfill)
# The vendor's examples are of the last days of 2024.
BEFORE_THE_PAIRS = datetime(2024, 12, 1, tzinfo=UTC)


@pytest.fixture
def ground(app: Flask, box: Box) -> Iterator[Ground]:
    budget.forget()
    with app.app_context():
        yield Ground(box, runtime.config())
    box.clear_faults()
    wire.close()


class Meter:
    """Counts what is asked of Shopify's Admin API, in calls and in points, as Shopify prices them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.points = 0
        real = wire.post

        def post(*args: Any, **more: Any) -> wire.Answer:
            answer = real(*args, **more)
            self.calls.append(more.get("call", ""))
            if isinstance(answer.body, dict):
                self.points += int(answer.body["extensions"]["cost"]["requestedQueryCost"])
            return answer

        monkeypatch.setattr(wire, "post", post)


def _until_quiet(scene: Scene, rounds: int = 60) -> None:
    """Drain until nothing is on its way, letting our time pass between the rounds."""
    for _ in range(rounds):
        scene.place()
        if not {row.state for row in scene.rows()} & {OrderState.RECEIVED, OrderState.SENDING}:
            return
        scene.wait(5)


@pytest.mark.one_database
@pytest.mark.parametrize("trusted", [True, False])
def test_many_live_orders_cost_little_more_than_their_creation(
    ground: Ground, trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = LIVE if trusted else LIVE // 2
    scene = furnish(ground)
    ground.set(scene.domain, bucket={"max": 20000, "restore": 2000})
    budget._plans[scene.domain] = (20000, 2000)
    scene.poll()
    for at in range(20):
        scene.product(f"SKU-{at}")
        scene.sell(sku=f"SKU-{at}", count=count // 20, price="1.90")
    if not trusted:
        with db.writing() as s:
            s.get_one(Account, scene.account_id).trusted_from = clock.now() + timedelta(hours=1)
    meter = Meter(monkeypatch)
    scene.poll()
    assert {row.first_send for row in scene.rows()} == {trusted}
    _until_quiet(scene)
    rows = scene.rows()
    assert [row.state for row in rows].count(OrderState.IMPORTED) == count
    assert len(scene.in_shopify()) == count
    asked = Counter(meter.calls)
    print(
        f"{count} orders: {len(meter.calls) / count:.3f} Admin calls, {Decimal(meter.points) / count:.2f} points each"
    )
    assert len(meter.calls) / count <= 1.1, asked
    assert Decimal(meter.points) / count <= 12, asked
    with db.reading() as s:
        assert len(s.scalars(select(UsageEntry)).all()) == count


@pytest.mark.contracts
@pytest.mark.both_databases
def test_the_vendors_own_examples_arrive_with_their_totals(ground: Ground) -> None:
    specs = contracts_dir()
    assert specs is not None
    loaded = ground.box.post("/amazon/pairs", {"path": str(specs / "amazon" / "sandbox_pairs.json")})
    ago = clock.now() - BEFORE_THE_PAIRS
    scene: Scene | None = None
    for region, told in loaded.items():
        if scene is None:
            scene = furnish(ground, ago=ago, seller=told["seller_id"], realm=region)
        else:
            link_seller(ground, scene.shop_id, told["seller_id"], region, ago)
    assert scene is not None
    with db.writing() as s:
        for account in s.scalars(select(Account)):
            account.sync_asked_at = account.due_at = clock.now()
    claim.drain((POLLS,), seconds=30)
    with db.reading() as s:
        skus = {line.sku for row in s.scalars(select(Order)) for line in row.lines if line.sku}
    for sku in skus:
        scene.product(sku)
    _until_quiet(scene)
    states = {row.remote_order_id: (row.state, row.ignore_reason) for row in scene.rows()}
    imported = [row for row in scene.rows() if row.state == OrderState.IMPORTED]
    assert len(imported) == 3, states
    for row in imported:
        (made,) = scene.made(row.remote_order_id)
        assert row.shopify_total_minor == row.total_minor
        assert row.total_minor > 0
        assert Decimal(made["totals"]["presentment"]["total"]) > 0
    set_aside = sorted(reason for state, reason in states.values() if state == OrderState.IGNORED)
    assert "fulfilled_by_amazon" in set_aside
    shipped = set_aside.count("already_shipped")
    assert shipped >= 1
    assert len(states) == 3 + len(set_aside)
    _backfill_brings_the_shipped_ones(scene, shipped)


def _backfill_brings_the_shipped_ones(scene: Scene, shipped: int) -> None:
    with db.writing() as s:
        for account in s.scalars(select(Account)).all():
            row = backfill.start(s, scene.shop_id, account.id, BEFORE_THE_PAIRS, "1")
            assert row is not None
            row.until = clock.now()
    claim.drain((BACKFILLS,), seconds=30)
    _until_quiet(scene)
    assert [row.state for row in scene.rows()].count(OrderState.IMPORTED) == 3 + shipped
    assert len(scene.in_shopify()) == 3 + shipped
    assert [one.ignore_reason for one in scene.rows() if one.state == OrderState.IGNORED] == ["fulfilled_by_amazon"]


def test_two_workers_at_once_make_no_second_order(ground: Ground) -> None:
    import threading

    scene = furnish(ground)
    ground.set(scene.domain, unique_ids=False)
    scene.product("A-1")
    ids = scene.sell(sku="A-1", count=60)
    scene.poll()
    workers = [threading.Thread(target=claim.drain, args=((ORDERS,),), kwargs={"seconds": 30}) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    _until_quiet(scene)
    assert [len(scene.made(one)) for one in ids] == [1] * 60


def test_hostile_texts_from_the_marketplace_are_kept_harmless(ground: Ground) -> None:
    scene = furnish(ground)
    scene.product("A-1")
    (order_id,) = scene.sell(sku="A-1", buyer="Ada\x00 \u202eevil <script>\U0001f600")
    (other,) = scene.sell(sku="=cmd|'/C'!A0\n<b>")
    scene.poll()
    _until_quiet(scene)
    assert scene.row(order_id).state == OrderState.IMPORTED
    assert "\x00" not in scene.row(order_id).buyer_name
    assert scene.row(other).cause == "sku_unknown"
    assert poll.interval is not None
