"""What users of other connectors lose: messages while the database is away, and the orders of nine days over the limit."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import func, select

from shopapp.plans.ledger import usage
from shopapp.records import db
from shopapp.records.models import JournalEntry, OrderState, Receipt, Shop, UsageEntry
from tests.journeys.life import Life, as_settings

pytestmark = [pytest.mark.journey, pytest.mark.one_database]


# --- messages ---------------------------------------------------------------------------------------------------------


@contextmanager
def _database_away() -> Iterator[None]:
    """The server refuses every connection to this database, and those that were open are cut."""
    url = db.engine().url
    with psycopg.connect(host=url.host, port=url.port, user=url.username, dbname="postgres", autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS false")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (url.database,))
        try:
            yield
        finally:
            admin.execute(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS true")


def _until(holds: Callable[[], Any], seconds: float = 30) -> Any:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        found = holds()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def _told(life: Life, topic: str, **match: Any) -> list[dict[str, Any]]:
    """Tries to deliver this topic to the app."""
    rows = [row["body"] for row in life.box.ledger(system="shopify", effect="webhook.sent", key=topic)]
    return [one for one in rows if one["shop"] == life.domain and match.items() <= one.items()]


@pytest.mark.postgres
def test_a_message_while_the_database_is_away_is_refused_and_its_repeat_imports_the_order(life: Life) -> None:
    seller = life.seller()
    life.connect(seller)
    (order_id,) = life.sell(seller, sku="LATE-1")
    life.work(minutes=5)
    assert life.order(order_id).state == OrderState.FAILED
    with _database_away():
        life.product("LATE-1")
        (refused,) = _until(lambda: _told(life, "products/create"))
        assert refused["status"] is None or refused["status"] >= 500, "it must not be acknowledged"
        assert refused["will_retry"]
    life.pass_time(seconds=5)
    (heard,) = _until(lambda: _told(life, "products/create", status=200))
    assert heard["webhook_id"] == refused["webhook_id"]
    assert heard["try"] >= 2
    for _ in range(4):
        life.work(seconds=40)
    assert life.order(order_id).state == OrderState.IMPORTED
    assert life.created() == [order_id]


def test_a_change_told_before_the_making_and_a_message_told_twice_have_one_effect(life: Life) -> None:
    seller = life.seller()
    life.connect(seller)
    (order_id,) = life.sell(seller, sku="LATE-1")
    life.work(minutes=5)
    made = life.product("LATE-1")
    about = {"id": int(made["product_id"].rpartition("/")[2])}
    for topic, name in (("products/update", "upd-1"), ("products/create", "cre-1"), ("products/update", "upd-1")):
        wish = {"topic": topic, "payload": about, "webhook_id": name, "copies": 2}
        life.box.post(f"/shops/{life.domain}/webhooks", wish)
    _until(lambda: len(_told(life, "products/update", status=200)) >= 4 and len(_told(life, "products/create")) >= 2)
    for _ in range(4):
        life.work(seconds=40)
    with db.reading() as s:
        names = list(s.scalars(select(Receipt.webhook_id).where(Receipt.webhook_id.in_(("upd-1", "cre-1")))))
        note = select(func.count(JournalEntry.id)).where(JournalEntry.event == "order_imported")
        assert s.scalar(note) == 1
    assert sorted(names) == ["cre-1", "upd-1"]
    assert life.created() == [order_id]


# --- the limit --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["a bigger plan", "a new period"])
def test_after_nine_days_over_the_limit_every_order_of_them_arrives_oldest_first(life: Life, way: str) -> None:
    """The counter is the sum of a ledger that can be seen; what failed or was cancelled takes nothing of it."""
    with as_settings(PLAN_LIMITS="trial=1000,starter=1000,growth=5000"):
        life.product("A-1")
        seller = life.seller()
        life.connect(seller)
        life.merchant.submit(life.merchant.visit("/plan"), "choose-starter")
        first = _sell(life, seller, 4)
        life.sell(seller, sku="NO-SUCH", price="700.00")
        life.work(minutes=5)
        life.box.post(f"/amazon/sellers/{seller}/orders/{first[0]}", {"status": "CANCELLED"})
        life.work(minutes=5)
        first += _sell(life, seller, 4)  # 7 of 10 count: one is credited, one failed
        assert _counted(life) == 70_000
        assert _ever(life) == (0, 0)
        first += _sell(life, seller, 1)
        assert _ever(life) == (1, 0)
        first += _sell(life, seller, 2)
        assert _ever(life) == (1, 1)
        missed: list[str] = []
        for _ in range(9):
            life.pass_time(days=1)
            missed += _sell(life, seller, 2)
            assert len(life.banners()) == 1
            assert _ever(life) == (1, 1), "the notices appear once and stay"
        held = [row.remote_order_id for row in life.orders() if row.state == OrderState.HELD]
        assert [one for one in held if one in missed] == missed
        before = len(life.created())
        life.stand_still()
        _open_up(life, way)
        life.work()
        for _ in range(len(missed) + 2):
            life.work(milliseconds=100)
        life.stand_still(False)
        arrived = [one for one in life.created()[before:] if one in missed]
        room = len(missed) if way == "a bigger plan" else 10
        assert arrived == missed[:room], "oldest first, each once"
        assert _counted(life) == _of_the_ledger_page(life)
        if way == "a new period":  # eight more than a period takes: they wait for the next one
            assert len(missed) - room == 8
            life.stand_still()
            life.pass_time(days=30, hours=1)
            life.work(minutes=2)
            for _ in range(12):
                life.work(milliseconds=100)
            life.stand_still(False)
        assert [one for one in life.created()[before:] if one in missed] == missed


def _sell(life: Life, seller: str, count: int) -> list[str]:
    ids = []
    for _ in range(count):
        life.pass_time(minutes=1)
        ids += life.sell(seller, sku="A-1", price="100.00")
    life.work(minutes=5)
    life.work(minutes=2)  # two orders booked in the same moment do not see each other: the chore does
    return ids


def _ever(life: Life) -> tuple[int, int]:
    """How often each notice of the plan has appeared."""
    return len(life.incidents("plan_near", all_time=True)), len(life.incidents("plan_over", all_time=True))


def _counted(life: Life) -> int:
    """The counter of the page, in minor units."""
    with db.reading() as s:
        return usage(s, s.get_one(Shop, life.shop_id)).used.minor


def _of_the_ledger_page(life: Life) -> int:
    """The sum of what stands in the ledger of this period and is not credited."""
    with db.reading() as s:
        begun = usage(s, s.get_one(Shop, life.shop_id)).since
        entries = s.scalars(select(UsageEntry).where(UsageEntry.shop_id == life.shop_id, UsageEntry.at >= begun))
        rows = [entry for entry in entries if entry.credited_at is None]
    shown = life.merchant._fetch("GET", "/plan/ledger.csv").text
    assert json.dumps(shown).count("100.00") >= len(rows)
    return sum(entry.gmv_minor or 0 for entry in rows)


def _open_up(life: Life, way: str) -> None:
    if way == "a bigger plan":
        assert life.merchant.submit(life.merchant.visit("/plan"), "choose-growth").status == 200
        return
    with db.reading() as s:
        anchor = s.get_one(Shop, life.shop_id).period_anchor
    assert anchor is not None
    life.stand_at(anchor + timedelta(days=30, minutes=1))
    life.work(minutes=2)
