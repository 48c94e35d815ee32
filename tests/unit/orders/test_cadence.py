"""When an account is polled next: it keeps its place, and a crowd that is due at once spreads out again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shopapp.orders.cadence import next_time

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
EVERY = timedelta(minutes=5)


def test_an_account_that_is_polled_in_time_keeps_its_place_in_the_interval() -> None:
    due = NOW - timedelta(seconds=3)
    for turn in range(1, 20):
        at = due + timedelta(seconds=turn % 7)
        assert next_time(due, at, EVERY) == due + EVERY
        due += EVERY


def test_ten_thousand_accounts_that_are_due_at_once_after_an_outage_spread_over_half_the_interval() -> None:
    due = [next_time(NOW - timedelta(hours=3), NOW, EVERY) for _ in range(10_000)]
    assert min(due) >= NOW + EVERY / 2
    assert max(due) <= NOW + EVERY
    seconds = [0] * 150
    for one in due:
        seconds[min(149, int((one - NOW - EVERY / 2).total_seconds()))] += 1
    assert max(seconds) < 3 * 10_000 / 150


def test_the_first_poll_of_an_account_waits_no_longer_than_the_interval() -> None:
    assert next_time(None, NOW, EVERY) <= NOW + EVERY
