"""Poison at the head of the queue: fifty orders that cannot be imported, each for a reason of its own, before a thousand good."""

from __future__ import annotations

import copy
import os
import time
from typing import Any

import pytest

from shopapp.records.models import OrderState
from tests.journeys.life import Life

pytestmark = pytest.mark.journey
SHARE = float(os.environ.get("SHOPAPP_POISON_SHARE", "0.1"))  # 1: fifty before a thousand
BAD, GOOD = max(10, int(50 * SHARE)), int(1000 * SHARE)


def _poison(base: dict[str, Any], number: int) -> tuple[dict[str, Any], str]:
    """(an order that cannot be imported, the cause that must be told)."""
    order = copy.deepcopy(base)
    order["orderId"] = f"302-6660000-{number:07d}"
    item, total = order["orderItems"][0], order["proceeds"]["grandTotal"]
    item["product"]["sellerSku"] = "A-1"
    match number % 10:
        case 0:
            item["product"]["sellerSku"] = f"NO-{number}"
            return order, "sku_unknown"
        case 1:
            del item["product"]["sellerSku"]
            return order, "no_sku"
        case 2:
            total["amount"] = "77.77"
            return order, "totals_do_not_add_up"
        case 3:
            total["currencyCode"] = "XXQ"
            return order, "unknown_currency"
        case 4:
            total["amount"] = "1,234.56"
            return order, "bad_amount"
        case 5:
            item["quantityOrdered"] = 1_000_000_000
            return order, "bad_quantity"
        case 6:
            order["orderItems"] = []
            return order, "no_items"
        case 7:
            order["orderItems"] = [{"surprise": True}]
            return order, "channel_changed"
        case 8:
            total["amount"] = "-5.00"
            return order, "negative_amount"
    del order["proceeds"]
    return order, "no_total"


def test_fifty_poison_orders_stop_none_of_a_thousand_good_ones(life: Life) -> None:
    """Complaint 2 of the field: bad orders at the head are flagged each with its reason, and the cursor moves."""
    life = life.another(plan="plus")
    life.product("A-1", price="0.10")
    seller = life.seller()
    account_id = life.connect(seller)
    life.work(minutes=1)
    cursor = life.account(account_id).cursor_at
    (sample,) = life.sell(seller, sku="A-1", price="0.10")
    base = next(one for one in life.box.get(f"/amazon/sellers/{seller}/orders") if one["orderId"] == sample)
    poison = [_poison(base, number) for number in range(BAD)]
    life.box.post(f"/amazon/sellers/{seller}/orders", {"orders": [order for order, _ in poison]})
    good = [sample, *life.sell(seller, sku="A-1", price="0.10", count=GOOD)]
    began = time.monotonic()
    life.work(minutes=5)
    took = time.monotonic() - began
    print(f"{len(good)} good orders behind {BAD} bad ones: imported in one pass of {took:.1f} s")
    assert sorted(life.created()) == sorted(good), "all in the same pass"
    assert life.searches(seller) <= 3 + (BAD + GOOD) // 100, "no page was asked for twice"
    told = {one.params["remote_order_id"]: one.params["cause"] for one in life.incidents("order_import_failed")}
    assert told == {order["orderId"]: cause for order, cause in poison}
    rows = {row.remote_order_id: row for row in life.orders()}
    for order, cause in poison:
        row = rows[order["orderId"]]
        assert (row.state, row.cause) == (OrderState.FAILED, cause)
        assert row.cause_words or row.cause_params, "a reason of its own"
    moved = life.account(account_id).cursor_at
    assert cursor is not None
    assert moved is not None
    assert moved > cursor
