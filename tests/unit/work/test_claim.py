"""Claims: each due row is taken once, a lost lease writes nothing, who dies is followed by another."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select, text

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import Chore
from shopapp.work import claim
from shopapp.work.claim import Claim, Work
from tests.stage import tables
from tests.stage.postgres import Postgres


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def rows(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    """Twenty due chores, on each database."""

    def fill(url: str) -> None:
        engine = create_engine(url, pool_size=20)
        db.use(engine)
        tables.make(engine)
        with db.writing() as s:
            s.add_all(Chore(name=f"c{n:02}", due_at=clock.now() - timedelta(seconds=100 - n)) for n in range(20))

    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        with server.database(tables=True) as url:
            fill(url)
            yield
            db.engine().dispose()
    else:
        fill(f"sqlite:///{tmp_path}/c.db")
        yield
        db.engine().dispose()


def work(handle: object, **more: object) -> Work:
    return Work("test", Chore, handle, **more)  # type: ignore[arg-type]


def finish(mine: Claim) -> None:
    with db.writing() as s:
        row = claim.held(s, Chore, mine)
        if row:
            row.words += "x"
            claim.release(row, None)


@pytest.mark.usefixtures("rows")
def test_two_drains_side_by_side_handle_every_row_exactly_once() -> None:
    threads = [threading.Thread(target=claim.drain, args=([work(finish)],)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with db.reading() as s:
        assert {row.words for row in s.scalars(select(Chore))} == {"x"}


@pytest.mark.usefixtures("rows")
def test_a_row_whose_lease_ran_out_goes_to_another_and_the_first_writes_nothing() -> None:
    with db.writing() as s:
        first = claim.claim(s, work(finish), 1)[0]
    clock.travel(by=timedelta(seconds=119))
    with db.writing() as s:
        assert first.id not in [mine.id for mine in claim.claim(s, work(finish), 100)]
    clock.travel(by=timedelta(seconds=2))
    with db.writing() as s:
        again = [mine for mine in claim.claim(s, work(finish), 100) if mine.id == first.id]
    assert len(again) == 1
    finish(first)
    with db.reading() as s:
        assert s.get_one(Chore, first.id).words == ""
    finish(again[0])
    with db.reading() as s:
        assert s.get_one(Chore, first.id).words == "x"


@pytest.mark.usefixtures("rows")
def test_a_crashing_handler_puts_its_row_back_and_spoils_no_other(caplog: pytest.LogCaptureFixture) -> None:
    def crash(mine: Claim) -> None:
        if mine.id == 5:
            raise RuntimeError("our bug")
        finish(mine)

    claim.drain([work(crash)])
    with db.reading() as s:
        bad = s.get_one(Chore, 5)
        assert (bad.words, bad.attempt, bad.lease_token) == ("", 1, "")
        assert bad.due_at is not None
        assert bad.due_at > clock.now() + timedelta(minutes=50)
        assert sum(row.words == "x" for row in s.scalars(select(Chore))) == 19
    assert "work_crashed" in caplog.text


@pytest.mark.usefixtures("rows")
def test_what_is_erased_while_it_is_worked_on_is_no_crash(caplog: pytest.LogCaptureFixture) -> None:
    def erase(mine: Claim) -> None:
        if mine.id in (5, 6):
            with db.writing() as s:
                if mine.id == 5:
                    s.delete(s.get_one(Chore, 5))
            with db.writing() as s:
                s.add(Chore(name="c07"))  # the name is taken: any refused statement does
        finish(mine)

    with caplog.at_level(logging.INFO, "shopapp.work.claim"):
        claim.drain([work(erase)])
    assert caplog.text.count("work_erased") == 1
    assert caplog.text.count("work_crashed") == 1, "a refused statement about a row that is still there is our bug"


@pytest.mark.postgres
@pytest.mark.parametrize("rows", ["postgres"], indirect=True)
@pytest.mark.usefixtures("rows")
def test_two_transactions_that_met_are_nobodys_bug(caplog: pytest.LogCaptureFixture) -> None:
    """A deadlock undoes one of two: that one is done again at once, and no attempt is used up."""
    both = threading.Barrier(2)
    met: list[int] = []

    def cross(mine: Claim) -> None:
        if mine.id not in met and mine.id in (1, 2):
            met.append(mine.id)
            with db.writing() as s:
                s.get_one(Chore, 20 + mine.id, with_for_update={"key_share": True})
                both.wait(10)
                s.get_one(Chore, 23 - mine.id, with_for_update={"key_share": True})
        finish(mine)

    with db.writing() as s:
        for number in (21, 22):
            s.add(Chore(id=number, name=f"lock-{number}"))  # due never: only to be locked
    claim.drain([work(cross)])
    assert sorted(met) == [1, 2]
    assert "work_collided" in caplog.text
    assert "work_crashed" not in caplog.text
    clock.travel(by=claim.COLLISION_DELAY)
    claim.drain([work(cross)])
    with db.reading() as s:
        assert [(s.get_one(Chore, number).words, s.get_one(Chore, number).attempt) for number in (1, 2)] == [
            ("x", 0)
        ] * 2


@pytest.mark.postgres
@pytest.mark.parametrize("rows", ["postgres"], indirect=True)
@pytest.mark.usefixtures("rows")
def test_a_database_that_went_away_is_nobodys_bug(caplog: pytest.LogCaptureFixture) -> None:
    """A restarted server ends every connection: the rows under way come back within seconds, not in an hour."""

    def cut(mine: Claim) -> None:
        with db.writing() as s:
            line = s.scalar(text("SELECT pg_backend_pid()"))
            with db.engine().connect() as other:
                other.execute(text(f"SELECT pg_terminate_backend({line})"))
            s.get_one(Chore, mine.id)

    with db.writing() as s:
        mine = claim.claim(s, work(cut), 1)[0]
    claim.run(work(cut), mine)
    assert "work_without_database" in caplog.text
    assert "work_crashed" not in caplog.text
    with db.reading() as s:
        row = s.get_one(Chore, mine.id)
        assert (row.lease_token, row.attempt) == ("", 0)
        assert row.due_at is not None
        assert row.due_at <= clock.now() + claim.OUTAGE_DELAY


@pytest.mark.usefixtures("rows")
def test_the_oldest_due_rows_come_first_and_nothing_due_later_is_taken() -> None:
    with db.writing() as s:
        s.get_one(Chore, 20).due_at = clock.now() + timedelta(hours=1)
        assert [mine.id for mine in claim.claim(s, work(finish), 3)] == [1, 2, 3]
        assert len(claim.claim(s, work(finish), 100)) == 16


@pytest.mark.usefixtures("rows")
def test_one_share_cannot_take_a_whole_batch() -> None:
    with db.writing() as s:
        for row in s.scalars(select(Chore)):
            row.words = "loud" if row.id <= 15 else "quiet"
        s.flush()
        taken = claim.claim(s, work(finish, share="words", per_share=4), 8)
        shares = [s.get_one(Chore, mine.id).words for mine in taken]
    assert (shares.count("loud"), shares.count("quiet")) == (4, 4)


@pytest.mark.usefixtures("rows")
def test_a_busy_kind_keeps_no_other_from_being_claimed() -> None:
    gate = threading.Event()

    def slow(_mine: Claim) -> None:
        gate.wait(10)

    def quick(mine: Claim) -> None:
        finish(mine)
        gate.set()

    many = work(slow, only=lambda: [Chore.id <= 19], threads=16)
    narrow = work(lambda _mine: None, only=lambda: [Chore.id < 0], threads=1)
    last = work(quick, only=lambda: [Chore.id == 20], threads=1)
    began = time.monotonic()
    claim.drain([many, narrow, last], seconds=5)
    assert gate.is_set()
    assert time.monotonic() - began < 5
    with db.reading() as s:
        assert s.get_one(Chore, 20).words == "x"
