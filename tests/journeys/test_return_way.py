"""The application is removed and installed again before Shopify asks for the erasure of the shop: all goes on by itself."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import select

from shopapp.records import db
from shopapp.records.models import OrderState, Shop
from tests.journeys.life import Life, as_settings

pytestmark = pytest.mark.journey


def _remove(life: Life) -> None:
    life.box.post(f"/shops/{life.domain}/settings", {"uninstalled": True})
    life.work(minutes=1)
    ends = time.monotonic() + 20
    while _status(life) != "uninstalled" and time.monotonic() < ends:  # Shopify tells us when it gets round to it
        time.sleep(0.1)
        life.work(seconds=1)
    assert _status(life) == "uninstalled"


def _return(life: Life) -> None:
    time.sleep(1.1)  # Shopify refuses an ID token of the very second of the removal
    assert life.merchant.open("/").status == 200
    assert _status(life) == "active"


def _status(life: Life) -> str:
    with db.reading() as s:
        return s.scalars(select(Shop.status).where(Shop.id == life.shop_id)).one()


@pytest.mark.both_databases
def test_what_is_sold_while_the_app_was_away_and_what_was_under_way_arrive_once(life: Life) -> None:
    life.product("A-1")
    seller = life.seller()
    account_id = life.connect(seller)
    sold = life.sell(seller, sku="A-1")
    life.work(minutes=5)
    assert life.created() == sold
    sold += life.sell(seller, sku="A-1")  # found, and not yet created
    life.poll(minutes=5)
    (failed,) = life.sell(seller, sku="A-2")
    life.work(minutes=5)
    assert life.order(failed).state == OrderState.FAILED
    sold += [failed]
    sold += life.sell(seller, sku="A-1")
    life.poll(minutes=5)
    _remove(life)
    sold += life.sell(seller, sku="A-1")
    life.work(hours=25)
    asked = life.searches(seller)
    assert len(life.created()) == 2
    life.product("A-2")
    _return(life)
    life.work(minutes=1)
    assert life.searches(seller) > asked
    life.work(minutes=5)
    assert sorted(life.created()) == sorted(sold)
    due = life.account(account_id).due_at
    assert due is not None


def test_what_was_held_for_the_plan_is_created_after_a_return_in_a_new_period(life: Life) -> None:
    life.product("A-1")
    seller = life.seller()
    with as_settings(PLAN_LIMITS="trial=100,starter=100"):
        life.connect(seller)
        life.merchant.submit(life.merchant.visit("/plan"), "choose-starter")
        sold = life.sell(seller, sku="A-1", price="100.00")
        life.work(minutes=5)
        assert life.created() == sold
        sold += life.sell(seller, sku="A-1", price="90.00")
        life.work(minutes=5)
        assert life.created() == sold[:1]
        assert life.order(sold[1]).state == OrderState.HELD
        life.pass_time(days=29, hours=20)
        _remove(life)
        life.work(hours=10)  # the period turns meanwhile
        assert life.created() == sold[:1]
        _return(life)
        life.work(minutes=2)
        life.work(minutes=2)
    assert life.created() == sold


def test_a_sale_cancelled_just_before_the_removal_is_cancelled_in_shopify_after_the_return(life: Life) -> None:
    life.product("A-1")
    seller = life.seller()
    life.connect(seller)
    (sold,) = life.sell(seller, sku="A-1")
    life.work(minutes=5)
    life.box.post(f"/amazon/sellers/{seller}/orders/{sold}", {"status": "CANCELLED"})
    life.poll(minutes=5)
    assert life.order(sold).cancelled_at is not None
    _remove(life)
    life.work(hours=2)
    _return(life)
    life.work(minutes=1)
    assert life.order(sold).cancel_mirrored_at is not None
    life.work(minutes=1)
    assert [bool(one["cancelled_at"]) for one in life.in_shopify()] == [True]
