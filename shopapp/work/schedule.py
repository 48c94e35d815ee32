"""The scheduler: looks for due rows every second and rings the bell of their queue. Any number of them is harmless."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.logs import event
from shopapp.records import db
from shopapp.records.models import Chore
from shopapp.work import bell
from shopapp.work.claim import Work, waiting

log = logging.getLogger(__name__)
TICK = 1.0  # seconds of the wall
HEARTBEAT = "heartbeat"
APART = timedelta(seconds=30)  # the two notes of a beat are written one after the other


def tick(queues: Mapping[str, Iterable[Work]]) -> list[str]:
    """Ring every queue that has due rows; the names rung."""
    rung = []
    for name, works in queues.items():
        with db.reading() as s:
            due = bool(waiting(s, works))
        if due and bell.ring(name):
            rung.append(name)
    return rung


def beat() -> None:
    """Note that the scheduler lives (read by /readyz and doctor), in the database and beside the queues."""
    now = clock.now()
    with db.writing() as s:
        db.insert_new(s, Chore, {"name": HEARTBEAT, "lease_token": "", "attempt": 0, "words": ""}, key=["name"])
        s.query(Chore).filter_by(name=HEARTBEAT).update({"done_at": now})
    bell.remember(HEARTBEAT, now)


def went_back() -> bool:
    """Whether the database is older than what the queue remembers of it: a backup was restored.

    False proves nothing: the queue may have lost its memory as well.
    """
    told = bell.recall(HEARTBEAT)
    if told is None:
        return False
    with db.reading() as s:
        kept = s.query(Chore.done_at).filter_by(name=HEARTBEAT).scalar()
    return kept is None or kept < told - APART


def alive(s: Session, within: timedelta = timedelta(seconds=90)) -> bool:
    """Whether a scheduler has beaten lately."""
    row = s.query(Chore).filter_by(name=HEARTBEAT).one_or_none()
    return bool(row and row.done_at and row.done_at > clock.now() - within)


def run(queues: Mapping[str, Iterable[Work]], stop: threading.Event, restored: Callable[[], object]) -> None:
    """Tick until told to stop. A database that does not answer is logged once and asked again.

    `restored` is called when the database has gone back in time, before that is forgotten.
    """
    down = False
    beaten = 0.0
    while not stop.wait(TICK):
        try:
            if clock.monotonic() - beaten > 10:
                if went_back():
                    restored()
                beat()
                beaten = clock.monotonic()
            tick(queues)
            if down:
                event(log, "database_back")
            down = False
        except SQLAlchemyError as error:
            if not down:
                event(log, "database_unreachable", logging.ERROR, error=type(error).__name__)
            down = True
