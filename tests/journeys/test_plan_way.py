"""The plan's limit through the whole way: notice, over it fetched and held, created once and oldest first by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from shopapp.records import db
from shopapp.records.models import OrderState, Shop, UsageEntry
from tests.journeys.life import Life, as_settings, settled

pytestmark = pytest.mark.journey


@pytest.fixture
def small(life: Life) -> Iterator[Life]:
    """Plans of 1,000 and 2,000."""
    with as_settings(PLAN_LIMITS="trial=1000,starter=1000,growth=2000"):
        life.product("A-1")
        yield life


def _sell(life: Life, seller: str, count: int, price: str = "100.00") -> list[str]:
    """Sales one minute apart, so that it is clear which is the oldest; fetched by the next poll."""
    ids = []
    for _ in range(count):
        life.pass_time(minutes=1)
        ids += life.sell(seller, sku="A-1", price=price)
    life.work(minutes=5)
    return ids


def _fill(life: Life, seller: str, to: int = 1000) -> list[str]:
    sold = _sell(life, seller, to // 100)
    assert sorted(life.created()) == sorted(sold)
    return sold


def _created_after(life: Life, first: list[str]) -> list[str]:
    """What Shopify created after these (which arrived together, in any order), in its order."""
    created = life.created()
    assert sorted(created[: len(first)]) == sorted(first)
    return created[len(first) :]


def _let_go(life: Life, count: int) -> None:
    """Released orders come due one after another; the clock goes step by step, so that their order shows."""
    life.work()
    for _ in range(count):
        life.work(milliseconds=100)
    life.stand_still(False)


def _held(life: Life) -> list[str]:
    return [row.remote_order_id for row in life.orders() if row.state == OrderState.HELD]


def _counted(life: Life) -> int:
    with db.reading() as s:
        entries = s.scalars(select(UsageEntry).where(UsageEntry.shop_id == life.shop_id))
        return sum(entry.gmv_minor or 0 for entry in entries)


def _choose(life: Life, key: str) -> None:
    assert life.merchant.submit(life.merchant.visit("/plan"), f"choose-{key}").status == 200


@pytest.mark.both_databases
def test_near_then_over_then_a_bigger_plan_creates_what_was_held_once_and_oldest_first(small: Life) -> None:
    life, seller = small, small.seller()
    life.connect(seller)
    first = _sell(life, seller, 7)
    assert not life.banners()
    first += _sell(life, seller, 1)
    (near,) = life.banners()
    assert near["tone"] == "warning"
    assert "/plan" in life.merchant.open("/").links.values()
    first += _sell(life, seller, 2)
    (over,) = life.banners()
    assert over["tone"] == "critical"
    assert over["heading"] != near["heading"]
    waiting = _sell(life, seller, 4)
    assert _held(life) == waiting
    assert _created_after(life, first) == []
    text = settled(life.merchant.visit("/orders?state=held"))
    assert [one for one in waiting if one in text] == waiting
    life.stand_still()
    _choose(life, "growth")
    _let_go(life, 4)
    assert _created_after(life, first) == waiting
    assert not life.banners()
    assert _counted(life) == 14 * 10_000
    life.work(hours=2)
    assert _created_after(life, first) == waiting


def test_a_new_period_counts_from_nothing_and_lets_the_held_go_by_itself(small: Life) -> None:
    life, seller = small, small.seller()
    life.connect(seller)
    _choose(life, "starter")
    first = _fill(life, seller)
    waiting = _sell(life, seller, 3)
    assert _held(life) == waiting
    assert life.banners()
    with db.reading() as s:
        anchor = s.get_one(Shop, life.shop_id).period_anchor
    assert anchor is not None
    life.stand_at(anchor + timedelta(days=29, hours=23))
    life.work()
    assert _held(life) == waiting
    life.stand_still()
    life.work(hours=1, minutes=2)  # nobody opens a page: the chore sees the turn
    _let_go(life, 3)
    assert _created_after(life, first) == waiting
    assert not life.banners()
    assert "%" in settled(life.merchant.visit("/plan"))
    assert _counted(life) == 13 * 10_000


def test_at_the_end_of_the_trial_orders_wait_until_a_plan_is_chosen(small: Life) -> None:
    life, seller = small, small.seller()
    life.connect(seller)
    first = _sell(life, seller, 2)
    with db.reading() as s:
        ends = s.get_one(Shop, life.shop_id).trial_ends_at
    assert ends is not None
    life.stand_at(ends - timedelta(hours=1))
    life.work()
    assert not life.banners()
    life.work(hours=1, minutes=2)
    (banner,) = life.banners()
    assert banner["tone"] == "critical"
    waiting = _sell(life, seller, 2)
    assert _held(life) == waiting
    assert _created_after(life, first) == []
    life.stand_still()
    _choose(life, "starter")
    _let_go(life, 2)
    assert _created_after(life, first) == waiting
    assert not life.banners()


def test_a_cancelled_order_makes_room_for_one_that_is_held(small: Life) -> None:
    """The counter is the ledger's sum: what the buyer cancels is credited and the oldest that waits goes out."""
    life, seller = small, small.seller()
    life.connect(seller)
    first = _fill(life, seller)
    waiting = _sell(life, seller, 2)
    life.box.post(f"/amazon/sellers/{seller}/orders/{first[0]}", {"status": "CANCELLED"})
    life.stand_still()
    life.work(minutes=5)
    _let_go(life, 2)
    assert _created_after(life, first) == waiting[:1]
    assert _held(life) == waiting[1:]
    assert life.banners()
