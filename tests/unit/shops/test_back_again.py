"""A shop that removes the app and installs it again: what it left goes on where it stood, without anybody's doing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from shopapp import clock, jobs
from shopapp.orders import backfill
from shopapp.records import db
from shopapp.records.models import Backfill, Order, Shipment
from shopapp.shops import install
from shopapp.work import claim
from tests.stage.box import Box
from tests.stage.queue import Queue
from tests.unit.orders.scene import Scene, ready_scene
from tests.unit.shops.test_shop_messages import deliver, outcomes

WORKS = [work for works in jobs.QUEUES.values() for work in works if work.model is not jobs.Chore]


@pytest.fixture
def scene(request: pytest.FixtureRequest, box: Box, queue: Queue, tmp_path: Path) -> Iterator[Scene]:
    yield from ready_scene(request, box, queue, tmp_path)


def test_an_app_that_is_installed_again_goes_on_by_itself(scene: Scene) -> None:
    scene.product("A-1")
    found, meanwhile = scene.sell(lines=[{"sku": "A-1"}])[0], ""
    scene.poll()
    with db.writing() as s:
        assert backfill.start(s, scene.shop_id, scene.account_id, clock.now() - timedelta(days=2), "1")
        order = s.query(Order).one()
        parcel = Shipment(shop_id=scene.shop_id, order_id=order.id, account_id=scene.account_id, key="1")
        parcel.fulfillment_gid, parcel.reference, parcel.lines = "gid://shopify/Fulfillment/1", 101, []
        parcel.heard_at = parcel.shipped_at = parcel.due_at = clock.now()
        s.add(parcel)
    scene.set(uninstalled=True)
    deliver(scene.domain, "app/uninstalled")
    assert outcomes() == ["done"]
    for _ in range(2):
        claim.drain(WORKS, seconds=20)
        meanwhile = meanwhile or scene.sell(lines=[{"sku": "A-1"}])[0]
        scene.wait(600)
    assert (scene.row(found).state, scene.in_shopify()) == ("received", [])
    scene.set(uninstalled=False)
    install.arrive(scene.ground.visitor(scene.domain))
    with db.reading() as s:
        for row in (scene.account(), scene.row(found), s.query(Backfill).one(), s.query(Shipment).one()):
            assert row.due_at is not None, row
            assert row.due_at <= clock.now(), row
    scene.place()
    claim.drain(WORKS, seconds=30)
    assert (len(scene.made(found)), len(scene.made(meanwhile))) == (1, 1)
