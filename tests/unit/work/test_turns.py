"""A bucket that many accounts draw from, in the real queue server: everybody in turn, what is urgent first, nothing wasted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import pytest

from shopapp import clock
from shopapp.work import bell, pace, turns
from shopapp.work.turns import Turn
from tests.stage.queue import Queue


@pytest.fixture(autouse=True)
def _bell(queue: Queue) -> Iterator[None]:
    queue.clear()
    bell.configure(queue.url, "none")
    yield
    clock.configure(1.0, 0.0)
    bell.connection().close()
    bell.configure("", "")


def ask(share: str, turn: Turn = Turn.SALES, *, rate: float = 1.0, burst: int = 10, key: str = "x:search") -> float:
    return turns.take(key, share, turn, rate, burst)


def pass_time(seconds: float, key: str = "x:search", rate: float = 1.0) -> None:
    """As if so long ago somebody had asked last: the server's own clock cannot be moved."""
    bell.connection().hincrbyfloat(f"pace:{key}", "tokens", seconds * rate)


def empty(key: str = "x:search") -> None:
    pace.learn(key, 0)


def test_each_that_waits_is_told_a_time_of_its_own_behind_those_before_it() -> None:
    empty()
    waits = [ask(f"A{number}", Turn.URGENT) for number in range(5)]
    assert [round(wait) for wait in waits] == [1, 2, 3, 4, 5]


def test_who_comes_late_to_the_line_gets_nothing_before_those_who_wait() -> None:
    empty()
    assert ask("first", Turn.URGENT) > 0
    pass_time(1)
    assert ask("second", Turn.URGENT) > 0, "this permit is the first one's"
    assert ask("first", Turn.URGENT) == 0


def test_whoever_was_served_stands_at_the_end_again() -> None:
    empty()
    served: list[str] = []
    for _ in range(40):
        for share in ("big", "big", "small", "big", "tiny", "small", "tiny"):  # the big one asks most often
            if ask(share, Turn.BULK) == 0:
                served.append(share)
        pass_time(1)
    counts = Counter(served)
    assert max(counts.values()) - min(counts.values()) <= 1, counts


def test_polls_leave_permits_to_packages_and_bulk_work_leaves_more() -> None:
    taken = Counter[Turn]()
    for turn in (Turn.BULK, Turn.SALES, Turn.URGENT):
        while ask(f"A{taken[turn]}", turn, rate=0.001) == 0:
            taken[turn] += 1
    assert taken == {Turn.BULK: 7, Turn.SALES: 1, Turn.URGENT: 2}


def test_an_urgent_call_goes_before_all_that_wait_and_a_poll_before_older_orders() -> None:
    empty()
    assert ask("older", Turn.BULK) > 0
    assert ask("poll", Turn.SALES) > 0
    assert ask("package", Turn.URGENT) <= 1
    pass_time(1)
    assert ask("poll", Turn.SALES) > 0
    assert ask("package", Turn.URGENT) == 0
    pass_time(3)
    assert ask("older", Turn.BULK) > 0
    assert ask("poll", Turn.SALES) == 0


def test_who_never_comes_back_loses_the_place_and_costs_nobody_more_than_one_permit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "GRACE", 0.05)
    empty()
    pass_time(0.99)
    assert ask("dead", Turn.URGENT) > 0
    assert ask("alive", Turn.URGENT) > 1
    time.sleep(0.1)
    pass_time(0.1)
    assert ask("alive", Turn.URGENT) == 0
    assert turns.waiting("x:search") == 0


def test_what_bulk_work_is_told_counts_what_the_polls_take() -> None:
    assert ask("older", Turn.BULK, burst=200, rate=0.5, key="x:quiet") == 0
    pace.learn("x:quiet", 0)
    alone = ask("older", Turn.BULK, burst=200, rate=0.5, key="x:quiet")
    for number in range(100):
        assert ask(f"poll {number}", Turn.SALES, burst=200, rate=0.5) == 0
    empty()
    beside = ask("older", Turn.BULK, burst=200, rate=0.5)
    assert beside > 1.8 * alone, "a hundred of the last two hundred permits were theirs"


def test_nobody_is_told_to_come_sooner_than_those_who_stand_before(queue: Queue) -> None:
    for number in range(150):
        assert ask(f"poll {number}", Turn.SALES, burst=200, rate=0.5) == 0
    empty()
    first = ask("first", Turn.BULK, burst=200, rate=0.5)
    bell.connection().hset("pace:x:search", "before", "0")  # the polls have stopped
    pass_time(20)
    assert ask("second", Turn.BULK, burst=200, rate=0.5) >= first - 1


def test_a_bucket_of_one_permit_bars_nobody() -> None:
    assert [turns.reserve(turn, 1) for turn in Turn] == [0, 0, 0, 0]
    assert ask("a", Turn.BULK, burst=1, key="x:one") == 0


def test_a_quota_that_is_used_up_shuts_the_bucket_and_one_call_finds_out_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "FIRST_SHUT", 0.2)
    assert 0.15 < pace.shut("x:search", 3600) <= 0.2
    assert 0 < pace.shut("x:search", 3600) <= 0.2, "what was under way says nothing new"
    waits = [ask(f"A{number}", Turn.URGENT) for number in range(3)]
    assert waits[0] < waits[1] < waits[2], "they come back one after the other"
    assert 0 < pace.shut_for("x:search") <= 0.2
    time.sleep(0.25)
    assert [ask(f"A{number}", Turn.URGENT) == 0 for number in range(3)] == [True, False, False]
    assert 0.7 < pace.shut("x:search", 3600) <= 0.8, "refused again: four times as long"


def test_a_shut_bucket_opens_at_the_latest_when_the_new_day_begins() -> None:
    assert pace.shut("x:search", 0.05) <= 0.05
    time.sleep(0.1)
    assert ask("a", Turn.URGENT) == 0


def test_two_hundred_accounts_with_a_backlog_use_all_that_is_permitted_and_each_gets_its_share() -> None:
    """Everybody asks when told to, a little late; the clock runs so fast that it takes seconds."""
    accounts, rate, burst, rounds = 200, 2.0, 100, 6
    clock.configure(100.0, time.time())
    empty()
    begun = clock.now().timestamp()
    due = {f"A{number}": begun for number in range(accounts)}
    got = Counter[str]()
    last = dict.fromkeys(due, begun)
    longest = 0.0
    while (now := clock.now().timestamp()) < begun + rounds * accounts / rate:
        share = min(due, key=lambda one: due[one])
        if due[share] > now:
            time.sleep(clock.real_seconds(due[share] - now))
        wait = ask(share, Turn.BULK, rate=rate, burst=burst)
        now = clock.now().timestamp()
        if wait == 0:
            got[share] += 1
            longest, last[share] = max(longest, now - last[share]), now
        due[share] = now + wait
    took = now - begun
    fair = accounts / rate
    used = (sum(got.values()) + turns.reserve(Turn.BULK, burst)) / (rate * took)
    print(
        f"{sum(got.values())} calls, {used:.1%} of the permitted, waited {longest / fair:.2f} of the fair share at most"
    )
    assert used >= 0.95
    assert max(got.values()) - min(got.values()) <= 1
    assert longest <= 2 * fair
