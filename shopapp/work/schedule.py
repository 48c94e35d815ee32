"""The scheduler: looks for due rows every second and rings the bell of their queue. Any number of them is harmless."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.logs import event
from shopapp.records import db
from shopapp.records.models import Chore
from shopapp.work import bell
from shopapp.work.claim import Work, anything_due

log = logging.getLogger(__name__)
TICK = 1.0  # seconds of the wall
HEARTBEAT = "heartbeat"


def tick(queues: Mapping[str, Iterable[Work]]) -> list[str]:
    """Ring every queue that has due rows; the names rung."""
    rung = []
    for name, works in queues.items():
        with db.reading() as s:
            due = any(anything_due(s, work) for work in works)
        if due and bell.ring(name):
            rung.append(name)
    return rung


def beat() -> None:
    """Note that the scheduler lives (read by /readyz and doctor)."""
    with db.writing() as s:
        db.insert_new(s, Chore, {"name": HEARTBEAT, "lease_token": "", "attempt": 0, "words": ""}, key=["name"])
        s.query(Chore).filter_by(name=HEARTBEAT).update({"done_at": clock.now()})


def alive(s: Session, within: timedelta = timedelta(seconds=90)) -> bool:
    """Whether a scheduler has beaten lately."""
    row = s.query(Chore).filter_by(name=HEARTBEAT).one_or_none()
    return bool(row and row.done_at and row.done_at > clock.now() - within)


def run(queues: Mapping[str, Iterable[Work]], stop: threading.Event) -> None:
    """Tick until told to stop. A database that does not answer is logged once and asked again."""
    down = False
    beaten = 0.0
    while not stop.wait(TICK):
        try:
            tick(queues)
            if clock.monotonic() - beaten > 10:
                beat()
                beaten = clock.monotonic()
            if down:
                event(log, "database_back")
            down = False
        except SQLAlchemyError as error:
            if not down:
                event(log, "database_unreachable", logging.ERROR, error=type(error).__name__)
            down = True
