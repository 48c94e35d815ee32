"""Order pages that a marketplace should never send: loops, times of the future, values that no database holds."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from shopapp import clock
from shopapp.orders import backfill, poll
from shopapp.orders.pages import ENDLESS
from shopapp.records import db
from shopapp.records.models import AccountStatus, Backfill, Incident, Order, OrderState
from shopapp.work import claim
from shopapp.work.claim import Work
from tests.channels.faults import STRANGE
from tests.unit.orders.scene import POLLS, Scene, both_databases

BACKFILLS = Work("backfill", Backfill, backfill.due_backfill)
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "amazon" / "orders.json").read_text("utf-8"))


def _page(orders: list[dict[str, Any]], token: str = "", until: str = "") -> dict[str, Any]:
    body: dict[str, Any] = {"orders": orders, "lastUpdatedBefore": until or clock.now().isoformat()}
    return {**body, "pagination": {"nextToken": token}} if token else body


def _answers(scene: Scene, body: dict[str, Any], times: int | None = 1) -> None:
    """The next searches are answered with this page."""
    params = {"status": 200, "body": json.dumps(body)}
    scene.box.fault("amazon", "status", "searchOrders", times=times, match={"seller": scene.seller}, params=params)


def _ready(order_id: str, **more: Any) -> dict[str, Any]:
    order: dict[str, Any] = copy.deepcopy(
        next(one for one in VECTORS if one["expect"].get("state") == "ready")["order"]
    )
    now = clock.now().isoformat()
    return {**order, "orderId": order_id, "createdTime": now, "lastUpdatedTime": now, **more}


def _with(order: dict[str, Any], path: tuple[Any, ...], strange: Any) -> dict[str, Any]:
    made = copy.deepcopy(order)
    target: Any = made
    for name in path[:-1]:
        target = target[name]
    target[path[-1]] = strange
    return made


def test_a_marketplace_whose_time_runs_ahead_leaves_the_cursor_behind_our_clock(scene: Scene) -> None:
    """A cursor in the future would find no order for years, without a word."""
    for until in ("2199-12-31T23:59:59Z", (clock.now() + timedelta(hours=1)).isoformat()):
        _answers(scene, _page([], until=until))
        scene.poll()
        cursor = scene.account().cursor_at
        assert cursor is not None
        assert cursor <= clock.now() - timedelta(minutes=10)
    sold = scene.sell(sku="A-1", count=3)
    scene.poll()
    assert sorted(row.remote_order_id for row in scene.rows()) == sorted(sold)


def test_a_page_that_reaches_nowhere_moves_the_cursor_nowhere(scene: Scene) -> None:
    scene.poll()
    before = scene.account().cursor_at
    for until in ("0001-01-01T00:00:00Z", "1990-01-01T00:00:00Z", "soon", ""):
        _answers(scene, {"orders": [], "lastUpdatedBefore": until})
        scene.poll()
        assert scene.account().cursor_at == before
        assert scene.account().status == AccountStatus.ACTIVE


def test_the_same_page_again_and_again_is_a_loop_and_what_came_is_kept(scene: Scene) -> None:
    scene.poll()
    before = scene.account().cursor_at
    _answers(scene, _page([_ready("302-0000000-0000001")], token="again"), times=None)
    scene.poll()
    account = scene.account()
    assert [row.remote_order_id for row in scene.rows()] == ["302-0000000-0000001"]
    assert (account.cursor_at, account.page_token, account.status) == (before, "", AccountStatus.ACTIVE)
    assert "do not end" in account.poll_words
    scene.box.clear_faults()
    sold = scene.sell(sku="A-1", count=2)
    scene.poll()
    assert {row.remote_order_id for row in scene.rows()} == {"302-0000000-0000001", *sold}
    assert not scene.account().poll_words


def test_older_orders_that_go_round_in_a_circle_are_not_called_done(scene: Scene) -> None:
    with db.writing() as s:
        row = backfill.start(s, scene.shop_id, scene.account_id, clock.now() - timedelta(days=10), "1")
        assert row is not None
        number = row.id
    _answers(scene, _page([_ready("302-0000000-0000001")], token="again"), times=None)
    claim.drain((BACKFILLS,), seconds=20)
    scene.box.clear_faults()
    with db.reading() as s:
        ended = s.get_one(Backfill, number)
    assert (ended.state, ended.due_at, ended.found) == ("failed", None, 2)
    assert "do not end" in ended.words
    assert len(scene.rows()) == 1


def _endless(scene: Scene, work: Work, claims: int, orders: Callable[[int], list[dict[str, Any]]]) -> None:
    """A page a claim, each with one more new token."""
    for number in range(claims):
        scene.box.clear_faults()
        scene.wait(60)
        _answers(scene, _page(orders(number), token=f"page-{number}"), times=None)
        with db.writing() as s:
            for row in s.scalars(select(work.model)):
                row.due_at = clock.now()
        with db.writing() as s:
            (mine,) = claim.claim(s, work, 1)
        work.handle(mine)


def _open_about_the_list() -> list[Incident]:
    with db.reading() as s:
        return list(s.scalars(select(Incident).where(Incident.kind == "channel_changed")))


def test_ever_new_page_tokens_over_many_claims_are_noticed_told_once_and_lose_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No token comes twice and no claim sees more than a page, so only what is kept between them shows it."""
    monkeypatch.setattr(poll, "SECONDS", 0)
    monkeypatch.setattr(poll, "IDLE", 4)
    scene.poll()
    before = scene.account().cursor_at
    known = _ready("302-0000000-0000001")
    _endless(scene, POLLS, 5, lambda _: [known])  # the first brings it, four bring nothing new
    assert not _open_about_the_list()
    _endless(scene, POLLS, 1, lambda _: [known])
    account = scene.account()
    assert (account.page_token, account.sweep_since, account.cursor_at) == ("", None, before)
    assert "do not end" in account.poll_words
    _endless(scene, POLLS, 8, lambda _: [known])
    (told,) = _open_about_the_list()
    assert (told.subject, told.params["what"], told.resolved_at) == (f"account:{scene.account_id}", "pageToken", None)
    assert told.count == 2, "good pages between the two do not call it mended"
    scene.box.clear_faults()
    sold = scene.sell(sku="A-1", count=2)
    for _ in range(3):
        scene.poll()
    assert {row.remote_order_id for row in scene.rows()} == {"302-0000000-0000001", *sold}
    (told,) = _open_about_the_list()
    assert told.resolved_at is not None


def test_a_long_list_that_brings_something_now_and_then_is_no_endless_one(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll, "SECONDS", 0)
    monkeypatch.setattr(poll, "IDLE", 4)
    known = _ready("302-0000000-0000001")
    _endless(scene, POLLS, 20, lambda n: [known if n % 4 else _ready(f"302-0000000-{n:07d}")])
    assert scene.account().page_token
    assert not _open_about_the_list()
    monkeypatch.setattr(poll, "PAGES", 20)
    _endless(scene, POLLS, 1, lambda _: [known])
    assert len(_open_about_the_list()) == 1, "but no list is longer than the longest"


@pytest.mark.parametrize("orders", [1, 0])
def test_older_orders_with_ever_new_page_tokens_are_not_asked_for_without_end(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, orders: int
) -> None:
    monkeypatch.setattr(backfill, "LOOK_EVERY", 2)
    monkeypatch.setattr(backfill, "LEEWAY", 5)
    monkeypatch.setattr(backfill, "EMPTY", 8)
    with db.writing() as s:
        row = backfill.start(s, scene.shop_id, scene.account_id, clock.now() - timedelta(days=10), "1")
        assert row is not None
        number = row.id
    an_hour_ago = (clock.now() - timedelta(hours=1)).isoformat()
    known = _ready("302-0000000-0000001", createdTime=an_hour_ago)
    _endless(scene, BACKFILLS, 7, lambda _: [known] * orders)  # the first searches the shop's own orders
    with db.reading() as s:
        assert s.get_one(Backfill, number).state == "fetching"
    _endless(scene, BACKFILLS, 3, lambda _: [known] * orders)
    with db.reading() as s:
        ended = s.get_one(Backfill, number)
    assert (ended.state, ended.words) == ("failed", ENDLESS)
    assert len(scene.rows()) == orders


@both_databases
def test_values_that_no_database_holds_stop_neither_the_page_nor_the_cursor(scene: Scene) -> None:
    places: list[tuple[Any, ...]] = [
        ("orderId",), ("salesChannel", "marketplaceId"), ("buyer", "buyerName"), ("recipient",), ("lastUpdatedTime",),
        ("createdTime",), ("orderItems", 0, "quantityOrdered"), ("orderItems", 0, "product", "title"),
        ("orderItems", 0, "product", "sellerSku"), ("orderItems", 0, "orderItemId"), ("proceeds", "grandTotal"),
        ("fulfillment", "fulfillmentStatus"), ("fulfillment", "shipByWindow"),
    ]  # fmt: skip
    base, hostile = _ready("x", buyer={}, recipient={}), []
    for strange in STRANGE:
        for path in places:
            number = len(hostile)
            hostile.append(_with({**base, "orderId": f"302-0000001-{number:07d}"}, path, strange))
    good = [_ready(f"302-0000002-{number:07d}") for number in range(5)]
    _answers(scene, _page([*hostile, *good]))
    scene.poll()
    account = scene.account()
    assert (account.status, account.poll_words) == (AccountStatus.ACTIVE, "")
    assert account.cursor_at is not None
    kept = {row.remote_order_id: row for row in scene.rows()}
    for order in good:
        assert kept[order["orderId"]].state == OrderState.RECEIVED
    named = [order["orderId"] for order in hostile if str(order["orderId"]).startswith("302-0000001")]
    assert not [order_id for order_id in named if order_id not in kept], "an order with an id is never dropped"
    with db.reading() as s:
        told = set(s.scalars(select(Incident.subject).where(Incident.kind == "order_import_failed")))
        failed = s.scalars(select(Order).where(Order.state == OrderState.FAILED)).all()
    assert told == {f"order:{row.id}" for row in failed}
    assert all(row.cause for row in failed)


@pytest.mark.parametrize("rows", [[None, 7, "order", [], {}], [{"orderId": ""}], [{"orderId": None}, {"orderId": {}}]])
def test_a_row_without_an_id_is_told_about_the_account(scene: Scene, rows: list[Any]) -> None:
    """It cannot be kept as an order, but it must not vanish without a word either."""
    _answers(scene, _page([*rows, _ready("302-0000000-0000001")]))
    scene.poll()
    assert [row.remote_order_id for row in scene.rows()] == ["302-0000000-0000001"]
    with db.reading() as s:
        told = s.scalars(select(Incident).where(Incident.kind == "channel_changed")).all()
    assert [one.subject for one in told] == [f"account:{scene.account_id}"]
