"""The arithmetic of a counted day: every listed order is exactly one thing, and nobody is alarmed by a first look."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from shopapp.orders import days, tally
from shopapp.orders.tally import KINDS, Seen, Sums
from shopapp.records.models import DayCount, DayState, OrderState

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
NIGHT = NOW + timedelta(days=1)


def before(state: DayState, **counts: int) -> DayCount:
    """The day as counted earlier."""
    return DayCount(state=state, **{"gone": 0, "extra": 0, "missing": 0, **counts})


def test_every_listed_order_is_exactly_one_thing() -> None:
    chance = random.Random(3)  # makes cases, guards nothing
    for _ in range(200):
        ids = [f"o{number}" for number in range(chance.randrange(40))]
        states = {one: str(chance.choice(list(OrderState))) for one in ids if chance.random() < 0.9}
        gone = {one for one in ids if chance.random() < 0.1}
        listed = chance.sample(ids, k=len(ids)) + ids[:3]  # a marketplace may list one twice
        sums = tally.add_up(Seen(ids=tuple(listed)), states, gone, ())
        assert sums.listed == len(ids) == sum(getattr(sums, kind) for kind in KINDS)
        assert sums.in_shopify + sums.gone == sum(state == OrderState.IMPORTED for state in states.values())
        assert sums.even == (not sums.missing and not sums.gone)


@pytest.mark.parametrize(
    ("state", "place"),
    [
        ("received", "waiting"),
        ("sending", "waiting"),
        ("held", "held"),
        ("failed", "failed"),
        ("ignored", "ignored"),
        ("cancelled", "cancelled"),
        ("imported", "in_shopify"),
    ],
)
def test_each_state_has_its_place_and_none_of_them_is_drift(state: str, place: str) -> None:
    sums = tally.add_up(Seen(ids=("o1",)), {"o1": state}, (), ())
    assert [kind for kind in KINDS if getattr(sums, kind)] == [place]
    assert sums.even


def test_orders_from_before_the_import_are_told_and_not_counted() -> None:
    sums = tally.add_up(Seen(ids=("o1",), earlier=("o2", "o3", "o3")), {"o1": "imported", "o2": "ignored"}, (), ())
    assert (sums.listed, sums.in_shopify, sums.earlier, sums.ignored, sums.even) == (1, 1, 2, 0, True)


def test_only_what_was_really_kept_counts_as_fetched() -> None:
    sums = tally.add_up(Seen(ids=("o1", "o2"), fetched=("o1", "o2")), {"o1": "received"}, (), ())
    assert (sums.fetched, sums.missing, sums.even) == (1, 1, False)
    assert sums.ids == {"missing": ["o2"], "fetched": ["o1"]}


def test_no_more_ids_are_kept_than_a_page_can_show() -> None:
    ids = tuple(f"o{number:05}" for number in range(10_000))
    sums = tally.add_up(Seen(ids=ids), {}, (), [f"x{number}" for number in range(10_000)])
    assert (sums.missing, sums.extra) == (10_000, 10_000)
    assert [len(sums.ids[kind]) for kind in ("missing", "extra")] == [tally.SHOWN, tally.SHOWN]


def test_an_uneven_day_is_looked_at_again_before_anybody_is_told() -> None:
    lost = Sums(listed=3, in_shopify=2, gone=1)
    assert tally.judge(lost, None, NOW, NIGHT) == (DayState.LOOKING, NOW + tally.AGAIN)
    assert tally.judge(lost, before(DayState.EVEN), NOW, NIGHT)[0] == DayState.LOOKING
    assert tally.judge(lost, before(DayState.LOOKING), NOW, NIGHT) == (DayState.UNEVEN, NIGHT)
    even = Sums(listed=3, in_shopify=3)
    assert tally.judge(even, before(DayState.LOOKING), NOW, NIGHT) == (DayState.EVEN, None)


def test_what_is_gone_is_told_once_and_what_is_missing_until_it_is_here() -> None:
    gone, missing = Sums(listed=3, in_shopify=2, gone=1), Sums(listed=3, in_shopify=2, missing=1)
    assert tally.judge(gone, before(DayState.UNEVEN, gone=1), NOW, NIGHT) == (DayState.TOLD, None)
    assert tally.judge(gone, before(DayState.TOLD, gone=1), NOW, NIGHT) == (DayState.TOLD, None)
    more = Sums(listed=3, in_shopify=1, gone=2)
    assert tally.judge(more, before(DayState.UNEVEN, gone=1), NOW, NIGHT) == (DayState.UNEVEN, NIGHT)
    assert tally.judge(missing, before(DayState.UNEVEN, missing=1), NOW, NIGHT) == (DayState.UNEVEN, NIGHT)


@pytest.mark.parametrize(
    ("listed", "fetched", "told"), [(214, 214, True), (10, 6, True), (10, 5, False), (4, 4, False)]
)
def test_a_sync_that_stands_still_is_told_though_the_count_did_its_work(listed: int, fetched: int, told: bool) -> None:
    sums = Sums(listed=listed, waiting=fetched, in_shopify=listed - fetched, fetched=fetched)
    assert tally.judge(sums, None, NOW, NIGHT)[0] == (DayState.UNEVEN if told else DayState.EVEN)
    later = Sums(listed=listed, in_shopify=listed)
    assert tally.judge(later, before(DayState.UNEVEN), NOW, NIGHT) == (DayState.EVEN, None)


def test_a_day_with_something_open_is_counted_once_more() -> None:
    open_ = Sums(listed=3, in_shopify=1, waiting=1, held=1)
    assert tally.judge(open_, None, NOW, NIGHT) == (DayState.EVEN, NIGHT)
    assert tally.judge(open_, before(DayState.EVEN), NOW, NIGHT) == (DayState.EVEN, None)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2027-03-28", 23),
        ("Europe/Berlin", "2027-10-31", 25),
        ("America/St_Johns", "2027-11-07", 25),
        ("Pacific/Auckland", "2027-09-26", 23),
        ("Australia/Lord_Howe", "2027-04-04", 24.5),
        ("Asia/Kolkata", "2027-03-28", 24),
    ],
)
def test_every_moment_belongs_to_exactly_one_day(zone: str, day: str, hours: float) -> None:
    where, which = ZoneInfo(zone), date.fromisoformat(day)
    start, end = (moment.astimezone(UTC) for moment in days.bounds(which, where))
    assert end - start == timedelta(hours=hours)
    assert days.day_of(start, where) == days.day_of(end - timedelta(seconds=1), where) == which
    assert days.day_of(start - timedelta(seconds=1), where) == which - days.ONE
    assert days.day_of(end, where) == which + days.ONE
    window = days.Window(which, which, where)
    assert [window.day_of(moment) for moment in (start, end)] == [which, None]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Berlin"])
def test_a_day_is_counted_hours_after_its_end_and_within_a_day_of_it(zone: str) -> None:
    where, start = ZoneInfo(zone), datetime(2027, 3, 26, tzinfo=UTC)
    for quarter in range(4 * 24 * 4):
        now = start + timedelta(minutes=15 * quarter)
        for account_id in (1, 59, 60):
            last = days.newest(now, where, account_id)
            ended = days.bounds(last, where)[1]
            assert days.SETTLED <= now - ended < days.SETTLED + timedelta(hours=26)
            assert now < days.night(now, where, account_id) <= now + timedelta(hours=26)
