"""Claims: due rows are taken by lease, worked on in threads, and written back only where the lease still holds.

A `Work` names a table of due rows and the function that handles one. `drain` keeps threads busy for about 20 seconds and
stops claiming then. Whoever dies leaves a lease behind that runs out; nothing else is needed to recover.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.logs import context, event
from shopapp.records import db
from shopapp.records.models.due import Due

log = logging.getLogger(__name__)
LEASE = timedelta(seconds=120)
BATCH = 32
THREADS = 16
SPARE = 4  # claimed beyond the threads of a kind, so that no thread waits for the next claim
SECONDS = 20.0
UNKNOWN_ERROR_DELAY = timedelta(hours=1)
COLLISION_DELAY = timedelta(seconds=1)
OUTAGE_DELAY = timedelta(seconds=5)

Row = TypeVar("Row", bound=Due)
Conditions = Callable[[], Iterable[ColumnElement[bool]]]


def _always() -> Iterable[ColumnElement[bool]]:
    return ()


@dataclass(frozen=True, slots=True)
class Claim:
    """One claimed row: its id and the token that proves we still hold it."""

    id: int
    token: str


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of work. `handle(claim)` owns its transactions; `only` narrows which due rows belong to this kind.

    `share(model)` is the column by which rows are dealt out fairly (at most `per_share` of one share in a batch).
    """

    name: str
    model: Any
    handle: Callable[[Claim], None]
    only: Conditions = _always
    lease: timedelta = LEASE
    order: Callable[[], Any] | None = None
    threads: int = THREADS
    share: str = ""
    per_share: int = field(default=8)


def _due(work: Work, now: datetime) -> list[ColumnElement[bool]]:
    model = work.model
    free = or_(model.lease_until.is_(None), model.lease_until < now)
    return [model.due_at <= now, free, *work.only()]


def claim(s: Session, work: Work, limit: int = BATCH) -> list[Claim]:
    """Take up to `limit` due rows; oldest due first, dealt out over the shares."""
    now, model = clock.now(), work.model
    rows = select(model.id).where(*_due(work, now))
    if work.share:
        rows = rows.add_columns(getattr(model, work.share))
    order = work.order() if work.order else model.due_at
    rows = rows.order_by(order, model.id).limit(limit * (4 if work.share else 1))
    locked = rows.with_for_update(key_share=True, skip_locked=True) if db.locks_rows(s) else rows
    ids: list[int] = []
    taken: dict[Any, int] = {}
    for row in s.execute(locked):
        share = row[1] if work.share else None
        if work.share and taken.get(share, 0) >= work.per_share:
            continue
        taken[share] = taken.get(share, 0) + 1
        ids.append(row[0])
        if len(ids) == limit:
            break
    if not ids:
        return []
    token = secrets.token_hex(16)
    s.execute(update(model).where(model.id.in_(ids)).values(lease_token=token, lease_until=now + work.lease))
    return [Claim(row_id, token) for row_id in ids]


def held(s: Session, model: type[Row], mine: Claim) -> Row | None:
    """The claimed row, locked, if our lease still holds it; None when another has taken over (then stop)."""
    anything: Any = model
    found = select(anything).where(anything.id == mine.id, anything.lease_token == mine.token)
    if db.locks_rows(s):
        found = found.with_for_update(key_share=True, of=anything)
    row: Row | None = s.execute(found).unique().scalar_one_or_none()
    return row


def release(row: Due, due_at: datetime | None, *, attempt: int | None = None) -> None:
    """Give the row back, due again at `due_at` (None: nothing left to do)."""
    row.due_at, row.lease_token, row.lease_until = due_at, "", None
    if attempt is not None:
        row.attempt = attempt


def anything_due(s: Session, work: Work) -> bool:
    """Whether a row of this kind waits for a drain right now."""
    return s.execute(select(work.model.id).where(*_due(work, clock.now())).limit(1)).first() is not None


def run(work: Work, mine: Claim) -> None:
    """Handle one claim. Any exception that escapes is our bug: logged with its trace, the row comes back in an hour.

    Two transactions that met and undid one of them, and a database that went away, are nobody's bug: the row comes back
    at once or soon.
    """
    with context(job=work.name, row=mine.id):
        try:
            work.handle(mine)
        except Exception as error:
            if db.collided(error):
                event(log, "work_collided", logging.WARNING)
                _give_back(work, mine, COLLISION_DELAY, used_attempt=False)
            elif db.unreachable(error):
                event(log, "work_without_database", logging.WARNING, error=type(error).__name__)
                _give_back(work, mine, OUTAGE_DELAY, used_attempt=False)
            else:
                log.exception("work_crashed")
                _give_back(work, mine, UNKNOWN_ERROR_DELAY, used_attempt=True)


def _give_back(work: Work, mine: Claim, delay: timedelta, *, used_attempt: bool) -> None:
    try:
        with db.writing() as s:
            row = held(s, work.model, mine)
            if row is not None:
                release(row, clock.now() + delay, attempt=row.attempt + used_attempt)
    except SQLAlchemyError as error:  # no database, no way to say so: the lease runs out by itself
        event(log, "work_not_given_back", logging.WARNING, error=type(error).__name__)


def drain(works: Iterable[Work], seconds: float = SECONDS, stop: threading.Event | None = None) -> int:
    """Work on all that is due of these kinds, in threads, until nothing is left or the time is up; how many were handled.

    Each kind has threads of its own, so that a busy one keeps no other waiting.
    """
    ends = clock.monotonic() + seconds
    handled = 0
    kinds = list(works)
    running: dict[Future[None], Work] = {}
    with ExitStack() as stack:
        pools = [stack.enter_context(ThreadPoolExecutor(work.threads, f"drain-{work.name}")) for work in kinds]
        while clock.monotonic() < ends and not (stop and stop.is_set()):
            found = 0
            for work, pool in zip(kinds, pools, strict=True):
                claims = _claim_more(work, running)
                found += len(claims)
                running.update({pool.submit(run, work, mine): work for mine in claims})
            if running:
                done, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                handled += len(done)
                running = {future: work for future, work in running.items() if future not in done}
            elif not found:
                break
        done, _ = wait(running)
        handled += len(done)
    event(log, "drained", logging.DEBUG, handled=handled)
    return handled


def _claim_more(work: Work, running: dict[Future[None], Work]) -> list[Claim]:
    room = min(BATCH, work.threads + SPARE - sum(kind is work for kind in running.values()))
    if room < SPARE and running:  # a transaction for one or two rows is not worth it while others are under way
        return []
    with db.writing() as s:
        return claim(s, work, max(1, room))
