"""A newer version of an order that comes while a send of the older one is without an answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from shopapp.orders import absorb, stored
from shopapp.records import db
from shopapp.records.models import Account, Incident, Order, OrderState, UsageEntry
from shopapp.shopify_admin.client import Admin
from tests.unit.orders.scene import Scene


def shrink(scene: Scene, order_id: str) -> int:
    """The marketplace tells of the order with its first position alone; what it is worth now, in minor units."""
    with db.writing() as s:
        row = s.scalars(select(Order).where(Order.remote_order_id == order_id)).one()
        sale = stored.unpack(row.payload)
        lost = sale.lines[1].total
        newer = replace(
            sale,
            lines=sale.lines[:1],
            total=replace(sale.total, minor=sale.total.minor - lost.minor),
            updated_at=sale.updated_at + timedelta(seconds=1),
        )
        absorb.page(s, s.get_one(Account, scene.account_id), [newer], absorb.Sweep())
        return newer.total.minor


@pytest.mark.parametrize("arrived", [True, False])
def test_what_is_told_of_it_is_what_shopify_got(scene: Scene, arrived: bool) -> None:
    scene.product("A-1")
    scene.product("B-1")
    (order_id,) = scene.sell(lines=[{"sku": "A-1", "quantity": 2}, {"sku": "B-1", "price": "7.00"}])
    scene.lose("commit_then_reset" if arrived else "reset")
    scene.poll()
    scene.place()
    before = scene.row(order_id)
    if not arrived:  # nobody knows that it was never executed
        with db.writing() as s:
            s.get_one(Order, before.id).state, s.get_one(Order, before.id).sends = OrderState.SENDING, 1
    left = shrink(scene, order_id)
    scene.wait(300)
    scene.place()
    row = scene.row(order_id)
    assert (row.state, row.bound_how) == (OrderState.IMPORTED, "found" if arrived else "created")
    worth = before.total_minor if arrived else left
    assert (row.total_minor, row.shopify_total_minor) == (worth, worth)
    assert len(row.lines) == (2 if arrived else 1)
    assert all(line.variant_gid for line in row.lines)
    with db.reading() as s:
        assert s.scalars(select(Incident)).all() == []
        assert s.scalars(select(UsageEntry.amount_minor)).one() == worth


def test_a_version_that_comes_while_a_send_is_refused_is_the_one_that_goes(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.product("A-1")
    scene.product("B-1")
    (order_id,) = scene.sell(lines=[{"sku": "A-1", "quantity": 2}, {"sku": "B-1", "price": "7.00"}])
    scene.lose("status", params={"status": 429, "body": "slow down"})
    scene.poll()
    run, worth = Admin.run, list[int]()

    def changes(self: Admin, operation: str, *args: Any, **more: Any) -> dict[str, Any]:
        if operation == "OrderCreate":
            worth.append(shrink(scene, order_id))
        return run(self, operation, *args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Admin, "run", changes)
        scene.place()
    assert scene.row(order_id).state == OrderState.RECEIVED
    scene.wait(300)
    scene.place()
    row = scene.row(order_id)
    assert (row.state, row.total_minor, row.shopify_total_minor) == (OrderState.IMPORTED, *worth, *worth)
    assert [bool(line.variant_gid) for line in row.lines] == [True]
    with db.reading() as s:
        assert s.scalars(select(Incident)).all() == []
