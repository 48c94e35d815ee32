"""Older orders: bound where another app had made them, created as they stand otherwise."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from shopapp import clock
from shopapp.orders import backfill, prior
from shopapp.records import db
from shopapp.records.models import Backfill, Order, OrderState, UsageEntry
from shopapp.work import claim
from shopapp.work.claim import Work
from tests.unit.orders.scene import Scene, both_databases

WORK = Work("backfill", Backfill, backfill.due_backfill)


def _ask(scene: Scene, days: int = 10) -> int:
    with db.writing() as s:
        row = backfill.start(s, scene.shop_id, scene.account_id, clock.now() - timedelta(days=days), "1")
        assert row is not None
        return row.id


def _old(scene: Scene, **wish: object) -> list[str]:
    return scene.sell(created_at=(clock.now() - timedelta(days=2)).isoformat(), **wish)


@both_databases
def test_what_another_app_had_made_is_bound_and_the_rest_created_without_touching_the_stock(scene: Scene) -> None:
    scene.product("A-1", available=10)
    named = _old(scene, sku="A-1", count=5)
    (shipped,) = _old(scene, sku="A-1", status="SHIPPED")
    (alone,) = _old(scene, sku="A-1")
    (live,) = scene.sell(sku="A-1")
    other = [
        {"name": f"#{named[0]}"},
        {"sourceIdentifier": named[1]},
        {"tags": ["imported", f"amazon_{named[2]}"]},
        {"note": f"Amazon order id: {named[3]}, paid"},
        {"customAttributes": [{"key": "order", "value": named[4]}]},
    ]
    for one in other:
        scene.box.post(f"/shops/{scene.domain}/orders", one)
    number = _ask(scene)
    claim.drain((WORK,), seconds=30)
    scene.place()
    with db.reading() as s:
        told = backfill.progress(s, s.get_one(Backfill, number))
    assert (told.state, told.scanned, told.created, told.bound, told.failed) == ("done", 5, 2, 5, 0)
    assert {scene.row(one).bound_how for one in named} == {"prior"}
    assert len(scene.in_shopify()) == 5 + 2
    for one in (shipped, alone):
        (made,) = scene.made(one)
        assert made["inventory_behaviour"] == "BYPASS"
    (product,) = scene.box.get(f"/shops/{scene.domain}")["products"]
    assert product["available"] == 10
    with db.reading() as s:
        assert len(s.scalars(select(UsageEntry)).all()) == 2, "what others made does not count"
        assert s.scalars(select(Order).where(Order.remote_order_id == live)).first() is None


def test_what_was_shipped_unseen_after_the_take_over_is_brought_and_a_sale_stays_a_sale(scene: Scene) -> None:
    scene.product("A-1", available=10)
    lately = (clock.now() - timedelta(minutes=10)).isoformat()
    (shipped,) = scene.sell(sku="A-1", status="SHIPPED", created_at=lately)
    scene.poll()
    assert scene.row(shipped).ignore_reason == "already_shipped"
    (live,) = scene.sell(sku="A-1", created_at=lately)
    _ask(scene)
    claim.drain((WORK,), seconds=30)
    scene.place()
    assert [scene.row(one).backfill for one in (shipped, live)] == [True, False]
    assert [scene.made(one)[0]["inventory_behaviour"] for one in (shipped, live)] == [
        "BYPASS",
        "DECREMENT_IGNORING_POLICY",
    ]
    (product,) = scene.box.get(f"/shops/{scene.domain}")["products"]
    assert product["available"] == 9


def test_orders_that_polling_set_aside_are_picked_up(scene: Scene) -> None:
    scene.product("A-1")
    old = (clock.now() - timedelta(days=2)).isoformat()
    (order_id,) = scene.sell(sku="A-1", created_at=old, updated_at=clock.now().isoformat())
    scene.poll()
    assert scene.row(order_id).ignore_reason == "before_take_over"
    _ask(scene)
    claim.drain((WORK,), seconds=30)
    scene.place()
    assert scene.row(order_id).state == OrderState.IMPORTED
    assert len(scene.made(order_id)) == 1


def test_a_backfill_can_be_stopped_and_asked_for_again(scene: Scene) -> None:
    scene.product("A-1")
    ids = _old(scene, sku="A-1", count=3)
    number = _ask(scene)
    assert _ask(scene) == number, "one at a time"
    claim.drain((WORK,), seconds=30)
    with db.writing() as s:
        assert not backfill.stop(s, scene.shop_id, number, "1"), "it is done"
        s.get_one(Backfill, number).state = "fetching"
        assert not backfill.stop(s, scene.shop_id + 1, number, "1")
        assert backfill.stop(s, scene.shop_id, number, "1")
    assert {scene.row(one).state for one in ids} == {OrderState.IGNORED}
    assert scene.place() == 0
    _ask(scene)
    claim.drain((WORK,), seconds=30)
    scene.place()
    assert [len(scene.made(one)) for one in ids] == [1, 1, 1]


def test_a_page_lost_on_the_way_is_asked_for_again(scene: Scene) -> None:
    scene.product("A-1")
    _old(scene, sku="A-1", count=3)
    _ask(scene)
    scene.box.fault("shopify", "reset", "OrdersOfPeriod", times=1, match={"shop": scene.domain})
    scene.box.fault("amazon", "html", "searchOrders", times=1, match={"seller": scene.seller})
    for _ in range(5):
        claim.drain((WORK,), seconds=30)
        scene.wait(1000)
    for _ in range(3):
        scene.place()
        scene.wait(10)
    assert len(scene.in_shopify()) == 3


def test_orders_older_than_shopify_shows_are_said_to_be_unsearchable(scene: Scene) -> None:
    number = _ask(scene, days=90)
    with db.reading() as s:
        assert s.get_one(Backfill, number).unsearchable_before is not None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("#302-1234567-7654321", ["302-1234567-7654321"]),
        ("Amazon:302-1234567-7654321/eu", ["302-1234567-7654321"]),
        ("amazon_302-1234567-7654321", ["amazon_302-1234567-7654321", "302-1234567-7654321"]),
        ("order 12 of May 2026", []),
        ("", []),
    ],
)
def test_ids_are_told_from_other_words(text: str, found: list[str]) -> None:
    assert list(prior.ids_in(text)) == found
