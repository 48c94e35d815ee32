"""Reads all listings of an account's site: asked for, waited for, fetched to disk, taken in a thousand at a time.

They may come in parts, each of them fetched and taken in before the next. Read -> talk -> write, and between two batches
the row can be given back: whoever takes it over goes on where the last one stopped. Decides nothing about single
listings (`intake`, `link`) and pushes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from marketplaces.channel import Channel
from marketplaces.channels import registry
from marketplaces.data import ListingPart
from marketplaces.errors import PermissionMissing, Rejected, RemoteError, Transient
from shopapp import clock, verdict
from shopapp.accounts import line
from shopapp.alerts import incidents
from shopapp.listings import intake, missed, spool
from shopapp.listings.intake import Read
from shopapp.logs import context, event
from shopapp.records import db, journal
from shopapp.records.models import Account, AccountStatus, ListingRun, RunState, Shop, ShopStatus
from shopapp.work.claim import LEASE, Claim, held, release
from shopapp.work.turns import Turn

log = logging.getLogger(__name__)
CALL = "listings"
UNREAD = "listings_unread"  # the incident of a read that was given up
BATCH = 1000
SECONDS = 10.0  # of the wall that one claim takes batches in; then others have their turn
FETCHING = timedelta(minutes=10)  # the lease while a file comes: longer than its deadline
WAITING = timedelta(minutes=5)  # while the account or the shop cannot be worked on
LOOK_FIRST, LOOK_LONGEST = timedelta(seconds=15), timedelta(minutes=2)  # between two looks at a report
TRIES = 4  # of a report that the marketplace gives up
LONGEST = 255  # characters of a ticket


@dataclass(frozen=True, slots=True)
class Task:
    """A claimed read, detached from any transaction."""

    read: Read
    name: str  # of its spool
    channel: Channel
    asked: bool
    ticket: str
    fetched: bool  # the part that `ticket` names
    offset: int  # in that part's spool


def due_read(mine: Claim) -> None:
    """Go on with the claimed read. Owns its transactions."""
    task = _begin(mine)
    if task is None:
        return
    with context(account=task.read.account_id, run=task.read.run_id):
        try:
            if not task.asked:
                _ask(mine, task)
                return
            ends, left = clock.monotonic() + SECONDS, task
            while (ready := _ready(mine, left)) is not None:
                following = _take(mine, ready, ends)
                if following is None:
                    return
                left = following
        except line.NotLinked:
            _trouble(mine, None)
        except RemoteError as error:
            _trouble(mine, error)


# --- read -------------------------------------------------------------------------------------------------------------


def _begin(mine: Claim) -> Task | None:
    with db.writing() as s:
        run = held(s, ListingRun, mine)
        if run is None:
            return None
        account = s.get_one(Account, run.account_id)
        shop = s.get_one(Shop, run.shop_id)
        channel = registry().get(account.channel)
        gone = shop.status == ShopStatus.UNINSTALLED or account.status == AccountStatus.DEACTIVATED
        if run.state not in (RunState.QUEUED, RunState.RUNNING) or gone or channel is None or channel.selling is None:
            _end(run, RunState.STOPPED)
            return None
        wait = _waits(s, account, shop)
        if wait is not None:
            release(run, wait)
            return None
        params = dict(run.params or {})
        asked = params.get("asked_at", "")
        seen_at = datetime.fromisoformat(asked) if asked else clock.now()
        if asked:
            run.lease_until = clock.now() + spool.on_the_wall(FETCHING)
        read = Read(run.id, run.shop_id, account.id, run.site, seen_at)
        fetched = bool(params.get("fetched"))
        return Task(read, f"run-{run.uid}", channel, bool(asked), run.ticket, fetched, int(run.progress or 0))


def _waits(s: Session, account: Account, shop: Shop) -> datetime | None:
    """Until when nothing can be read, None when it can. A pause stops what changes something; reading does not."""
    if shop.status != ShopStatus.ACTIVE or account.status != AccountStatus.ACTIVE or not account.credentials:
        return clock.now() + WAITING
    return verdict.breaker_open_until(s, account.channel, account.realm)


# --- talk -------------------------------------------------------------------------------------------------------------


def _ask(mine: Claim, task: Task) -> None:
    asked_at = clock.now()
    account_id, site = task.read.account_id, task.read.site
    ticket = line.speak(account_id, lambda to: task.channel.ask_for_listings(to, site), turn=Turn.BULK)
    with db.writing() as s:
        run = held(s, ListingRun, mine)
        if run is not None:
            run.state, run.ticket, run.progress = RunState.RUNNING, ticket, ""
            run.found = run.refused = run.done = 0
            run.params = {**_kept(run), "asked_at": asked_at.isoformat(), "looks": 0}
            release(run, clock.now() + (LOOK_FIRST if ticket else timedelta(0)))


def _kept(run: ListingRun) -> dict[str, Any]:
    return {key: value for key, value in (run.params or {}).items() if key in ("tries",)}


def _ready(mine: Claim, task: Task) -> Task | None:
    """The task with its part on this machine; None when the marketplace is to be looked at again later."""
    return task if task.fetched and spool.there(task.name) else _fetch(mine, task)


def _fetch(mine: Claim, task: Task) -> Task | None:
    """Have the rows of a part on this machine, whole or not at all. None: not ready there, or the row is not ours."""
    part = line.speak(
        task.read.account_id,
        lambda to: task.channel.read_listings(to, task.read.site, task.ticket),
        turn=Turn.BULK,
    )
    if part is None:
        _look_later(mine)
        return None
    if len(part.next) > LONGEST or (part.next and part.next == task.ticket):
        raise Transient("a list of listings that has no end", call=CALL)
    bad = 0

    def lines(part: ListingPart) -> Iterator[bytes]:
        nonlocal bad
        for one in part.rows:
            row = intake.packed(one)
            bad += not row
            yield row

    count = spool.fill(task.name, lines(part))
    with db.writing() as s:
        run = held(s, ListingRun, mine)
        if run is None:
            return None
        _fetched(run, part.next, count - bad, bad, spool.size(task.name))
        event(log, "listings_fetched", run=run.id, rows=count, unreadable=bad)
        return replace(task, fetched=True, offset=int(run.progress or 0))


def _look_later(mine: Claim) -> None:
    with db.writing() as s:
        run = held(s, ListingRun, mine)
        if run is not None:
            looks = int((run.params or {}).get("looks", 0))
            run.params = {**(run.params or {}), "looks": looks + 1}
            release(run, clock.now() + min(LOOK_FIRST * 2 ** min(looks, 5), LOOK_LONGEST), attempt=0)


def _fetched(run: ListingRun, following: str, good: int, bad: int, size: int) -> None:
    """A part is here. Fetched a second time (another machine, a lost spool) it counts once; when it is no longer the
    same, its rows are taken in from the first one."""
    params = dict(run.params or {})
    before = params.setdefault("before", [run.found, run.refused, run.done])
    if params.get("size", size) != size:
        run.progress, run.done = "", before[2]
    run.found, run.refused = before[0] + good, before[1] + bad
    run.params = {**params, "fetched": True, "next": following, "size": size}
    run.lease_until = clock.now() + spool.on_the_wall(LEASE)


# --- write ------------------------------------------------------------------------------------------------------------


def _take(mine: Claim, task: Task, ends: float) -> Task | None:
    """Batches from where the last claim stopped, until the time is up or the part is taken in. The part that follows."""
    pause = False
    for lines, offset in spool.batches(task.name, task.offset, BATCH):
        listings = intake.unpacked(lines, task.read.site)
        with db.writing() as s:
            run = held(s, ListingRun, mine)
            if run is None:
                return None
            made = intake.batch(s, task.read, listings)
            run.progress, run.done = str(offset), run.done + sum(map(bool, lines))
            run.lease_until, run.attempt = clock.now() + spool.on_the_wall(LEASE), 0
            pause = clock.monotonic() >= ends
            if pause:
                release(run, clock.now())
        made.ring()
        if pause:
            return None
    with db.writing() as s:
        run = held(s, ListingRun, mine)
        if run is None:
            return None
        following = str((run.params or {}).get("next", ""))
        if following:
            asked = {key: value for key, value in (run.params or {}).items() if key in ("tries", "asked_at")}
            run.params, run.ticket, run.progress, run.attempt = asked, following, "", 0
            run.lease_until = clock.now() + spool.on_the_wall(FETCHING)
            pause = clock.monotonic() >= ends
            if pause:
                release(run, clock.now())
    if following:
        return None if pause else replace(task, ticket=following, fetched=False, offset=0)
    _finish(mine, task)
    return None


def _finish(mine: Claim, task: Task) -> None:
    """What was not seen is no longer live, a batch a transaction; then the read is done."""
    while True:
        with db.writing() as s:
            run = held(s, ListingRun, mine)
            if run is None:
                return
            # Rows that could not be read may be any of those that were not seen.
            if not run.refused and intake.unseen(s, task.read, BATCH) == BATCH:
                run.lease_until = clock.now() + spool.on_the_wall(LEASE)
                continue
            _end(run, RunState.DONE)
            run.words = ""
            account = s.get_one(Account, run.account_id)
            for kind, about in ((UNREAD, _subject(account)), ("permission_missing", _subject(account))):
                incidents.resolve(s, run.shop_id, kind, about, "works_again")
            about = verdict.subject(account)
            if run.found or run.refused or len(account.sites) < 2:  # one line a night, not one for each idle site
                journal.note(s, run.shop_id, about, "listings_read", found=run.found, refused=run.refused)
            event(log, "listings_read", run=run.id, rows=run.done, unreadable=run.refused)
        spool.drop(task.name)
        missed.link_missed(task.read.shop_id)
        return


def _end(run: ListingRun, state: RunState) -> None:
    run.state, run.ended_at = state, clock.now()
    release(run, None)


def _subject(account: Account) -> str:
    """Not the account's own: its polls go well and would resolve what only a read can mend."""
    return f"{verdict.subject(account)}:listings"


def _trouble(mine: Claim, error: RemoteError | None) -> None:
    """Judged by the one table. A report that the marketplace gave up is asked for anew a few times, then told."""
    with db.writing() as s:
        run = held(s, ListingRun, mine)
        if run is None:
            return
        if error is None:
            release(run, clock.now() + WAITING)
            return
        account = s.get_one(Account, run.account_id)
        found = verdict.judge(error, "account", run.attempt)
        run.words = error.words
        if isinstance(error, Rejected):
            _given_up(s, run, account, error)
            return
        if isinstance(error, PermissionMissing):
            params = {**verdict.naming(account, error, CALL), "what": error.what, "cause": error.what}
            incidents.open_(s, run.shop_id, "permission_missing", _subject(account), params, error.words)
        elif found.account_status is not None or found.incident:
            verdict.apply_account(s, account, error, CALL)
        release(run, clock.now() + found.delay, attempt=run.attempt + int(found.used_attempt))


def _given_up(s: Session, run: ListingRun, account: Account, error: Rejected) -> None:
    tries = int((run.params or {}).get("tries", 0)) + 1
    spool.drop(f"run-{run.uid}")
    run.params, run.ticket, run.progress, run.state = {"tries": tries}, "", "", RunState.QUEUED
    event(log, "listings_unread", logging.WARNING, run=run.id, tries=tries, reason=error.reason)
    if tries < TRIES:
        release(run, clock.now() + verdict.delay(tries), attempt=0)
        return
    _end(run, RunState.FAILED)
    params = {**verdict.naming(account, error, CALL), "cause": error.reason or "other"}
    incidents.open_(s, run.shop_id, UNREAD, _subject(account), params, error.words)
    journal.note(s, run.shop_id, verdict.subject(account), "listings_unread", error.words)
