"""Completeness: each night the marketplace's orders of a day are counted against ours and against Shopify's."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import DayCount, DayState, Shop
from tests.journeys.life import DE, Life, settled

pytestmark = pytest.mark.journey
KIND = "orders_missing"


def morning(life: Life, days: int = 0, hour: int = 0) -> datetime:
    """An hour of the shop's calendar, so many days from today."""
    with db.reading() as s:
        zone = ZoneInfo(s.get_one(Shop, life.shop_id).timezone)
    today = clock.now().astimezone(zone).date()
    return datetime.combine(today + timedelta(days=days), time(hour), zone).astimezone(UTC)


def begin(life: Life, *wished: str) -> tuple[str, int]:
    """A seller who is connected on the morning of a new day; the seller and the account."""
    life.stand_still()
    life.stand_at(morning(life, 1, 6))
    seller = life.seller(marketplaces=list(wished or (DE,)))
    account_id = life.connect(seller)
    life.work(minutes=5)
    return seller, account_id


def counted(account_id: int) -> list[DayCount]:
    """The counted days, oldest first."""
    with db.reading() as s:
        return list(s.scalars(select(DayCount).where(DayCount.account_id == account_id).order_by(DayCount.day)))


def sell(life: Life, seller: str, count: int = 1, **wish: object) -> list[str]:
    """Orders of this hour that the next polls bring into Shopify."""
    sold = life.sell(seller, sku="A-1", count=count, **wish)
    life.work(minutes=5)
    life.work(minutes=5)
    return sold


def unnoticed(life: Life, seller: str, hours: float, **wish: object) -> str:
    """An order that the marketplace lists only when polling has long passed its time."""
    at = (clock.now() - timedelta(hours=hours)).isoformat()
    (order_id,) = life.sell(seller, sku="A-1", created_at=at, updated_at=at, **wish)
    return order_id


def night(life: Life, hour: int = 5) -> None:
    """Until the early morning of the next day, the workers at it in steps."""
    life.work_until(morning(life, 1, hour))


@pytest.mark.both_databases
def test_a_day_on_which_all_agree_is_even_and_nobody_hears_of_it(life: Life) -> None:
    life.product("A-1")
    seller, account_id = begin(life)
    sell(life, seller, count=7)
    night(life)
    (day,) = counted(account_id)
    assert (day.state, day.listed, day.in_shopify, day.fetched) == (DayState.EVEN, 7, 7, 0)
    assert not life.incidents(KIND, all_time=True)
    assert "7 on Amazon = 7 in Shopify" in settled(life.merchant.open("/"))
