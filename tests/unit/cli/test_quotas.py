"""What doctor says of a channel whose accounts share a quota: interval, share, what is left, and when it is too little."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction

import pytest

from marketplaces.channel import Limit
from marketplaces.channels.amazon import Amazon
from shopapp.cli.quotas import sentence
from shopapp.orders.cadence import Cadence
from shopapp.work import bell, pace
from tests.stage.queue import Queue

AMAZON = Amazon()
LIMIT = Limit.daily("orders", 100_000, 4_000)
CROWD = Cadence(1000, 100, timedelta(seconds=619), timedelta(seconds=1238), LIMIT, Fraction(4, 5))


@pytest.fixture(autouse=True)
def _bell(queue: Queue) -> Iterator[None]:
    queue.clear()
    bell.configure(queue.url, "none")
    yield
    bell.connection().close()
    bell.configure("", "")


def test_interval_accounts_share_and_what_is_left_are_told() -> None:
    key, fine, text = sentence(AMAZON, CROWD)
    assert (key, fine) == ("amazon", True)
    assert text == (
        "1000 accounts (100 busy), polled every 1238 s, busy ones every 619 s, 69 polls a day each; polls take 80% of "
        "96000 calls a day that all share, 20% left for packages, single orders and bulk work"
    )


def test_a_quota_that_is_used_up_is_told() -> None:
    pace.shut("amazon:orders", 3600)
    assert sentence(AMAZON, CROWD)[2].endswith("; used up, tried again in 59 s")


def test_without_the_queue_the_rest_is_told(queue: Queue) -> None:
    bell.configure("", "")
    assert sentence(AMAZON, CROWD)[1]
    bell.configure(queue.url, "none")


def test_a_quota_that_is_too_small_for_the_accounts_is_trouble() -> None:
    hours = timedelta(hours=2)
    _, fine, text = sentence(AMAZON, Cadence(10, 0, hours, hours, Limit.daily("orders", 100, 5), Fraction(4, 5)))
    assert not fine
    assert text.endswith("; ask the marketplace for a higher quota")


def test_accounts_with_limits_of_their_own_have_nothing_to_share() -> None:
    every = timedelta(seconds=180)
    assert sentence(AMAZON, Cadence(3, 1, every, every)) == (
        "amazon",
        True,
        "3 accounts (1 busy), polled every 180 s, limits of their own",
    )
