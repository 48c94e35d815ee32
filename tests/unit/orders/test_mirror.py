"""Cancelled at the marketplace: mirrored once, credited, and never created when it was not there yet."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import select

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import Incident, Order, OrderState, UsageEntry
from shopapp.shopify_admin.client import Admin
from tests.unit.orders.scene import Scene, both_databases


def _cancels(scene: Scene) -> list[dict[str, object]]:
    """Cancellations are jobs at Shopify: carried out a moment later, when it is next asked something."""
    for _ in range(30):
        if scene.in_shopify() and all(one["cancelled_at"] for one in scene.in_shopify()):
            break
        time.sleep(0.1)
    return [one for one in scene.box.ledger(effect="order.cancelled") if scene.domain in str(one)]


def _stock(scene: Scene) -> int:
    (product,) = scene.box.get(f"/shops/{scene.domain}")["products"]
    return int(product["available"])


@both_databases
def test_a_cancelled_sale_is_cancelled_once_restocked_and_credited(scene: Scene) -> None:
    scene.product("A-1", available=10)
    (order_id,) = scene.sell(sku="A-1", quantity=2)
    scene.poll()
    scene.place()
    assert _stock(scene) == 8
    scene.change(order_id, status="CANCELLED")
    for _ in range(2):
        scene.poll()
        scene.place()
    row = scene.row(order_id)
    assert (row.state, row.due_at) == (OrderState.IMPORTED, None)
    assert row.cancel_mirrored_at is not None
    assert len(_cancels(scene)) == 1
    assert _stock(scene) == 10
    with db.reading() as s:
        assert s.scalars(select(UsageEntry)).one().credited_at is not None


@pytest.mark.parametrize("kind", ["commit_then_reset", "reset"])
def test_an_unanswered_cancellation_is_looked_up_before_it_is_repeated(scene: Scene, kind: str) -> None:
    scene.product("A-1", available=10)
    (order_id,) = scene.sell(sku="A-1")
    scene.poll()
    scene.place()
    scene.change(order_id, status="CANCELLED")
    scene.box.fault("shopify", kind, "OrderCancel", times=1, match={"shop": scene.domain})
    scene.poll()
    scene.place()
    assert scene.row(order_id).cancel_mirrored_at is None
    scene.wait(1000)
    scene.place()
    assert scene.row(order_id).cancel_mirrored_at is not None
    assert len(_cancels(scene)) == 1
    assert _stock(scene) == 10


def test_cancelled_before_it_was_created_is_never_created(scene: Scene) -> None:
    (order_id,) = scene.sell(sku="LATER")
    scene.poll()
    scene.place()
    assert scene.row(order_id).state == OrderState.FAILED
    scene.change(order_id, status="CANCELLED")
    scene.poll()
    row = scene.row(order_id)
    assert (row.state, row.due_at, row.cause) == (OrderState.CANCELLED, None, "")
    scene.product("LATER")
    assert scene.place() == 0


@pytest.mark.parametrize("arrived", [True, False])
def test_cancelled_while_a_send_is_unanswered_is_found_out_first(scene: Scene, arrived: bool) -> None:
    scene.product("A-1", available=10)
    (order_id,) = scene.sell(sku="A-1")
    scene.lose("commit_then_reset" if arrived else "reset")
    scene.poll()
    scene.place()
    with db.writing() as s:
        row = s.scalars(select(Order)).one()
        row.state, row.sent_at, row.sends = OrderState.SENDING, row.sent_at or clock.now(), max(row.sends, 1)
    scene.change(order_id, status="CANCELLED")
    scene.poll()
    assert scene.row(order_id).state == OrderState.SENDING
    for _ in range(3):
        scene.wait(120)
        scene.place()
    row = scene.row(order_id)
    assert row.state == (OrderState.IMPORTED if arrived else OrderState.CANCELLED)
    assert len(_cancels(scene)) == arrived
    assert _stock(scene) == 10


REFUSED = '{"data": {"orderCreate": {"order": null, "userErrors": [{"field": ["order"], "message": "%s"}]}}}'


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, REFUSED % "Tags is invalid"), (200, REFUSED % "Too many attempts"), (403, "no"), (429, "slow down")],
)
def test_cancelled_while_a_send_is_refused_is_neither_created_nor_told(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, status: int, body: str
) -> None:
    scene.product("A-1")
    scene.sell(sku="A-1")
    scene.poll()
    scene.place()
    (order_id,) = scene.sell(sku="A-1")
    scene.poll()
    scene.lose("status", params={"status": status, "body": body})
    run = Admin.run

    def cancels(self: Admin, operation: str, *args: Any, **more: Any) -> dict[str, Any]:
        if operation == "OrderCreate":
            scene.change(order_id, status="CANCELLED")
            scene.poll()
            assert scene.row(order_id).state == OrderState.SENDING
        return run(self, operation, *args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Admin, "run", cancels)
        scene.place()
    for seconds in (90, 90, 3700, 3700):
        with db.reading() as s:
            about = select(Incident).where(Incident.subject == f"order:{scene.row(order_id).id}")
            assert s.scalars(about).all() == []
        scene.wait(seconds)
        scene.place()
    row = scene.row(order_id)
    assert (row.state, row.due_at, scene.made(order_id)) == (OrderState.CANCELLED, None, [])
