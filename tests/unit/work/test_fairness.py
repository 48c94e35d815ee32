"""Whose turn it is: a crowd at the front keeps nobody waiting, and a drain that lingers takes what comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event, insert, select

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import Chore
from shopapp.work import claim
from shopapp.work.claim import Claim, Work
from tests.stage import tables
from tests.stage.postgres import Postgres

CROWD = 400


def fill(url: str) -> None:
    """Four hundred rows of one owner, all due before the single rows of two others."""
    engine = create_engine(url, pool_size=20)
    db.use(engine)
    tables.make(engine)
    began = clock.now() - timedelta(hours=1)
    owners = ["crowd"] * CROWD + ["late", "later"]
    empty = {"lease_token": "", "attempt": 0}
    rows = [
        {"name": f"c{at:03}", "words": owner, "due_at": began + timedelta(seconds=at), **empty}
        for at, owner in enumerate(owners)
    ]
    with db.writing() as s:
        s.execute(insert(Chore), rows)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def crowd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    """The rows above, on each database."""
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


def nothing(mine: Claim) -> None:
    """Leave the row claimed."""


def fair(handle: object = nothing, **more: object) -> Work:
    return Work("test", Chore, handle, share="words", **more)  # type: ignore[arg-type]


def owners_of(claims: list[Claim]) -> list[str]:
    return [str(mine.share) for mine in claims]


@pytest.mark.usefixtures("crowd")
def test_who_comes_last_is_among_the_first_that_are_taken() -> None:
    with db.writing() as s:
        taken = claim.claim(s, fair(), 4)
    assert owners_of(taken) == ["crowd", "late", "later", "crowd"]


@pytest.mark.usefixtures("crowd")
def test_of_one_owner_the_oldest_are_taken_and_not_more_than_a_batch_may_hold() -> None:
    with db.writing() as s:
        taken = claim.claim(s, fair(per_share=8), 32)
        names = s.scalars(select(Chore.name).where(Chore.id.in_([mine.id for mine in taken])).order_by(Chore.name))
        assert list(names) == [*(f"c{at:03}" for at in range(8)), f"c{CROWD}", f"c{CROWD + 1}"]


@pytest.mark.usefixtures("crowd")
def test_who_is_being_worked_for_already_comes_after_who_is_not() -> None:
    with db.writing() as s:
        taken = claim.claim(s, fair(), 2, {"crowd": 5, "late": 1})
    assert owners_of(taken) == ["later", "late"]


@pytest.mark.usefixtures("crowd")
def test_of_many_owners_those_who_wait_longest_are_taken_one_row_each() -> None:
    """Ten rows of each of forty: enough different ones are among the oldest, the shares need not be gone through."""
    with db.writing() as s:
        for row in s.query(Chore).filter(Chore.words == "crowd"):
            row.words = f"o{int(row.name[1:]) % 40:02}"
    asked: list[str] = []
    event.listen(db.engine(), "before_cursor_execute", lambda *about: asked.append(about[2]))
    with db.writing() as s:
        taken = claim.claim(s, fair(), 8, {"o02": 1, "o05": 3})
    assert owners_of(taken) == ["o00", "o01", "o03", "o04", "o06", "o07", "o08", "o09"]
    assert [words for words in asked if "row_number" in words] == []


@pytest.mark.usefixtures("crowd")
def test_a_single_order_of_another_is_next_in_line_behind_ten_thousand() -> None:
    """All threads are busy with the crowd when it comes; it takes the next one that is free."""
    done: list[str] = []

    def handle(mine: Claim) -> None:
        time.sleep(0.01)
        with db.writing() as s:
            row = claim.held(s, Chore, mine)
            assert row is not None
            done.append(row.words)
            claim.release(row, None)

    with db.writing() as s:
        s.query(Chore).filter(Chore.words != "crowd").update({"due_at": clock.now() + timedelta(days=1)})
    work = fair(handle, threads=4)
    drain = threading.Thread(target=claim.drain, args=((work,),), kwargs={"seconds": 60})
    drain.start()
    while len(done) < 20:
        time.sleep(0.005)
    with db.writing() as s:
        s.query(Chore).filter(Chore.words == "late").update({"due_at": clock.now()})
        before = len(done)
    drain.join(60)
    assert done.count("crowd") == CROWD
    # Those held when it comes are done first, and as many may be claimed while it is written.
    assert done.index("late") - before <= 2 * claim.HELD * work.threads


@pytest.mark.usefixtures("crowd")
def test_two_who_claim_at_once_share_out_the_rows() -> None:
    found: list[list[Claim]] = []

    def take() -> None:
        for _ in range(5):
            with db.writing() as s:
                found.append(claim.claim(s, fair(), 10))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    ids = [mine.id for taken in found for mine in taken]
    assert len(ids) == len(set(ids))
    # Eight of the crowd in each claim, whatever the others hold; only who was overtaken by several in between has fewer.
    assert sum(len(taken) >= 8 for taken in found) >= len(found) * 3 // 4


@pytest.mark.usefixtures("crowd")
def test_a_drain_that_lingers_takes_what_comes_and_ends_when_nothing_does() -> None:
    done: list[int] = []

    def handle(mine: Claim) -> None:
        with db.writing() as s:
            row = claim.held(s, Chore, mine)
            assert row is not None
            done.append(row.id)
            claim.release(row, None)

    with db.writing() as s:
        s.query(Chore).update({"due_at": None})
    drain = threading.Thread(target=claim.drain, args=((fair(handle),),), kwargs={"seconds": 30, "linger": 1.0})
    drain.start()
    time.sleep(0.4)
    with db.writing() as s:
        s.query(Chore).filter(Chore.words == "late").update({"due_at": clock.now()})
    begun = time.monotonic()
    while not done and drain.is_alive():
        time.sleep(0.01)
    assert done
    assert time.monotonic() - begun < 1.0
    drain.join(10)
    assert not drain.is_alive()
