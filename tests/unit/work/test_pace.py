"""Token buckets in the real queue server: nobody gets more than the rate allows, everybody is told when to come back."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from shopapp.work import bell, pace
from tests.stage.queue import Queue


@pytest.fixture(autouse=True)
def _bell(queue: Queue) -> Iterator[None]:
    queue.clear()
    bell.configure(queue.url, "none")
    yield
    bell.connection().close()
    bell.configure("", "")


def test_a_burst_is_granted_and_the_next_is_told_how_long_to_wait() -> None:
    waits = [pace.take("a", rate=0.1, burst=5) for _ in range(7)]
    assert waits[:5] == [0.0] * 5
    assert 8 < waits[5] <= 10
    assert 8 < waits[6] <= 10


def test_sixteen_threads_together_never_get_more_than_the_bucket_holds() -> None:
    granted: list[float] = []

    def ask() -> None:
        for _ in range(20):
            if pace.take("b", rate=0.001, burst=25) == 0:
                granted.append(1)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == 25


def test_a_reserve_is_left_for_the_urgent() -> None:
    assert pace.take("c", rate=0.01, burst=10, cost=1) == 0
    assert pace.take("c", rate=0.01, burst=10, cost=8, reserve=2) > 0
    assert pace.take("c", rate=0.01, burst=10, cost=8) == 0


def test_the_remotes_word_about_what_is_left_counts_more_than_ours() -> None:
    pace.take("d", rate=0.01, burst=100)
    pace.learn("d", 0)
    assert pace.take("d", rate=0.01, burst=100) > 50


def test_the_rate_that_the_remote_states_counts_instead_of_the_default() -> None:
    assert pace.take("f", rate=0.001, burst=1) == 0
    assert pace.take("f", rate=0.001, burst=1) > 900
    pace.state("f", 0.5)
    assert pace.take("f", rate=0.001, burst=1) <= 2


def test_a_blocked_bucket_grants_nothing_until_then() -> None:
    pace.block("e", 30)
    assert 25 < pace.take("e", rate=100, burst=100) <= 30


def test_a_cost_above_the_reserve_line_is_granted_from_a_full_bucket() -> None:
    assert pace.take("f", rate=1, burst=100, cost=95, reserve=10) == 0
