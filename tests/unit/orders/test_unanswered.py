"""Orders that Shopify answers no word about, or none that says anything: told after a while, and made once."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from shopapp.alerts import invariants
from shopapp.records import db
from shopapp.records.models import Incident, OrderState
from tests.unit.orders.scene import Scene


def incidents() -> list[str]:
    """What is open, by kind; nothing contradicts it."""
    with db.reading() as s:
        assert invariants.check(s) == []
        return list(s.scalars(select(Incident.kind).where(Incident.resolved_at.is_(None))))


def failed(scene: Scene, order_id: str) -> None:
    """It is tried until it is told of: after some hours, and not after the first tries."""
    for step in range(20):
        scene.place()
        if scene.row(order_id).state == OrderState.FAILED:
            assert step > 10, "no false alarm"
            assert incidents() == ["order_import_failed"]
            return
        assert incidents() == []
        scene.wait(900)
    raise AssertionError("tried in silence")


@pytest.mark.parametrize("cancelled", [True, False])
@pytest.mark.parametrize("kind", ["status", "commit_then_status"])
def test_an_order_that_shopify_never_answers_is_told_and_still_made_once(
    scene: Scene, kind: str, cancelled: bool
) -> None:
    """Others are answered, so it is no outage: without a word it would be tried in silence for ever."""
    scene.set(unique_ids=False)
    scene.product("A-1")
    (order_id,) = scene.sell(sku="A-1")
    scene.lose("status", times=None, params={"status": 502})
    scene.poll()
    failed(scene, order_id)
    scene.box.clear_faults()
    scene.lose(kind, params={"status": 502})
    for step in range(3):
        scene.wait(3700)
        scene.place()
        if cancelled and step == 0:
            scene.change(order_id, status="CANCELLED")
            scene.poll()
    assert incidents() == []
    made = kind != "status" or not cancelled
    assert len(scene.made(order_id)) == made
    assert scene.row(order_id).state == (OrderState.IMPORTED if made else OrderState.CANCELLED)


def test_an_order_whose_request_shopify_cannot_read_is_told_and_made_once_when_it_can(scene: Scene) -> None:
    scene.product("A-1")
    (order_id,) = scene.sell(sku="A-1")
    scene.lose("status", times=None, params={"status": 400})
    scene.poll()
    failed(scene, order_id)
    scene.box.clear_faults()
    scene.wait(3700)
    scene.place()
    assert (scene.row(order_id).state, len(scene.made(order_id))) == (OrderState.IMPORTED, 1)
    assert incidents() == []


def test_a_reference_that_is_no_longer_defined_is_defined_again_and_found(scene: Scene) -> None:
    """Without its definition no order can be looked up: those with a lost answer would wait for ever."""
    scene.product("A-1")
    (order_id,) = scene.sell(sku="A-1")
    scene.lose("commit_then_reset")
    scene.poll()
    scene.place()
    scene.set(undefined=True)
    for _ in range(2):
        scene.wait(300)
        scene.place()
    assert (scene.row(order_id).state, len(scene.made(order_id))) == (OrderState.IMPORTED, 1)
