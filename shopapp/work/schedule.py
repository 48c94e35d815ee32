"""The scheduler: looks for due rows every second and rings the bell of their queue. Any number of them is harmless."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

from sqlalchemy import update
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


def lead() -> float:
    """How far our time is ahead of the time that nobody can set, in seconds of the wall; changes when a clock is set."""
    return clock.real_seconds(clock.now().timestamp()) - clock.monotonic()


def wake(queues: Mapping[str, Iterable[Work]]) -> None:
    """The clock was set back: what is due by the time it showed before would sleep until it shows that again.

    All of it is due now, whatever the reason for its waiting; leases end as if they had just been taken.
    """
    now = clock.now()
    longest = {work.model: work.lease for works in queues.values() for work in sorted(works, key=lambda one: one.lease)}
    for model, lease in longest.items():
        with db.writing() as s:
            asleep = update(model).where(model.due_at > now).values(due_at=now)
            s.execute(asleep.execution_options(synchronize_session=False))
            held = update(model).where(model.lease_until > now + lease).values(lease_until=now + lease)
            s.execute(held.execution_options(synchronize_session=False))


def run(queues: Mapping[str, Iterable[Work]], stop: threading.Event, restored: Callable[[], object]) -> None:
    """Tick until told to stop. A database that does not answer is logged once and asked again.

    `restored` is called when the database has gone back in time, before that is forgotten.
    """
    down = False
    beaten, ahead = 0.0, lead()
    while not stop.wait(TICK):
        try:
            if lead() < ahead - APART.total_seconds():
                event(log, "clock_set_back", logging.WARNING, seconds=int(ahead - lead()))
                wake(queues)
            ahead = lead()
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
