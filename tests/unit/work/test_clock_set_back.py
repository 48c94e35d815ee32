"""A machine whose clock was ahead and is set right: nothing sleeps until the time that it showed before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import Chore
from shopapp.work import bell, claim, schedule
from shopapp.work.claim import Work
from tests.stage import tables
from tests.stage.queue import Queue

QUEUES = {"bulk": (Work("chore", Chore, lambda _: None, lease=timedelta(minutes=10)), Work("short", Chore, print))}


@pytest.fixture(autouse=True)
def _day_ahead(tmp_path: Path, queue: Queue) -> Iterator[None]:
    """Two duties, done while the clock was a day ahead: one waits for its next time, one was being worked on."""
    queue.clear()
    bell.configure(queue.url, "shopapp.jobs.horse")
    db.use(create_engine(f"sqlite:///{tmp_path}/c.db", connect_args={"check_same_thread": False}))
    tables.make(db.engine())
    clock.travel(by=timedelta(days=1))
    with db.writing() as s:
        s.add(Chore(name="waits", due_at=clock.now() + timedelta(minutes=5)))
        s.add(Chore(name="dead", due_at=clock.now()))
        s.flush()
        assert claim.claim(s, QUEUES["bulk"][0])
    yield
    db.engine().dispose()
    bell.connection().close()
    bell.configure("", "")


def _free() -> int:
    with db.writing() as s:
        return len(claim.claim(s, QUEUES["bulk"][0]))


@pytest.mark.parametrize("by", [timedelta(days=-1), timedelta(seconds=-5), timedelta(days=1)])
def test_what_waits_is_due_and_what_was_held_is_free_after_its_lease(
    by: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "TICK", 0.05)
    stop = threading.Event()
    running = threading.Thread(target=schedule.run, args=(QUEUES, stop, lambda: None))
    running.start()
    stop.wait(0.5)
    clock.travel(by=by)
    stop.wait(0.5)
    stop.set()
    running.join(10)
    if by == timedelta(days=-1):
        assert _free() == 1
        clock.travel(by=timedelta(minutes=11))
        assert _free() == 2
    elif by < timedelta(0):
        assert _free() == 0, "a clock that is only kept right wakes nobody"
    else:
        assert _free() == 2
