"""The regular look at Shopify finds what no message told, page after page, and is made for every shop by itself."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, select

from shopapp import clock, jobs
from shopapp.records import db
from shopapp.records.models import Receipt, Shipment, ShipmentState, ShopSweep
from shopapp.shipments import hear, sweep
from shopapp.shops import receipts
from shopapp.shops.hooks import Heard
from shopapp.work import claim
from shopapp.work.claim import Work
from tests.unit.shipments.parcels import SWEEPS, Packing

RECEIPTS = Work("receipt", Receipt, receipts.handle)


def _row() -> ShopSweep:
    with db.reading() as s:
        return s.scalars(select(ShopSweep)).one()


def _sweep(packing: Packing) -> None:
    with db.writing() as s:
        s.scalars(select(ShopSweep)).one().due_at = clock.now()
    claim.drain((SWEEPS,), seconds=30)
    packing.send()


def test_the_regular_look_finds_what_no_message_told(packing: Packing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "PAGE", 1)  # several pages
    first, second = packing.sold(), packing.sold(known=True)
    assert (sweep.enrol(), sweep.enrol()) == (1, 0)
    packing.ship(first, "ONE-1")
    packing.ship(second, "TWO-2")
    _sweep(packing)
    assert [packing.state_there(one) for one in (first, second)] == ["SHIPPED", "SHIPPED"]
    asked = len(packing.scene.box.ledger(effect="amazon.confirmShipment", key=packing.scene.seller))
    _sweep(packing)
    assert len(packing.scene.box.ledger(effect="amazon.confirmShipment", key=packing.scene.seller)) == asked
    packing.change(first, tracking="ONE-2")
    _sweep(packing)
    assert [one["trackingNumber"] for one in packing.there(first)] == ["ONE-2"]
    row = _row()
    assert (row.page_token, row.words) == ("", "")
    assert row.cursor_at is not None
    assert row.due_at is not None
    assert row.due_at > clock.now()


def test_a_sweep_that_fails_goes_on_where_it_stopped_and_its_time_does_not_move(packing: Packing) -> None:
    order_id = packing.sold()
    sweep.enrol()
    packing.ship(order_id)
    packing.scene.box.fault("shopify", "reset", "OrdersUpdatedSince", times=1, match={"shop": packing.scene.domain})
    _sweep(packing)
    assert (_row().cursor_at, packing.rows(order_id)) == (None, [])
    _sweep(packing)
    assert [row.state for row in packing.rows(order_id)] == [ShipmentState.SENT]


@pytest.mark.parametrize("reported", [False, True])
def test_what_left_before_its_order_was_found_is_reported_once(packing: Packing, reported: bool) -> None:
    """The answer to the creation was lost and the app was down; meanwhile people packed, and looks went by."""
    scene = packing.scene
    scene.product("A-1", available=50)
    scene.lose("commit_then_reset")
    (order_id,) = scene.sell(sku="A-1")
    scene.poll()
    scene.place()
    sweep.enrol()
    packing.ship(order_id, "EARLY-1")
    hear.heard(Heard(1, scene.shop_id, scene.domain, "fulfillments/create", clock.now(), clock.now(), {"order_id": 1}))
    scene.wait(3600)
    _sweep(packing)
    assert packing.rows(order_id) == []
    scene.place()
    assert scene.row(order_id).bound_how == "found"
    receipts.configure(jobs.TOPICS)
    claim.drain((RECEIPTS,), seconds=30)
    scene.wait(900)
    _sweep(packing)
    assert [one["trackingNumber"] for one in packing.there(order_id)] == ["EARLY-1"]
    assert len(packing.effects("shipment.confirmed", order_id)) == 1
    if reported:  # a restored backup knows nothing of the package
        with db.writing() as s:
            s.execute(delete(Shipment))
        packing.hear(order_id)
        packing.send()
        assert [row.confirmed_how for row in packing.rows(order_id)] == ["found"]
        assert len(packing.effects("shipment.confirmed", order_id)) == 1
