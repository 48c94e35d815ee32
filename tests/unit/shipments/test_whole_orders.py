"""Whatever goes to or comes from a marketplace is all of it: no position is dropped on the way in, none on the way back."""

from __future__ import annotations

from collections import Counter

from shopapp.orders import retry
from shopapp.records.models import OrderState
from tests.unit.shipments.parcels import Packing

MOST = 6


def test_units_in_shopify_are_those_of_the_marketplace_or_there_is_no_order_and_one_flag(packing: Packing) -> None:
    scene = packing.scene
    for at in range(MOST):
        scene.product(f"KNOWN-{at}", available=50)
    sales: dict[str, Counter[str]] = {}
    for count in range(1, MOST + 1):
        for unknown in range(count):
            skus = ["STRANGE" if at == unknown else f"KNOWN-{at}" for at in range(count)]
            lines = [{"sku": sku, "quantity": at + 1, "price": "1.00"} for at, sku in enumerate(skus)]
            (order_id,) = scene.sell(lines=lines)  # worth little, so that no plan holds them
            sales[order_id] = Counter({sku: at + 1 for at, sku in enumerate(skus)})
    scene.poll()
    scene.place()
    assert scene.in_shopify() == []
    assert {(row.state, row.cause) for row in scene.rows()} == {(OrderState.FAILED, "sku_unknown")}
    scene.product("STRANGE", available=50)
    retry.product_changed(scene.shop_id)
    for _ in range(20):
        scene.place()
        if all(row.state == OrderState.IMPORTED for row in scene.rows()):
            break
        scene.wait(35)
    made = {one["source_identifier"]: one["lines"] for one in scene.in_shopify()}
    units = {key: Counter({line["sku"]: line["quantity"] for line in lines}) for key, lines in made.items()}
    assert units == sales


def test_all_units_of_every_position_come_back_as_shipped(packing: Packing) -> None:
    packing.scene.product("A-1", available=50)
    packing.scene.product("B-2", available=50)
    lines = [
        {"sku": "A-1", "quantity": 3, "price": "3.33", "shipping": "0.01"},
        {"sku": "B-2", "quantity": 2},
        {"sku": "A-1"},
    ]
    order_id = packing.sold(known=True, lines=lines)
    packing.ship(order_id)
    packing.told(order_id)
    ordered = {one.line_id: one.quantity for one in packing.scene.row(order_id).lines}
    (package,) = packing.there(order_id)
    assert {one["orderItemId"]: one["quantity"] for one in package["packageItems"]} == ordered
