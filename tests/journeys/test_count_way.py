"""Completeness: each night the marketplace's orders of a day are counted against ours and against Shopify's."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import DayCount, DayState, Shop
from tests.journeys.life import DE, FR, Life, as_settings, settled

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
    """Until the early morning of the next day: by then the first look at the day has been taken."""
    life.work_until(morning(life, 1, hour - 1), every=timedelta(hours=8))
    life.work(hours=1)
    life.work(minutes=5)


def second_look(life: Life) -> None:
    """Until an uneven day has been looked at again, and whoever is told has his mail."""
    life.work(hours=4)
    life.work(minutes=20)
    life.work(minutes=2)


def states(account_id: int) -> list[str]:
    """What the counted days came to, oldest first."""
    return [day.state for day in counted(account_id)]


@pytest.mark.both_databases
def test_a_day_on_which_all_agree_is_even_and_nobody_hears_of_it(life: Life) -> None:
    life.product("A-1")
    seller, account_id = begin(life)
    sell(life, seller, count=7)
    asked = len(life.box.ledger(system="amazon", effect="amazon.searchOrders", key=seller))
    night(life)
    (day,) = counted(account_id)
    assert (day.state, day.listed, day.in_shopify, day.fetched) == (DayState.EVEN, 7, 7, 0)
    assert not life.incidents(KIND, all_time=True)
    assert "Yesterday: 7 on Amazon = 7 in Shopify" in settled(life.merchant.open("/"))
    assert "7 on Amazon = 7 in Shopify" in settled(life.merchant.visit(f"/accounts/{account_id}"))
    calls = life.box.ledger(system="amazon", effect="amazon.searchOrders", key=seller)[asked:]
    counts = [one["body"]["query"] for one in calls if "createdAfter" in one["body"]["query"]]
    assert len(counts) == 1  # one page for the whole day: the rest is left to the polls
    assert "lastUpdated" not in counts[0]


@pytest.mark.both_databases
def test_what_polling_missed_is_found_saved_imported_and_told(life: Life) -> None:
    """Complaint 20 of the field: events dropped or late by half an hour. The next count brings every one of them."""
    life.product("A-1")
    seller, account_id = begin(life)
    seen = sell(life, seller, count=36)
    life.work(hours=3)
    dropped = [unnoticed(life, seller, hours=2) for _ in range(2)]
    late = [unnoticed(life, seller, hours=0.5) for _ in range(2)]
    life.work(minutes=5)
    assert sorted(life.created()) == sorted(seen)
    night(life)
    assert sorted(life.created()) == sorted([*seen, *dropped, *late])
    (day,) = counted(account_id)
    assert (day.state, day.listed, day.fetched) == (DayState.EVEN, 40, 4)
    assert set(day.ids["fetched"]) == {*dropped, *late}
    assert not life.incidents(KIND, all_time=True)
    assert "Missed by the sync and fetched by the count: 4" in settled(life.merchant.open("/"))
    page = settled(life.merchant.visit(f"/accounts/{account_id}"))
    assert "found by the nightly count and fetched: 4" in page
    assert dropped[0] in page
    night(life)
    assert [(one.listed, one.in_shopify) for one in counted(account_id)] == [(40, 40), (0, 0)]


@pytest.mark.both_databases
def test_an_order_deleted_in_shopify_is_told_within_a_day_and_nothing_is_made_again(life: Life) -> None:
    life.product("A-1")
    seller, account_id = begin(life)
    life.tick("order_import_failed")
    sold = sell(life, seller, count=3)
    victim = life.order(sold[1])
    life.box.delete(f"/shops/{life.domain}/orders/{victim.shopify_gid.rsplit('/', 1)[-1]}")
    over = morning(life, 1)
    night(life)
    assert states(account_id) == [DayState.LOOKING]
    assert not life.incidents(KIND)
    second_look(life)
    assert clock.now() - over < timedelta(hours=24)
    (incident,) = life.incidents(KIND)
    assert (incident.params["gone"], incident.params["ids"]) == (1, sold[1])
    (mail,) = life.mails()
    assert "do not add up" in mail["subject"]
    assert sold[1] in mail["text"]
    assert "do not add up" in settled(life.merchant.open("/"))
    page = settled(life.merchant.visit(f"/accounts/{account_id}"))
    assert "3 on Amazon = 2 in Shopify + 1 no longer in Shopify" in page
    night(life)
    assert states(account_id) == [DayState.TOLD, DayState.EVEN]
    assert not life.incidents(KIND)
    assert len(life.incidents(KIND, all_time=True)) == 1
    assert "Somebody may have deleted them in Shopify" in settled(life.merchant.visit(f"/accounts/{account_id}"))
    assert len(life.in_shopify()) == 2
    assert len(life.mails()) == 1


def test_an_incident_stays_while_a_day_is_uneven_and_is_resolved_by_the_count_that_finds_it_even(life: Life) -> None:
    life.product("A-1")
    seller, account_id = begin(life)
    sold = sell(life, seller, count=2)
    elsewhere = {"salesChannel": {"channelName": "AMAZON", "marketplaceId": FR}}
    here = {"salesChannel": {"channelName": "AMAZON", "marketplaceId": DE}}
    life.box.post(f"/amazon/sellers/{seller}/orders/{sold[0]}", {"merge": elsewhere})
    night(life)
    assert states(account_id) == [DayState.LOOKING]
    second_look(life)
    (incident,) = life.incidents(KIND)
    assert (incident.params["extra"], incident.params["gone"], incident.params["missing"]) == (1, 0, 0)
    life.box.post(f"/amazon/sellers/{seller}/orders/{sold[0]}", {"merge": here})
    night(life)
    assert states(account_id) == [DayState.EVEN, DayState.EVEN]
    assert not life.incidents(KIND)
    (closed,) = life.incidents(KIND, all_time=True)
    assert closed.resolved_how == "counted_even"


@pytest.mark.both_databases
def test_what_is_not_in_shopify_for_a_reason_is_explained_and_is_no_drift(life: Life) -> None:
    life.product("A-1")
    seller, account_id = begin(life)
    life.sell(seller, sku="A-1", count=2, created_at=(clock.now() - timedelta(hours=2)).isoformat())
    sell(life, seller, count=4)
    life.sell(seller, sku="A-1", count=2, status="PENDING")
    life.sell(seller, sku="A-1", count=3, fulfilled_by="AMAZON")
    life.sell(seller, sku="unknown")
    life.sell(seller, sku="A-1", status="SHIPPED")
    life.sell(seller, sku="A-1", status="CANCELLED")
    life.work(minutes=5)
    night(life)
    (day,) = counted(account_id)
    assert day.state == DayState.EVEN
    assert (day.listed, day.in_shopify, day.held, day.failed, day.ignored, day.earlier) == (12, 4, 2, 1, 5, 2)
    text = settled(life.merchant.open("/"))
    assert "12 on Amazon = 4 in Shopify + 2 held + 1 failed + 5 left out on purpose" in text
    assert "From before the import began, not counted: 2" in text
    assert not life.incidents(KIND, all_time=True)


def test_an_order_shown_late_is_no_alarm_at_whatever_hour_it_appears(life: Life) -> None:
    life.product("A-1")
    seller, account_id = begin(life)
    life.stand_at(morning(life, 0, 23))
    life.work()
    life.state(seller, visible_lag_seconds=2 * 3600)
    life.sell(seller, sku="A-1", count=3)
    life.stand_at(morning(life, 1))
    life.sell(seller, sku="A-1")
    for _ in range(6):
        life.work(hours=2)
    assert len(life.created()) == 4
    assert [(day.state, day.listed) for day in counted(account_id)] == [(DayState.EVEN, 3)]
    assert not life.incidents(KIND, all_time=True)


@pytest.mark.one_database
@pytest.mark.parametrize("trouble", ["outage", "broken", "paused", "frozen"])
def test_a_night_in_which_nothing_can_be_counted_is_no_drift_and_is_counted_later(life: Life, trouble: str) -> None:
    life.product("A-1")
    seller, account_id = begin(life)
    sell(life, seller, count=2)
    begins = {
        "outage": lambda: life.box.fault("amazon", "status", times=None, params={"status": 503}),
        "broken": lambda: life.state(seller, authorisation="revoked"),
        "paused": lambda: life.merchant.submit(life.merchant.visit("/settings"), "pause-all"),
        "frozen": lambda: life.box.post(f"/shops/{life.domain}/settings", {"frozen": True}),
    }
    ends = {
        "outage": life.box.clear_faults,
        "broken": lambda: life.state(seller, authorisation="ok"),
        "paused": lambda: life.merchant.submit(life.merchant.visit("/settings"), "resume"),
        "frozen": lambda: life.box.post(f"/shops/{life.domain}/settings", {"frozen": False}),
    }
    begins[trouble]()
    night(life, 9)
    assert states(account_id) == []
    assert not life.incidents(KIND, all_time=True)
    ends[trouble]()
    for _ in range(8):
        life.work(minutes=45)
    (day,) = counted(account_id)
    assert (day.state, day.listed, day.in_shopify) == (DayState.EVEN, 2, 2)
    assert not life.incidents(KIND, all_time=True)


def test_orders_held_by_the_plan_are_counted_as_held(life: Life) -> None:
    with as_settings(PLAN_LIMITS="trial=1000,starter=1000,growth=2000"):
        life.product("A-1")
        seller, account_id = begin(life)
        for _ in range(3):
            sell(life, seller, price="600.00")
        night(life)
        (day,) = counted(account_id)
    assert (day.state, day.listed) == (DayState.EVEN, 3)
    assert day.held
    assert day.in_shopify + day.held == 3
    assert not life.incidents(KIND, all_time=True)


NIGHTS = {
    "Europe/Berlin": "2027-10-31",  # 25 hours
    "America/St_Johns": "2027-03-14",  # 23 hours, and half an hour beside the others
}


@pytest.mark.one_database
@pytest.mark.parametrize("name", NIGHTS)
def test_a_day_is_the_shops_day_also_where_the_clocks_change(life: Life, name: str) -> None:
    shop = life.another(timezone=name)
    zone, day = ZoneInfo(name), datetime.fromisoformat(NIGHTS[name]).date()
    shop.product("A-1")
    shop.stand_still()
    shop.stand_at(datetime.combine(day - timedelta(days=1), time(20), zone).astimezone(UTC))
    seller = shop.seller()
    account_id = shop.connect(seller)
    shop.merchant.submit(shop.merchant.visit("/plan"), "choose-growth")
    shop.work(minutes=5)
    for offset, hour, minute in ((-1, 23, 50), (0, 0, 10), (0, 12, 0), (0, 23, 50), (1, 0, 10)):
        shop.stand_at(datetime.combine(day + timedelta(days=offset), time(hour, minute), zone).astimezone(UTC))
        sell(shop, seller)
    night(shop, 5)
    assert [(one.day, one.listed, one.in_shopify) for one in counted(account_id)] == [
        (day - timedelta(days=1), 1, 1),
        (day, 3, 3),
        (day + timedelta(days=1), 1, 1),
    ]
    assert set(states(account_id)) == {DayState.EVEN}


def test_older_orders_count_from_the_day_their_import_was_asked_for(life: Life) -> None:
    life.product("A-1")
    seller, account_id = begin(life)
    old = [(clock.now() - timedelta(days=ago)).isoformat() for ago in (2, 4)]
    for at in old:
        life.sell(seller, sku="A-1", count=2, created_at=at, updated_at=at)
    since = (clock.now() - timedelta(days=5)).date().isoformat()
    page = life.merchant.visit(f"/accounts/{account_id}/older")
    assert life.merchant.submit(page, "older", since=since).status == 200
    life.work()
    life.work(minutes=5)
    assert len(life.created()) == 4
    night(life)
    days = counted(account_id)
    assert sum(day.listed for day in days) == sum(day.in_shopify for day in days) == 4
    assert {day.state for day in days} == {DayState.EVEN}
    assert len(days) >= 6
