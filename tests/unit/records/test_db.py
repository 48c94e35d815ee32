"""The database module: upserts that tell the truth, times that keep their zone, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.exc import StatementError

from shopapp.records import db
from shopapp.records.models import Chore, FxRate
from tests.stage import tables
from tests.stage.postgres import Postgres

NOW = datetime(2026, 11, 21, 12, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], autouse=True)
def _tables(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        with server.database(tables=True) as url:
            db.use(create_engine(url))
            tables.make(db.engine())
            yield
            db.engine().dispose()
    else:
        db.use(create_engine(f"sqlite:///{tmp_path}/d.db"))
        tables.make(db.engine())
        yield
        db.engine().dispose()


def row(name: str, due: datetime | None = None) -> dict[str, object]:
    return {"name": name, "due_at": due, "lease_token": "", "attempt": 0, "words": ""}


def test_inserting_twice_says_new_only_the_first_time() -> None:
    for expected in (True, False, False):
        with db.writing() as s:
            assert db.insert_new(s, Chore, row("a"), key=["name"]) is expected


def test_an_upsert_updates_only_what_is_newer() -> None:
    with db.writing() as s:
        db.upsert(s, Chore, [row("a", NOW)], key=["name"], update=["due_at", "words"], newer="due_at")
        old = {**row("a", NOW - timedelta(hours=1)), "words": "old"}
        db.upsert(s, Chore, [old], key=["name"], update=["due_at", "words"], newer="due_at")
        assert s.scalars(select(Chore)).one().words == ""
        new = {**row("a", NOW + timedelta(hours=1)), "words": "new"}
        db.upsert(s, Chore, [new], key=["name"], update=["due_at", "words"], newer="due_at")
    with db.reading() as s:
        assert s.scalars(select(Chore)).one().words == "new"


def test_times_come_back_aware_in_utc_whatever_zone_they_had() -> None:
    with db.writing() as s:
        s.add(Chore(name="a", due_at=NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))))
    with db.reading() as s:
        found = s.scalars(select(Chore)).one().due_at
        assert found == NOW
        assert found is not None
        assert found.utcoffset() == timedelta(0)
        assert s.scalars(select(Chore).where(Chore.due_at <= NOW)).one_or_none() is not None


def test_a_time_without_a_zone_never_reaches_the_database() -> None:
    def keep() -> None:
        with db.writing() as s:
            s.add(Chore(name="a", due_at=NOW.replace(tzinfo=None)))
            s.flush()

    with pytest.raises(StatementError, match="naive"):
        keep()


def test_rates_keep_every_digit() -> None:
    with db.writing() as s:
        s.add(FxRate(day=NOW.date(), currency="SEK", per_euro=Decimal("11.2345678901")))
    with db.reading() as s:
        assert s.scalars(select(FxRate)).one().per_euro == Decimal("11.2345678901")


def test_an_exception_rolls_everything_back_and_closes_the_transaction() -> None:
    def fall() -> None:
        with db.writing() as s:
            s.add(Chore(name="a"))
            s.flush()
            assert db.open_transactions() == 1
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fall()
    assert db.open_transactions() == 0
    with db.reading() as s:
        assert s.scalars(select(Chore)).all() == []
