"""What a refusal means for a bucket: it empties, and one whose day is used up is shut until told or the next day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from marketplaces.channel import ROLLING, Limit
from marketplaces.errors import RateLimited
from shopapp import clock
from shopapp.accounts import permits
from shopapp.work import bell, pace
from shopapp.work.turns import Turn
from tests.stage.queue import Queue

ORDERS = Limit.daily("orders", 100_000, 2_000, day="America/Los_Angeles")
OTHERS = Limit.daily("orders", 100, 5)


@pytest.fixture(autouse=True)
def _bell(queue: Queue) -> Iterator[None]:
    queue.clear()
    bell.configure(queue.url, "none")
    yield
    clock.travel()
    bell.connection().close()
    bell.configure("", "")


def test_a_quota_of_the_application_is_one_bucket_for_all_of_them() -> None:
    limit = Limit("orders", "0.001", 4, shared=True)
    for number in range(3):  # the fourth is the margin
        permits.draw(limit.bucket("x", "eu", f"A{number}"))
    with pytest.raises(RateLimited):
        permits.draw(limit.bucket("x", "us", "B"))
    own = Limit("orders", "0.001", 2)
    for number in range(3):
        permits.draw(own.bucket("x", "eu", f"A{number}"))


def test_what_can_wait_leaves_permits_of_the_shared_bucket_to_what_cannot() -> None:
    limit = Limit("orders", "0.0001", 11, shared=True)
    taken = []
    for turn in (Turn.BULK, Turn.SALES, Turn.URGENT):
        count = 0
        try:
            while True:
                permits.draw(limit.bucket("x", "", f"{turn.name}{count}"), turn=turn)
                count += 1
        except RateLimited:
            taken.append(count)
    assert taken == [7, 1, 2]


def test_a_used_up_day_shuts_the_bucket_for_everybody_and_nobody_is_refused_twice() -> None:
    bucket = OTHERS.bucket("x", "", "A")
    permits.refused(bucket, None)
    for seller in ("A", "B"):
        with pytest.raises(RateLimited) as waiting:
            permits.draw(OTHERS.bucket("x", "", seller))
        assert (waiting.value.retry_after or 0) > pace.FIRST_SHUT - 1


def test_a_time_that_was_told_counts() -> None:
    permits.refused(OTHERS.bucket("x", "", "A"), 1800)
    assert 1790 < pace.shut_for("x:orders") <= 1800


def test_a_limit_without_a_day_is_empty_after_a_refusal_and_not_shut() -> None:
    limit = Limit("orders", "0.01", 10, shared=True)
    permits.refused(limit.bucket("x", "", "A"), None)
    assert pace.shut_for("x:orders") == 0
    with pytest.raises(RateLimited) as waiting:
        permits.draw(limit.bucket("x", "", "A"))
    assert 90 < (waiting.value.retry_after or 0) <= 100


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (datetime(2026, 11, 22, 7, 59, 30, tzinfo=UTC), 30),  # Los Angeles is eight hours behind in winter
        (datetime(2026, 7, 1, 6, 59, 30, tzinfo=UTC), 30),  # and seven in summer
        (datetime(2026, 11, 1, 7, 0, 0, tzinfo=UTC), 25 * 3600),  # the day on which summer time ends
    ],
)
def test_a_new_day_begins_at_midnight_where_the_marketplace_counts(now: datetime, left: float) -> None:
    clock.travel(now, freeze=True)
    assert permits.rest_of_day(ORDERS.day) == left


def test_a_quota_of_any_24_hours_has_no_midnight() -> None:
    assert permits.rest_of_day(ROLLING) == pace.LONGEST_SHUT


def test_the_quota_of_a_day_is_never_exceeded_and_hardly_wasted() -> None:
    for quota, burst in ((100_000, 2_000), (100, 5), (10_000, 200), (7, 1)):
        limit = Limit.daily("orders", quota, burst)
        most = burst + float(limit.rate) * 86_400
        assert quota - 1 < most <= quota
    with pytest.raises(ValueError, match="at once"):
        Limit.daily("orders", 5, 5)
