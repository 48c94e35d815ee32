"""Who comes first at a shop's call budget: a person, then new sales, then older orders."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from marketplaces.errors import RateLimited
from shopapp import jobs
from shopapp.shopify_admin import budget
from shopapp.work import bell, pace
from tests.stage.queue import Queue

SHOP = "urgent.myshopify.com"


@pytest.fixture(autouse=True)
def _bell(queue: Queue) -> Iterator[None]:
    queue.clear()
    bell.configure(queue.url, "none")
    budget.forget()
    yield
    budget.forget()
    bell.connection().close()
    bell.configure("", "")


def left(points: int) -> None:
    pace.learn(f"shopify:{SHOP}", points)


def refused(**how: bool) -> bool:
    try:
        budget.take(SHOP, 10, interactive=how.get("interactive", False), call="x", patient=how.get("patient", False))
    except RateLimited:
        return True
    return False


def test_older_orders_leave_points_to_new_sales_and_these_to_a_person() -> None:
    left(250)  # of 2,000, with 100 more each second
    assert refused(patient=True)
    assert not refused()
    left(60)
    assert refused()
    assert not refused(interactive=True)


def test_nothing_that_somebody_waits_for_is_worked_off_with_bulk_work() -> None:
    assert {work.name for work in jobs.QUEUES["now"]} >= {"order", "sync", "mail", "receipt"}
    assert {work.name for work in jobs.QUEUES["bulk"]} >= {"poll", "backfill", "older_order"}
