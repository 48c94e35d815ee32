"""The benchmarks of the orders' way run: tiny sizes, nothing judged but that nothing was doubled or refused."""

from __future__ import annotations

import pytest

from tests.unit.test_bench import bench

pytestmark = pytest.mark.postgres


def test_import() -> None:
    found = bench("import", "--tiny")
    assert (found["worker_orders"], found["stays_orders"]) == (36, 48)
    assert (found["doubled"], found["throttled"], found["lookups"]) == (0, 0, 0)
    assert found["http_per_order"] < 1.5
    assert found["statements_per_order"] < 40


def test_poll() -> None:
    found = bench("poll", "--tiny")
    assert found["poll_to_bare"] > 0
    assert found["polled"] > 0
    assert found["refused"] == 0


def test_backfill() -> None:
    found = bench("backfill", "--tiny")
    assert (found["doubled"], found["refused_after_probe"], found["throttled_after_probe"]) == (0, 0, 0)
    assert found["pages"] == 2


def test_quota() -> None:
    found = bench("quota", "--tiny", "--kinds", "shared")
    assert found["shared_2_refused_share"] == 0
    assert found["shared_2_pages"] > 0
    assert 0 < found["shared_2_used_of_permitted"] < 1.1


def test_listings() -> None:
    found = bench("listings", "--tiny")
    assert (found["linked"], found["refused_429"]) == (400, 0)
    assert 0 < found["worker_megabytes"] < found["limit_megabytes"]
    assert found["push_wrong_there"] == 0
    assert found["document_messages"] + found["pushed_singly"] >= 400
    assert 0 < found["push_megabytes"] < found["limit_megabytes"]
    assert found["singles_of_permitted"] > 0
