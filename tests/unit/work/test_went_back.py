"""A restored backup is noticed by what the queue remembers; nothing is noticed without reason."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, delete, update

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import Chore
from shopapp.work import bell, schedule
from tests.stage import tables
from tests.stage.queue import Queue


@pytest.fixture(autouse=True)
def _beaten(tmp_path: Path, queue: Queue) -> Iterator[None]:
    """A database and a queue that have just noted a beat."""
    queue.clear()
    bell.configure(queue.url, "shopapp.jobs.horse")
    db.use(create_engine(f"sqlite:///{tmp_path}/c.db"))
    tables.make(db.engine())
    schedule.beat()
    yield
    db.engine().dispose()
    bell.connection().close()
    bell.configure("", "")


def _set_back(by: timedelta) -> None:
    with db.writing() as s:
        s.execute(update(Chore).values(done_at=clock.now() - by))


def test_a_database_of_a_minute_ago_is_noticed_once() -> None:
    _set_back(timedelta(minutes=1))
    assert schedule.went_back()
    schedule.beat()
    assert not schedule.went_back()


def test_a_database_from_before_the_first_beat_is_noticed() -> None:
    with db.writing() as s:
        s.execute(delete(Chore))
    assert schedule.went_back()


def test_a_long_rest_is_no_restored_backup() -> None:
    clock.travel(by=timedelta(days=3))
    assert not schedule.went_back()


def test_a_queue_without_memory_proves_nothing(queue: Queue) -> None:
    _set_back(timedelta(minutes=10))
    queue.clear()
    assert not schedule.went_back()
    bell.connection().set("shopapp:heartbeat", "not a moment")
    assert not schedule.went_back()


def test_the_scheduler_says_so_before_it_beats_again() -> None:
    _set_back(timedelta(minutes=10))
    stop, told = threading.Event(), []

    def restored() -> None:
        told.append(schedule.went_back())
        stop.set()

    schedule.run({}, stop, restored)
    assert told == [True]
    assert not schedule.went_back()
