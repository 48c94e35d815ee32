"""How PostgreSQL would answer the questions of pages and drains among many orders: by an index, never by reading a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.orm import Session

from shopapp import clock, jobs, runtime
from shopapp.alerts import inbox, incidents
from shopapp.config import Config
from shopapp.orders import find
from shopapp.orders.find import Filters
from shopapp.plans import gate, ledger
from shopapp.records import db, migrate, tallies
from shopapp.records.models import Shop
from shopapp.shops import retention
from shopapp.web import activity, attention, guide
from shopapp.work import claim
from tests.bench import crowd
from tests.stage.postgres import Postgres

pytestmark = pytest.mark.postgres
ORDERS = 6000
BIG = ("order", "order_line", "journal_entry", "usage_entry", "incident", "inbox_message")
MESSAGES = (
    "INSERT INTO inbox_message (uid, shop_id, kind, subject, params, words, created_at, read_at)"
    " SELECT 'message-' || n, 1 + mod(n, 2), 'data_request_ready', 'shop', '{}', '', now() - interval '1 minute' * n,"
    " CASE WHEN n > 40 THEN now() END"
    " FROM generate_series(1, 6000) n"
)


@pytest.fixture(scope="module")
def crowded(postgres: Postgres) -> Iterator[Engine]:
    with postgres.database() as url:
        engine = create_engine(url)
        migrate.upgrade(engine)
        crowd.fill(engine, ORDERS)
        with engine.begin() as connection:
            connection.exec_driver_sql(MESSAGES)
            connection.exec_driver_sql("ANALYZE inbox_message")
        yield engine
        engine.dispose()


@pytest.fixture(autouse=True)
def _here(crowded: Engine) -> None:
    db.use(crowded)
    runtime.setup(Config.load({}, serving=False))


def asked(engine: Engine, question: Callable[[Session], object]) -> list[tuple[str, Any]]:
    """The SELECTs that a question makes."""
    seen: list[tuple[str, Any]] = []

    def listen(_c: Connection, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", listen)
    try:
        with db.writing() as s:
            question(s)
            s.rollback()
    finally:
        event.remove(engine, "before_cursor_execute", listen)
    return seen


def table_scans(engine: Engine, statement: str, parameters: Any) -> list[str]:
    """The lines of the plan that read one of the big tables from its beginning to its end."""
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()
    return [line.strip() for line in plan if re.search(rf"Seq Scan on (?:{'|'.join(BIG)})\b", line.replace('"', ""))]


def wrong(engine: Engine, question: Callable[[Session], object]) -> list[str]:
    made = asked(engine, question)
    assert made, "nothing was asked"
    return [f"{scan} in {one[0][:300]}" for one in made for scan in table_scans(engine, *one)]


NOW = clock.now()
LISTS: dict[str, tuple[str, Filters]] = {
    "all": ("", Filters()),
    "state": ("", Filters(state="imported")),
    "failed": ("", Filters(state="failed")),
    "account": ("", Filters(account_id=2)),
    "old account": ("", Filters(account_id=3)),
    "account and state": ("", Filters(account_id=2, state="failed")),
    "cause": ("", Filters(cause="sku_unknown")),
    "held": ("", Filters(held_reason="unknown")),
    "days": ("", Filters(since=NOW - timedelta(days=90), until=NOW - timedelta(days=60))),
    "account and days": ("", Filters(account_id=2, since=NOW - timedelta(days=90))),
    "whole id": (crowd.remote_id(77), Filters()),
    "beginning of an id": (crowd.remote_id(77)[:6], Filters()),
    "name": ("#1077", Filters()),
    "SKU": ("SKU-7", Filters()),
    "SKU and state": ("SKU-7", Filters(state="imported")),
    "bestseller": (crowd.BESTSELLER, Filters()),
    "buyer": ("buyer0007", Filters()),
    "nothing": ("no such thing", Filters()),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_and_its_counts_read_no_table_through(crowded: Engine, name: str) -> None:
    text, filters = LISTS[name]

    def question(s: Session) -> None:
        page = find.search(s, 1, text, filters)
        find.counts(s, 1, filters, text)
        if page.after:
            assert find.search(s, 1, text, filters, page.after).orders

    assert wrong(crowded, question) == []


@pytest.mark.parametrize(
    "question",
    [
        pytest.param(lambda s: find.causes(s, 1), id="causes"),
        pytest.param(lambda s: activity.days(s, s.get_one(Shop, 1)), id="chart"),
        pytest.param(lambda s: activity.pulses(s, s.get_one(Shop, 1)), id="pulses"),
        pytest.param(lambda s: attention.gather(s, s.get_one(Shop, 1)), id="attention"),
        pytest.param(lambda s: guide.guide(s, s.get_one(Shop, 1)), id="guide"),
        pytest.param(lambda s: incidents.banner(s, 1), id="banner"),
        pytest.param(lambda s: inbox.unread(s, 1), id="unread"),
        pytest.param(lambda s: ledger.usage(s, s.get_one(Shop, 1)), id="usage"),
        pytest.param(lambda s: ledger.coming(s, s.get_one(Shop, 1)), id="coming"),
        pytest.param(lambda _: gate.turn(), id="periods"),
    ],
)
def test_what_home_shows_reads_no_table_through(crowded: Engine, question: Callable[[Session], object]) -> None:
    with Flask(__name__).app_context():
        assert wrong(crowded, question) == []


def test_no_page_of_the_inbox_reads_further_than_it_shows(crowded: Engine) -> None:
    """Deep pages cost what the first does: the plan asks the index for the place, and for no offset."""

    def pages(s: Session) -> None:
        first = inbox.messages(s, 1)
        second = inbox.messages(s, 1, after=first.older)
        third = inbox.messages(s, 1, after=second.older)
        assert inbox.messages(s, 1, before=third.newer).rows == second.rows

    assert wrong(crowded, pages) == []
    for statement, parameters in asked(crowded, pages):
        assert "OFFSET" not in statement
        with crowded.connect() as connection:
            plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars())
        assert "ix_inbox_message_shop" in plan
        assert ("created_at" in statement.split("WHERE")[1].split("ORDER")[0]) == ("created_at" in _condition(plan))


def test_ending_what_is_known_of_buyers_looks_at_no_order_that_lost_its_buyer(
    crowded: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two years of orders, of which those of three months have a buyer: only these are gone through."""
    monkeypatch.setattr(retention, "WINDOW", 200)
    with crowded.begin() as connection:
        connection.exec_driver_sql('ANALYZE "order"')
        (known,) = connection.exec_driver_sql('SELECT count(*) FROM "order" WHERE purged_at IS NULL').one()
    made = asked(crowded, lambda _: retention.purge_buyers())
    windows = [one for one in made if "max(" in one[0]]
    assert len(windows) <= known / 200 + 2
    for statement, parameters in made:
        with crowded.connect() as connection:
            plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars())
        assert "ix_order_unpurged" in plan or "id = ANY" in plan, plan


def _condition(plan: str) -> str:
    """What the index is asked for."""
    return next(line for line in plan.splitlines() if "Index Cond" in line)


@pytest.mark.parametrize("work", [work for works in jobs.QUEUES.values() for work in works], ids=lambda work: work.name)
def test_looking_for_due_work_reads_no_table_through(crowded: Engine, work: claim.Work) -> None:
    assert wrong(crowded, lambda s: claim.waiting(s, [work])) == []
    assert wrong(crowded, lambda s: claim.claim(s, work)) == []


def test_the_crowd_is_counted_right() -> None:
    with db.reading() as s:
        assert tallies.differences(s) == []
        assert sum(row.orders for row in tallies.totals(s, 1)) == ORDERS
