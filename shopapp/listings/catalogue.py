"""The whole catalogue of a shop by Shopify's bulk run: every night, on first need, on request. The net under messages.

Begun -> waited for -> fetched to disk -> written a thousand variants at a time. What a complete run did not name is not
believed to be gone but asked for one by one.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from marketplaces.errors import Rejected, RemoteError, Transient
from shopapp import clock, verdict
from shopapp.listings import duties, missed, spool, variants
from shopapp.listings.variants import Seen
from shopapp.logs import context, event
from shopapp.records import db
from shopapp.records.models import Shop, ShopStatus, ShopSweep, Variant
from shopapp.shopify_admin import bulk, tokens
from shopapp.work import bell
from shopapp.work.claim import LEASE, Claim, held, release

log = logging.getLogger(__name__)
DOCUMENT = "BulkCatalogue"
BATCH = 1000  # variants of one transaction
LINES = 1000  # read from the disk at once
SECONDS = 10.0  # of the wall that one claim writes; then others have their turn
FETCHING = timedelta(minutes=10)
LOOK_FIRST, LOOK_LONGEST = timedelta(seconds=5), timedelta(minutes=2)
WAITING = timedelta(minutes=5)
UNSEEN = 5000  # rows set due by one statement


@dataclass(frozen=True, slots=True)
class Task:
    """A claimed sweep, detached from any transaction. `offset` is None while its file is not here."""

    sweep_id: int
    shop_id: int
    currency: str
    ticket: str
    began_at: datetime
    offset: int | None
    attempt: int

    @property
    def name(self) -> str:
        """Of its spool: another run, another file."""
        return f"catalogue-{self.sweep_id}-{self.ticket.rsplit('/', 1)[-1][:40]}"


@dataclass(slots=True)
class _Group:
    """A variant with the levels that follow it. `end` is the offset behind them."""

    node: dict[str, Any]
    end: int
    levels: list[Any] = field(default_factory=list)


def due_catalogue(mine: Claim) -> None:
    """Go on with the claimed sweep. Owns its transactions."""
    task = _begin(mine)
    if task is None:
        return
    with context(shop=task.shop_id):
        try:
            if not task.ticket:
                _ask(mine, task)
            elif task.offset is not None and spool.there(task.name):
                _take(mine, task, task.offset)
            elif _fetch(mine, task):
                _take(mine, task, task.offset or 0)
        except RemoteError as error:
            _trouble(mine, error)


# --- read -------------------------------------------------------------------------------------------------------------


def _begin(mine: Claim) -> Task | None:
    with db.writing() as s:
        row = held(s, ShopSweep, mine)
        if row is None:
            return None
        shop = s.get_one(Shop, row.shop_id)
        if shop.status == ShopStatus.UNINSTALLED:
            row.ticket = row.page_token = ""
            release(row, None)
            return None
        if shop.status != ShopStatus.ACTIVE:
            release(row, clock.now() + WAITING)
            return None
        row.lease_until = clock.now() + spool.on_the_wall(FETCHING)
        offset = int(row.page_token) if row.page_token else None
        began_at = row.began_at or clock.now()
        return Task(row.id, shop.id, shop.currency, row.ticket, began_at, offset, row.attempt)


# --- talk -------------------------------------------------------------------------------------------------------------


def _ask(mine: Claim, task: Task) -> None:
    began_at = clock.now()
    ticket = bulk.begin(tokens.line(task.shop_id), DOCUMENT)
    with db.writing() as s:
        row = held(s, ShopSweep, mine)
        if row is not None:
            row.ticket, row.began_at, row.page_token = ticket, began_at, ""
            release(row, clock.now() + LOOK_FIRST, attempt=0)


def _fetch(mine: Claim, task: Task) -> bool:
    """Have the whole result on this machine; whether it is, else it is looked again later."""
    run = bulk.look(tokens.line(task.shop_id), task.ticket)
    if not run.done:
        with db.writing() as s:
            row = held(s, ShopSweep, mine)
            if row is not None:
                wait = min(LOOK_FIRST * 2 ** min(row.attempt, 6), LOOK_LONGEST)
                release(row, clock.now() + wait, attempt=row.attempt + 1)
        return False
    if run.failed:
        raise Rejected(run.failed, reason="bulk_failed", call="BulkStatus")
    count = 0
    if run.url:
        with bulk.fetch(run.url) as saved:
            count = spool.fill(task.name, saved.lines(bulk.CAP))
        if count < run.objects:
            spool.drop(task.name)
            raise Transient(f"{count} of {run.objects} lines came", call="bulk result")
    else:
        spool.fill(task.name, ())
    with db.writing() as s:
        row = held(s, ShopSweep, mine)
        if row is None:
            return False
        row.page_token, row.attempt = row.page_token or "0", 0
        row.lease_until = clock.now() + spool.on_the_wall(LEASE)
    event(log, "catalogue_fetched", lines=count)
    return True


# --- write ------------------------------------------------------------------------------------------------------------


def _take(mine: Claim, task: Task, offset: int) -> None:
    """Variants from where the last claim stopped, until the time is up or all are written."""
    ends, batch = clock.monotonic() + SECONDS, list[_Group]()
    for group in _groups(task.name, offset):
        batch.append(group)
        if len(batch) == BATCH:
            if not _write(mine, task, batch, clock.monotonic() >= ends):
                return
            batch = []
    if batch and not _write(mine, task, batch, pause=False):
        return
    _finish(mine, task)


def _groups(name: str, offset: int) -> Iterator[_Group]:
    """Each variant with its levels. A level that does not follow its variant is nonsense: runs are asked for grouped."""
    current: _Group | None = None
    at = offset
    for lines, _ in spool.batches(name, offset, LINES):
        for line in lines:
            at += len(line) + 1
            if not line.strip():
                continue
            row = _parsed(line)
            parent = row.get("__parentId")
            if parent is None:
                if current is not None:
                    yield current
                current = _Group(row, at)
                continue
            if current is None or parent not in (current.node.get("id"), _item_of(current.node)):
                raise Rejected("a level that belongs to another variant", reason="bulk_failed", call="bulk result")
            current.levels.append(row)
            current.end = at
    if current is not None:
        yield current


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Rejected("a line that is no JSON", reason="bulk_failed", call="bulk result") from error
    if not isinstance(row, dict):
        raise Rejected("a line that is no object", reason="bulk_failed", call="bulk result")
    return row


def _item_of(node: dict[str, Any]) -> object:
    item = node.get("inventoryItem")
    return item.get("id") if isinstance(item, dict) else None


def _write(mine: Claim, task: Task, batch: list[_Group], pause: bool) -> bool:
    """One transaction; whether this claim goes on."""
    seen: list[Seen] = []
    for one in batch:
        read = variants.readable(one.node, task.currency, task.began_at, one.levels)
        seen += [read] if read else []
    with db.writing() as s:
        row = held(s, ShopSweep, mine)
        if row is None:
            return False
        made = variants.keep(s, task.shop_id, seen)
        row.page_token, row.attempt = str(batch[-1].end), 0
        row.lease_until = clock.now() + spool.on_the_wall(LEASE)
        if pause:
            release(row, clock.now())
    made.ring()
    return not pause


def _finish(mine: Claim, task: Task) -> None:
    """What the run did not name is read one by one; the next run is tonight."""
    while True:
        with db.writing() as s:
            row = held(s, ShopSweep, mine)
            if row is None:
                return
            unnamed = select(Variant.id).where(
                Variant.shop_id == task.shop_id,
                Variant.gone_at.is_(None),
                Variant.due_at.is_(None),
                Variant.read_at < task.began_at,
            )
            due = update(Variant).where(Variant.id.in_(unnamed.limit(UNSEEN))).values(due_at=clock.now())
            found: Any = s.execute(due.execution_options(synchronize_session=False))
            if found.rowcount:
                row.lease_until = clock.now() + spool.on_the_wall(LEASE)
                continue
            shop = s.get_one(Shop, task.shop_id)
            row.ticket, row.page_token, row.words, row.ended_at = "", "", "", clock.now()
            release(row, duties.nightly(shop.id, shop.timezone, clock.now()), attempt=0)
            event(log, "catalogue_read", shop=shop.id)
        spool.drop(task.name)
        missed.link_missed(task.shop_id)
        bell.ring("now")
        return


def _trouble(mine: Claim, error: RemoteError) -> None:
    """Judged by the one table; a run that Shopify gave up, or whose result is nonsense, is begun anew."""
    with db.writing() as s:
        row = held(s, ShopSweep, mine)
        if row is None:
            return
        found = verdict.judge(error, "shop", row.attempt)
        verdict.apply_shop(s, s.get_one(Shop, row.shop_id), error)
        row.words = error.words
        wait, used = found.delay, found.used_attempt
        if isinstance(error, Rejected):
            row.ticket = row.page_token = ""
            wait, used = verdict.delay(row.attempt), True
            event(log, "catalogue_given_up", logging.WARNING, reason=error.reason)
        release(row, clock.now() + wait, attempt=row.attempt + int(used))
