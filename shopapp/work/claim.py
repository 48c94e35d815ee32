"""Claims: due rows are taken by lease, worked on in threads, and written back only where the lease still holds.

A `Work` names a table of due rows and the function that handles one. `drain` keeps threads busy for about 20 seconds and
stops claiming then. Whoever dies leaves a lease behind that runs out; nothing else is needed to recover.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from time import sleep as pause
from typing import Any, TypeVar

from sqlalchemy import BigInteger, ColumnElement, any_, bindparam, cast, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.logs import context, event
from shopapp.records import db
from shopapp.records.models.due import Due

log = logging.getLogger(__name__)
LEASE = timedelta(seconds=120)
BATCH = 32
THREADS = 16
HELD = 2  # rows of a kind for each of its threads: the one it works on, and the next, so that none waits for a claim
SECONDS = 20.0
LOOK = 0.1  # seconds between two looks of a drain that lingers
TOGETHER = 0.02  # seconds in which what is done is seen at once: each look takes time from the threads that work
LOOK_BUSY = 0.25  # of one that works on other kinds: with every look it asks about all of them
LOOKED_AHEAD = 4  # so many times the rows wanted are looked at before the shares are gone through
UNKNOWN_ERROR_DELAY = timedelta(hours=1)
COLLISION_DELAY = timedelta(seconds=1)
OUTAGE_DELAY = timedelta(seconds=5)

Row = TypeVar("Row", bound=Due)
Conditions = Callable[[], Iterable[ColumnElement[bool]]]


Running = dict[Future[None], "tuple[Work, Claim]"]


def _always() -> Iterable[ColumnElement[bool]]:
    return ()


@dataclass(frozen=True, slots=True)
class Claim:
    """One claimed row: its id and the token that proves we still hold it. `share` is whose turn it was."""

    id: int
    token: str
    share: Any = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of work. `handle(claim)` owns its transactions; `only` narrows which due rows belong to this kind: always the
    same ones, it is asked once.

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


_NOW: Any = bindparam("now", type_=db.Moment())


def _due(work: Work) -> list[ColumnElement[bool]]:
    model = work.model
    free = or_(model.lease_until.is_(None), model.lease_until < _NOW)
    return [model.due_at <= _NOW, free, *work.only()]


def claim(s: Session, work: Work, limit: int = BATCH, busy: Mapping[Any, int] | None = None) -> list[Claim]:
    """Take up to `limit` due rows: one of each share in turn, the oldest due first.

    `busy` tells how many rows of a share this process works on already: those shares come after the idle ones.
    """
    now, token = clock.now(), secrets.token_hex(16)
    rows = _waiting(s, work, limit, busy or {}, now)
    shares = dict(_in_turn(work, rows, busy or {}))
    taken = _take(s, work, list(shares), min(limit, _at_most(work, rows)), token, now)
    return [Claim(row_id, token, shares[row_id]) for row_id in taken]


def _waiting(s: Session, work: Work, limit: int, busy: Mapping[Any, int], now: datetime) -> list[tuple[int, Any]]:
    """(id, share) of the rows to choose from, the oldest due first; no share is missing whose turn could be now."""
    most = limit * LOOKED_AHEAD
    rows = [(row.id, row.share) for row in s.execute(_oldest(work), {"now": now, "most": most})]
    if not work.share or len(rows) < most:
        return rows
    if len({share for _, share in rows if not busy.get(share)}) >= limit:
        return rows  # one each of those who have waited longest is all that is taken
    # Many wait, and whoever has waited longest may own all of these. The first few of every share, then.
    firsts = s.execute(_first_of_each(work), {"now": now, "most": most})
    return list(dict.fromkeys([*((row.id, row.share) for row in firsts), *rows]))


# A drain asks these all the time: put together anew with each claim, they would cost more than the database takes.
@lru_cache(maxsize=64)
def _oldest(work: Work) -> Any:
    return _shares(work).order_by(_order(work), work.model.id).limit(bindparam("most"))


@lru_cache(maxsize=64)
def _first_of_each(work: Work) -> Any:
    model, order = work.model, _order(work)
    place = func.row_number().over(partition_by=getattr(model, work.share), order_by=(order, model.id)).label("place")
    each = _shares(work).add_columns(order.label("since"), place).subquery()
    few = select(each.c.id, each.c.share).where(each.c.place <= work.per_share)
    return few.order_by(each.c.place, each.c.since, each.c.id).limit(bindparam("most"))


def _shares(work: Work) -> Any:
    share = getattr(work.model, work.share) if work.share else literal(None)
    return select(work.model.id, share.label("share")).where(*_due(work))


def _order(work: Work) -> Any:
    return work.order() if work.order else work.model.due_at


def _at_most(work: Work, rows: list[tuple[int, Any]]) -> int:
    """How many of `rows` a batch may hold; the others only stand in for those that somebody else takes right now."""
    if not work.share:
        return len(rows)
    return sum(min(work.per_share, many) for many in Counter(share for _, share in rows).values())


def _in_turn(work: Work, rows: list[tuple[int, Any]], busy: Mapping[Any, int]) -> list[tuple[int, Any]]:
    """The rows in the order in which they are taken: nobody gets a second one before everybody had one."""
    if not work.share:
        return rows
    taken: Counter[Any] = Counter(busy)
    places = []
    for at, (row_id, share) in enumerate(rows):
        places.append((taken[share], at, row_id, share))
        taken[share] += 1
    return [(row_id, share) for _, _, row_id, share in sorted(places, key=lambda one: one[:2])]


def _take(s: Session, work: Work, ids: list[int], limit: int, token: str, now: datetime) -> list[int]:
    """Lease the first `limit` of `ids` that nobody else is claiming in this moment; which, in their order."""
    if not ids:
        return []
    values = {"to_token": token, "to_until": now + work.lease}
    if not db.locks_rows(s):  # one writer: nobody else is claiming
        s.connection().execute(_leasing(work), values | {"ids": ids[:limit]})
        return ids[:limit]
    more = {"ids": ids, "in_turn": ids, "now": now, "most": limit}
    taken = set(s.connection().scalars(_leasing_free(work), values | more))
    return [row_id for row_id in ids if row_id in taken]


@lru_cache(maxsize=64)
def _leasing(work: Work) -> Any:
    table = work.model.__table__
    return _leased(work).where(table.c.id.in_(bindparam("ids", expanding=True)))


@lru_cache(maxsize=64)
def _leasing_free(work: Work) -> Any:
    """One statement that chooses, locks and leases. The rows chosen come as an array, so that they are chosen once."""
    row_id = work.model.id
    in_turn = bindparam("in_turn", type_=ARRAY(BigInteger))
    chosen = select(row_id).where(row_id == any_(bindparam("ids", type_=ARRAY(BigInteger))), *_due(work))
    chosen = chosen.order_by(func.array_position(in_turn, cast(row_id, BigInteger))).limit(bindparam("most"))
    free = chosen.with_for_update(key_share=True, skip_locked=True).correlate(None).scalar_subquery()
    table = work.model.__table__
    return _leased(work).where(table.c.id == any_(func.array(free))).returning(table.c.id)


def _leased(work: Work) -> Any:
    taken = {"lease_token": bindparam("to_token"), "lease_until": bindparam("to_until", type_=db.Moment())}
    return update(work.model.__table__).values(taken)


def held(s: Session, model: type[Row], mine: Claim) -> Row | None:
    """The claimed row, locked, if our lease still holds it; None when another has taken over (then stop)."""
    anything: Any = model
    found = _held(anything, db.locks_rows(s))
    row: Row | None = s.execute(found, {"mine": mine.id, "lease": mine.token}).unique().scalar_one_or_none()
    return row


@lru_cache(maxsize=32)
def _held(model: Any, locking: bool) -> Any:
    found = select(model).where(model.id == bindparam("mine"), model.lease_token == bindparam("lease"))
    return found.with_for_update(key_share=True, of=model) if locking else found


def release(row: Due, due_at: datetime | None, *, attempt: int | None = None) -> None:
    """Give the row back, due again at `due_at` (None: nothing left to do)."""
    row.due_at, row.lease_token, row.lease_until = due_at, "", None
    if attempt is not None:
        row.attempt = attempt


def waiting(s: Session, works: Iterable[Work]) -> list[Work]:
    """Of these kinds those of which a row waits for a drain right now; one statement, whatever their number."""
    kinds = tuple(works)
    if not kinds:
        return []
    firsts = s.execute(_look(kinds), {"now": clock.now()}).one()
    return [work for work, first in zip(kinds, firsts, strict=True) if first is not None]


@lru_cache(maxsize=64)
def _look(kinds: tuple[Work, ...]) -> Any:
    """Ordered, although any row would do: so that each is the first of an index, whatever is known of its table."""
    firsts = (select(work.model.id).where(*_due(work)).order_by(work.model.due_at).limit(1) for work in kinds)
    return select(*(first.scalar_subquery().label(f"of_{at}") for at, first in enumerate(firsts)))


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
            elif isinstance(error, IntegrityError) and _gone(work, mine):
                event(log, "work_erased")  # what was being worked on went away meanwhile, with all of its shop
            else:
                log.exception("work_crashed")
                _give_back(work, mine, UNKNOWN_ERROR_DELAY, used_attempt=True)


def _gone(work: Work, mine: Claim) -> bool:
    with db.reading() as s:
        return s.get(work.model, mine.id) is None


def _give_back(work: Work, mine: Claim, delay: timedelta, *, used_attempt: bool) -> None:
    try:
        with db.writing() as s:
            row = held(s, work.model, mine)
            if row is not None:
                release(row, clock.now() + delay, attempt=row.attempt + used_attempt)
    except SQLAlchemyError as error:  # no database, no way to say so: the lease runs out by itself
        event(log, "work_not_given_back", logging.WARNING, error=type(error).__name__)


def left(works: Iterable[Work]) -> bool:
    """Whether a row of any of these kinds waits right now."""
    with db.reading() as s:
        return bool(waiting(s, works))


def drain(
    works: Iterable[Work], seconds: float = SECONDS, stop: threading.Event | None = None, *, linger: float = 0.0
) -> int:
    """Work on all that is due of these kinds, in threads, until nothing is left or the time is up; how many were handled.

    Each kind has threads of its own, so that a busy one keeps no other waiting. With `linger` (seconds) it waits that
    long for more before it ends: what comes in a steady drip needs no new drain each time.
    """
    ends = clock.monotonic() + seconds
    handled = 0
    kinds = list(works)
    running: Running = {}
    looks = _Looks()
    idle_since: float | None = None
    with ExitStack() as stack:
        pools = {work: stack.enter_context(ThreadPoolExecutor(work.threads, f"drain-{work.name}")) for work in kinds}
        while clock.monotonic() < ends and not (stop and stop.is_set()):
            found = 0
            for work, room in _with_room(pools, running, looks):
                claims = _claim_more(work, room, running)
                looks.claimed(work, len(claims) >= room)
                found += len(claims)
                running.update({pools[work].submit(run, work, mine): (work, mine) for mine in claims})
            if running:
                if wait(running, timeout=0.5, return_when=FIRST_COMPLETED).not_done:
                    pause(TOGETHER)
                before = len(running)
                running = {future: one for future, one in running.items() if not future.done()}
                handled += before - len(running)
                idle_since = None
            elif not found:
                idle_since = idle_since or clock.monotonic()
                if not _more_comes(kinds, min(ends, idle_since + linger), stop):
                    break
        done, _ = wait(running)
        handled += len(done)
    event(log, "drained", logging.DEBUG, handled=handled)
    return handled


def _more_comes(kinds: list[Work], until: float, stop: threading.Event | None) -> bool:
    """Wait for due rows until then; whether there are any."""
    while clock.monotonic() < until and not (stop and stop.is_set()):
        pause(LOOK)
        if left(kinds):
            return True
    return False


@dataclass(slots=True)
class _Looks:
    """Of which kinds a drain knows that more waits, and when it saw last that nothing did."""

    more: set[Work] = field(default_factory=set)
    nothing_at: dict[Work, float] = field(default_factory=dict)

    def claimed(self, work: Work, as_many_as_wanted: bool) -> None:
        """A claim tells whether more may wait."""
        if as_many_as_wanted:
            self.more.add(work)
        else:
            self.more.discard(work)
            self.nothing_at[work] = clock.monotonic()

    def worth(self, work: Work) -> bool:
        """Whether to look again while others are under way: a busy drain would ask with each row that is done."""
        return work in self.more or clock.monotonic() - self.nothing_at.get(work, -LOOK_BUSY) >= LOOK_BUSY


def _with_room(kinds: Iterable[Work], running: Running, looks: _Looks) -> list[tuple[Work, int]]:
    """The kinds of which rows wait and more can be worked on, and how many more."""
    under_way = Counter(work for work, _ in running.values())
    rooms = {work: min(BATCH, HELD * work.threads - under_way[work]) for work in kinds}
    # A transaction for one or two rows is not worth it while others are under way.
    wanted = [work for work, room in rooms.items() if not running or (room >= work.threads and looks.worth(work))]
    found = [work for work in wanted if work in looks.more]
    unsure = [work for work in wanted if work not in looks.more]
    if unsure:
        with db.reading() as s:
            seen = set(waiting(s, kinds))  # of all, so that it is one statement, put into words once
        for work in unsure:
            if work not in seen:
                looks.claimed(work, False)
        found += [work for work in unsure if work in seen]
    return [(work, max(1, rooms[work])) for work in wanted if work in found]


def _claim_more(work: Work, room: int, running: Running) -> list[Claim]:
    busy = Counter(claimed.share for kind, claimed in running.values() if kind is work)
    with db.writing() as s:
        return claim(s, work, room, busy)
