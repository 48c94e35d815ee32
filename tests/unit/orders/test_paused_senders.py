"""Whoever is stopped on the way (SIGSTOP, a machine that sleeps) and wakes up after others went on sends nothing any more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shopapp import clock
from shopapp.orders import place
from shopapp.records import db
from shopapp.records.models import OrderState
from shopapp.shopify_admin.client import Admin
from shopapp.work import claim
from tests.unit.orders.scene import ORDERS, Scene, both_databases


@both_databases
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("unique", [True, False])
def test_a_process_that_sleeps_past_its_lease_before_the_send_sends_no_more(
    scene: Scene, unique: bool, first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has committed its intent, then sleeps; another one takes the order over meanwhile and creates it."""
    scene.set(unique_ids=unique)
    scene.product("A-1")
    if first:  # its SKU is remembered then: the intent comes with the claim
        scene.sell(sku="A-1")
        scene.poll()
        scene.place()
    (order_id,) = scene.sell(sku="A-1")
    scene.poll()
    run, slept = Admin.run, []

    def sleeps(self: Admin, operation: str, *args: Any, **more: Any) -> dict[str, Any]:
        if operation == "OrderCreate" and not slept:
            slept.append(operation)
            scene.wait(150)  # longer than lease and settle time
            scene.place()
            assert scene.row(order_id).state == OrderState.IMPORTED
        return run(self, operation, *args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Admin, "run", sleeps)
        with db.writing() as s:
            (mine,) = claim.claim(s, ORDERS)
        place.due_order(mine)
    assert slept
    assert len(scene.made(order_id)) == 1
    assert (scene.row(order_id).state, scene.row(order_id).sends) == (OrderState.IMPORTED, 2)


def test_a_short_sleep_of_the_only_one_costs_a_try_and_no_order(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.product("A-1")
    (order_id,) = scene.sell(sku="A-1")
    scene.poll()
    run = Admin.run

    def sleeps(self: Admin, operation: str, *args: Any, **more: Any) -> dict[str, Any]:
        if operation == "OrderCreate":
            clock.travel(by=timedelta(seconds=80))
        return run(self, operation, *args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Admin, "run", sleeps)
        scene.place()
    assert (scene.row(order_id).state, scene.row(order_id).sends) == (OrderState.RECEIVED, 0)
    scene.wait(60)
    scene.place()
    assert len(scene.made(order_id)) == 1


def test_an_answer_of_a_time_that_is_yet_to_come_proves_nothing(scene: Scene) -> None:
    """Looked up along with another one, then the clock is set back, then another process sends it: that was later."""
    scene.set(unique_ids=False)
    scene.product("A-1")
    for _ in range(2):
        scene.sell(sku="A-1")
    scene.poll()
    with db.writing() as s:
        place.distrust(s)
        mine, others = claim.claim(s, ORDERS)
    here = place.LOOKUPS
    place.due_order(mine)
    clock.travel(by=timedelta(hours=-1))
    place.LOOKUPS = type(here)()
    scene.lose("commit_then_reset")
    place.due_order(others)
    place.LOOKUPS = here
    for _ in range(3):
        scene.wait(200)
        scene.place()
    assert [row.state for row in scene.rows()] == [OrderState.IMPORTED] * 2
    assert len(scene.in_shopify()) == 2
