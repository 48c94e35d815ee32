"""The counters of orders: always what a recount says, whatever a transaction did and however it ended."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, delete, select, text, update
from sqlalchemy.orm import Session

from shopapp.records import db, migrate, tallies
from shopapp.records.models import Account, Order, OrderSlot, OrderState, OrderTally, Shop
from tests.stage import tables
from tests.stage.postgres import Postgres

NOW = datetime(2026, 11, 21, 12, 44, 15, 123456, tzinfo=UTC)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], autouse=True)
def _ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        with server.database(tables=True) as url:
            yield from _furnished(url)
    else:
        yield from _furnished(f"sqlite:///{tmp_path}/d.db")


def _furnished(url: str) -> Iterator[None]:
    db.use(create_engine(url, pool_size=12))
    tables.make(db.engine())
    people()
    yield
    db.engine().dispose()


def people() -> None:
    with db.writing() as s:
        for shop_id in (1, 2):
            s.add(Shop(id=shop_id, domain=f"s{shop_id}.myshopify.com", installed_at=NOW))
            s.flush()
            for number in (1, 2):
                told = {"label": "x", "channel": "amazon", "realm": "eu", "seller_id": f"S{number}"}
                s.add(Account(id=shop_id * 10 + number, shop_id=shop_id, status_since=NOW, created_at=NOW, **told))


def order(number: int, shop_id: int = 1, state: str = "received", **other: object) -> Order:
    known = {"account_id": shop_id * 10 + 1, "channel": "amazon", "realm": "eu", "seller_id": "S1"}
    times = {"remote_created_at": NOW, "remote_updated_at": NOW, "found_at": NOW}
    return Order(shop_id=shop_id, remote_order_id=f"o-{number}", state=state, **(known | times | other))


def told(shop_id: int = 1) -> dict[tuple[str, str], int]:
    with db.reading() as s:
        assert tallies.differences(s) == []
        found: Counter[tuple[str, str]] = Counter()
        for row in tallies.totals(s, shop_id):
            found[(row.state, row.reason)] += row.orders
        return dict(found)


def one(s: Session, number: int = 1) -> Order:
    return s.scalars(select(Order).where(Order.remote_order_id == f"o-{number}")).one()


def test_an_order_is_counted_where_it_stands() -> None:
    with db.writing() as s:
        s.add_all([order(1), order(2, state="held", held_reason="plan"), order(3, shop_id=2, state="ignored")])
    assert told() == {("received", ""): 1, ("held", "plan"): 1}
    assert told(2) == {("ignored", ""): 1}
    with db.writing() as s:
        row = one(s)
        row.state, row.cause = OrderState.FAILED, "no_sku"
        s.flush()
        row.cause = "sku_unknown"
    assert told() == {("failed", "sku_unknown"): 1, ("held", "plan"): 1}
    with db.writing() as s:
        one(s).state, one(s, 2).account_id = OrderState.IMPORTED, 12
        one(s, 2).remote_created_at = NOW - timedelta(days=3)
    assert told() == {("imported", ""): 1, ("held", "plan"): 1}
    with db.writing() as s:
        s.delete(one(s))
    assert told() == {("held", "plan"): 1}


def test_what_is_rolled_back_was_never_counted() -> None:
    with db.writing() as s:
        s.add(order(1))
    with suppress(ZeroDivisionError), db.writing() as s:
        one(s).state = OrderState.IMPORTED
        s.flush()
        raise ZeroDivisionError
    assert told() == {("received", ""): 1}


def test_a_savepoint_counts_only_when_it_is_kept() -> None:
    with db.writing() as s:
        s.add(order(1))
        with s.begin_nested():
            s.add(order(2))
        with suppress(ZeroDivisionError), s.begin_nested():
            s.add(order(3))
            s.flush()
            raise ZeroDivisionError
        with s.begin_nested():
            with suppress(ZeroDivisionError), s.begin_nested():
                s.add(order(4))
                s.flush()
                one(s).state = OrderState.CANCELLED
                s.flush()
                raise ZeroDivisionError
            s.add(order(5, state="imported"))
        s.expire_all()
        one(s, 2).state = OrderState.SENDING
    assert told() == {("received", ""): 1, ("sending", ""): 1, ("imported", ""): 1}


def uncounted(source: str) -> list[str]:
    """Bulk statements over orders that would pass the counters by."""
    columns = "|".join(tallies.COUNTED)
    made = re.findall(r"\b(?:insert|delete)\(Order(?:\.__table__)?\)", source)
    changed = re.findall(r"\bupdate\(Order\b(?:(?!\n\n).)*?\.values\(([^)]*)\)", source, re.DOTALL)
    return made + [values for values in changed if re.search(rf"\b({columns})\b", values)]


def test_the_product_changes_what_is_counted_through_the_session_only() -> None:
    assert uncounted("s.execute(update(Order).where(x(1)).values(due_at=None, state='held'))")
    assert uncounted("s.execute(insert(Order.__table__), rows)")
    root = Path(tallies.__file__).parent.parent
    found = {path.name: uncounted(path.read_text()) for path in root.rglob("*.py") if "migrations" not in path.parts}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_a_recount_finds_and_repairs_every_drift(caplog: pytest.LogCaptureFixture) -> None:
    with db.writing() as s:
        s.add_all([order(number) for number in range(5)])
        s.add(order(9, shop_id=2))
    with db.engine().begin() as connection:
        connection.execute(text("UPDATE \"order\" SET state = 'imported' WHERE remote_order_id IN ('o-1', 'o-2')"))
        connection.execute(delete(OrderTally).where(OrderTally.shop_id == 2))
        connection.execute(update(OrderSlot).where(OrderSlot.shop_id == 2).values(orders=7))
    assert tallies.recount_all() == 2 + 2 + 2  # two states and two slots of the first shop, one and one of the second
    assert caplog.text.count("order_count_drift") == 6
    assert told() == {("received", ""): 3, ("imported", ""): 2}
    assert told(2) == {("received", ""): 1}
    assert tallies.recount_all() == 0


def test_many_at_once_neither_wait_for_each_other_for_ever_nor_miscount() -> None:
    with db.writing() as s:
        s.add_all([order(number, account_id=11 + number % 2) for number in range(40)])

    def live(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(12):
            with db.writing() as s:
                numbers = [f"o-{number}" for number in sorted(dice.sample(range(40), 3))]
                found = select(Order).where(Order.remote_order_id.in_(numbers)).order_by(Order.id)
                if db.locks_rows(s):
                    found = found.with_for_update(key_share=True)
                for row in s.scalars(found):
                    row.state = dice.choice(("received", "imported", "failed", "sending"))
                    row.remote_created_at = NOW - timedelta(minutes=15 * dice.randrange(4))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(live, range(8)))
    assert sum(told().values()) == 40


@pytest.mark.parametrize(
    ("minute", "start"), [(0, 0), (14, 0), (15, 15), (44, 30), (59, 45)]
)  # the database's floor must be ours
def test_a_quarter_is_the_same_here_and_in_the_database(minute: int, start: int) -> None:
    moment = NOW.replace(minute=minute)
    with db.writing() as s:
        s.add(order(1, remote_created_at=moment))
    with db.reading() as s:
        assert s.scalars(select(OrderSlot.starts_at)).one() == moment.replace(minute=start, second=0, microsecond=0)
    assert told() == {("received", ""): 1}


def test_the_migration_counts_what_is_there_and_learns_the_names() -> None:
    db.Base.metadata.drop_all(db.engine())
    migrate.upgrade(db.engine())
    people()
    with db.writing() as s:
        s.add_all([order(1, state="failed", cause="no_sku"), order(2, buyer_name="Ada")])
        s.add(order(3, state="ignored", remote_created_at=NOW - timedelta(hours=1)))
    before = told()
    migrate.downgrade(db.engine(), "0002")
    migrate.upgrade(db.engine())
    assert told() == before
    with db.reading() as s:
        assert one(s, 2).buyer_key == "ada"
