"""A seller moves from one shop to another: every sale is in exactly one of them, whenever the marketplace shows it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import OrderState, Shop
from tests.journeys.life import Life

pytestmark = pytest.mark.journey


@pytest.fixture
def two(life: Life) -> tuple[Life, Life]:
    """Two shops that have the product."""
    second = life.another()
    for shop in (life, second):
        shop.product("A-1")
    return life, second


def _take_over(shop: Life, seller: str) -> None:
    """Connect the seller that another shop imports, and press *Take over*."""
    page = shop.merchant.visit("/accounts/new/amazon")
    back = shop.merchant.leave(shop.merchant.submit(page, "login", realm="eu"), seller)
    assert shop.merchant.submit(back, "take-over").status == 200


def _sold_late(two: tuple[Life, Life], lag: timedelta) -> tuple[list[str], list[str], list[str]]:
    """Sales seen by the first shop, sales that show only after the hand-over, and sales after it."""
    first, second = two
    seller = first.seller()
    first.connect(seller)
    seen = first.sell(seller, sku="A-1")
    first.work(minutes=5)
    first.state(seller, visible_lag_seconds=int(lag.total_seconds()))
    late = []
    for _ in range(3):
        first.pass_time(minutes=1)
        late += first.sell(seller, sku="A-1")
        first.work(minutes=1)
    assert first.created() == seen
    _take_over(second, seller)
    return seen, late, first.sell(seller, sku="A-1")


@pytest.mark.both_databases
def test_a_sale_that_shows_only_after_the_hand_over_is_in_exactly_one_shop(two: tuple[Life, Life]) -> None:
    """Sold before the other shop's last look, visible only after it: neither that look nor a later sweep may miss it."""
    first, second = two
    seen, late, after = _sold_late(two, timedelta(minutes=9))
    for _ in range(5):
        first.work(minutes=5)
    assert first.created() == seen
    assert sorted(second.created()) == sorted(late + after)


def test_a_sale_that_shows_too_late_for_any_sweep_is_brought_by_the_second_shops_count(two: tuple[Life, Life]) -> None:
    """It was sold before the hand-over: the count must not take it for one of the first shop's."""
    first, second = two
    first.stand_still()
    seen, late, after = _sold_late(two, timedelta(minutes=40))
    for hours in (1, 12, 12, 6, 1):
        first.work(hours=hours)
        first.work(minutes=5)
    assert first.created() == seen
    assert sorted(second.created()) == sorted(late + after)


def test_what_the_first_shop_holds_goes_on_there_and_what_it_cannot_hear_of_goes_to_the_second(
    two: tuple[Life, Life],
) -> None:
    """Held for its plan, an order is that shop's and created there later; unpaid, only the one who listens hears more."""
    first, second = two
    seller = first.seller()
    first.connect(seller)
    with db.writing() as s:
        s.get_one(Shop, first.shop_id).trial_ends_at = clock.now()
    held = first.sell(seller, sku="A-1")
    unpaid = first.sell(seller, sku="A-1", status="PENDING")
    first.work(minutes=5)
    assert {row.remote_order_id: row.state for row in first.orders()} == dict.fromkeys(held + unpaid, OrderState.HELD)
    _take_over(second, seller)
    first.work(minutes=5)
    twin = next(one for one in first.box.get(f"/amazon/sellers/{seller}/orders") if one["orderId"] == held[0])
    told = {key: twin[key] for key in ("proceeds", "orderItems", "recipient") if key in twin}
    first.box.post(f"/amazon/sellers/{seller}/orders/{unpaid[0]}", {"status": "UNSHIPPED", "merge": told})
    with db.writing() as s:
        s.get_one(Shop, first.shop_id).trial_ends_at = clock.now() + timedelta(days=3)
    for _ in range(5):
        first.work(minutes=5)
    assert first.created() == held
    assert second.created() == unpaid
