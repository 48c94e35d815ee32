"""From a fulfillment in Shopify to a package at the marketplace: once each, corrected in place, told when refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import Order, Shipment, ShipmentState
from tests.unit.shipments.parcels import CONFIRMED, EDITED, Packing, both_databases


@both_databases
def test_a_fulfillment_becomes_one_package_at_the_marketplace(packing: Packing) -> None:
    order_id = packing.sold(quantity=2)
    packing.ship(order_id)
    for _ in range(2):
        packing.told(order_id)
    (row,) = packing.rows(order_id)
    assert (row.state, row.confirmed_how, row.due_at) == (ShipmentState.SENT, "sent", None)
    (package,) = packing.effects(CONFIRMED, order_id)
    assert (package["carrier"], package["trackingNumber"]) == ("UPS", "1Z999AA10123456784")
    assert [one["quantity"] for one in package["packageItems"]] == [2]
    assert packing.effects(EDITED, order_id) == []
    assert packing.state_there(order_id) == "SHIPPED"
    events = packing.scene.events(packing.scene.row(order_id))
    assert [one for one in events if one.startswith("shipment")] == [
        "shipment_heard", "shipment_sending", "shipment_sent",
    ]  # fmt: skip
