"""Many pushes as one document, where that is faster than one by one. Gathers the wishes, follows the answer to its end.

One way per listing at a time: what is in a document under way is pushed singly only when it is sold out, and then once
more when the document has ended. Never decides what is wished.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import literal, null, or_, select, update
from sqlalchemy.orm import Session

from marketplaces.channel import Selling
from marketplaces.channels import registry
from marketplaces.data import ListingChange, PushResult, PushVerdict
from marketplaces.errors import Rejected, RemoteError
from marketplaces.money import Money
from marketplaces.text import clean
from shopapp import clock, verdict
from shopapp.accounts import line
from shopapp.listings import batching, outcome, waiting
from shopapp.logs import context, event, redact
from shopapp.records import db
from shopapp.records.db import Moment
from shopapp.records.models import (
    Account,
    Listing,
    ListingFeed,
    ListingPush,
    ListingRun,
    ListingStatus,
    PushState,
    RunState,
)
from shopapp.work.claim import Claim, held, release
from shopapp.work.turns import Turn

log = logging.getLogger(__name__)
CALL = "push_document"
BATCH = 1_000  # listings in one transaction
LOOK = timedelta(seconds=60)  # between two looks at a document under way, where the channel wants no longer pause
AGAIN_AFTER = timedelta(minutes=5)  # until what a marketplace could not do just then is pushed once more
NOT_DONE = (PushVerdict.REFUSED, PushVerdict.AGAIN)


def due_feed(mine: Claim) -> None:
    """Work on one claimed document: gather and send it, or look what became of it."""
    with db.writing() as s:
        feed = held(s, ListingFeed, mine)
        if feed is None:
            return
        if feed.state != PushState.SENT:
            release(feed, None)
            return
        account = s.get_one(Account, feed.account_id)
        until = waiting.until(s, account)
        if until is not None:
            release(feed, until)
            return
        channel, ticket, site = registry()[account.channel], feed.ticket, feed.site
    with context(account=account.id, feed=mine.id):
        try:
            if not ticket:
                assert channel.selling is not None
                if not _gather(mine, account, site, channel.selling):
                    return
                if next(_changes(mine.id), None) is None:
                    _finish(mine, {})  # answered before, and the work stopped while that was written down
                    return
                # Made anew when stale access has the call repeated: a change that was read once does not come again.
                came = line.speak(
                    account.id, lambda to: channel.push_document(to, site, _changes(mine.id)), turn=Turn.BULK
                )
                if isinstance(came, str):
                    _sent(mine, came, channel.selling)
                else:
                    _answered(mine, account, site, channel.selling, came)
                return
            told = line.speak(account.id, lambda to: channel.document_results(to, site, ticket), turn=Turn.BULK)
            if told is None:
                _look_later(mine, channel.selling)
            else:
                _finish(mine, _by_key(mine.id, told))
        except Rejected as error:
            _give_up(mine, error)
        except (RemoteError, line.NotLinked) as error:
            _put_back(mine, error)


# --- gather -----------------------------------------------------------------------------------------------------------


def _gather(mine: Claim, account: Account, site: str, selling: Selling) -> bool:
    """Commit which wishes go into the document, a thousand at a time; whether there are any."""
    with db.reading() as s:
        left = _room(s, s.get_one(ListingFeed, mine.id), selling.document_room)
    while True:
        with db.writing() as s:
            feed = held(s, ListingFeed, mine)
            if feed is None:
                return False
            room = selling.document_most - feed.messages
            named = (Listing.id, Listing.sku, Listing.product_type)
            some = (
                select(*named).where(*batching.waiting(account.id, site, selling)).order_by(Listing.due_at, Listing.id)
            )
            some = some.limit(max(0, min(BATCH, room)))
            if db.locks_rows(s):
                some = some.with_for_update(key_share=True, skip_locked=True, of=Listing)
            ids = []
            for row_id, *about in s.execute(some):
                left = None if left is None else left - _size(*about)
                if left is not None and left < 0:
                    break
                ids.append(row_id)
            _intend(s, ids, feed.id)
            feed.messages += len(ids)
            if len(ids) < BATCH or feed.messages >= selling.document_most:
                _forget_looked_at(s, feed)
                if not feed.messages:
                    feed.state, feed.ended_at = PushState.SUPERSEDED, clock.now()
                    release(feed, None)
                return bool(feed.messages)


def _room(s: Session, feed: ListingFeed, most: int) -> int | None:
    """Bytes that are left for SKUs and product types in the document, None when there is no bound."""
    if not most:
        return None
    held_already = select(Listing.sku, Listing.product_type).join(ListingPush, ListingPush.listing_id == Listing.id)
    return most - sum(_size(*row) for row in s.execute(held_already.where(ListingPush.feed_id == feed.id)))


def _size(sku: str, kind: str) -> int:
    return len((sku + kind).encode())


def _intend(s: Session, ids: list[int], feed_id: int) -> None:
    """The newest wishes of these listings go into the document, with what was there before them."""
    now = clock.now()
    sent = update(Listing).where(Listing.id.in_(ids))
    status = outcome.linked_as(ListingStatus.PENDING)
    sent = sent.values(sent_version=Listing.version, pushed_at=now, due_at=None, status=status)
    s.execute(sent.execution_options(synchronize_session=False))
    columns: dict[str, Any] = {
        "shop_id": Listing.shop_id,
        "listing_id": Listing.id,
        "feed_id": literal(feed_id),
        "version": Listing.version,
        "old_price_minor": Listing.there_price_minor,
        "old_quantity": Listing.there_quantity,
        "price_minor": Listing.price_minor,
        "quantity": Listing.quantity,
        "state": literal(PushState.SENT),
        "at": literal(now, Moment),
        "ended_at": null(),
        "words": literal(""),
    }
    # What a run planned keeps its run and its old values.
    changed = ("feed_id", "price_minor", "quantity", "state", "at", "ended_at")
    wishes = select(*columns.values()).where(Listing.id.in_(ids))
    db.upsert_from(s, ListingPush, wishes, columns=tuple(columns), key=["listing_id", "version"], update=changed)


def _forget_looked_at(s: Session, feed: ListingFeed) -> None:
    """Differences that were only looked at are no runs of these pushes."""
    asked = select(ListingRun.id).where(ListingRun.account_id == feed.account_id, ListingRun.state == RunState.ASKED)
    mine = update(ListingPush).where(ListingPush.feed_id == feed.id, ListingPush.run_id.in_(asked))
    s.execute(mine.values(run_id=None).execution_options(synchronize_session=False))


def _changes(feed_id: int) -> Iterator[ListingChange]:
    """The document's changes as they were committed, read in batches, with no transaction open in between."""
    last = 0
    while True:
        with db.reading() as s:
            wished = (ListingPush.id, ListingPush.price_minor, ListingPush.quantity)
            found = select(*wished, Listing.id.label("listing"), Listing.sku, Listing.product_type, Listing.currency)
            found = found.join(Listing, Listing.id == ListingPush.listing_id)
            mine = (ListingPush.feed_id == feed_id, ListingPush.state == PushState.SENT, ListingPush.id > last)
            rows = s.execute(found.where(*mine).order_by(ListingPush.id).limit(BATCH)).all()
        for row in rows:
            price = None if row.price_minor is None else Money(row.price_minor, row.currency)
            yield ListingChange(str(row.listing), row.sku, row.product_type, price, row.quantity)
        if len(rows) < BATCH:
            return
        last = rows[-1].id


def _pause(selling: Selling | None) -> timedelta:
    return max(LOOK, selling.results_after if selling is not None else LOOK)


def _sent(mine: Claim, ticket: str, selling: Selling) -> None:
    with db.writing() as s:
        feed = held(s, ListingFeed, mine)
        if feed is not None:
            feed.ticket, feed.sent_at = ticket, clock.now()
            release(feed, clock.now() + _pause(selling), attempt=0)


def _answered(mine: Claim, account: Account, site: str, selling: Selling, came: tuple[PushResult, ...]) -> None:
    """All results came with the answer. What waits still goes on at once, since nothing is being waited for."""
    _finish(mine, {one.key: one for one in came})
    batching.forget(account.id, site)
    with db.writing() as s:
        batching.takes_over(s, s.get_one(Account, account.id), selling, site)


# --- follow -----------------------------------------------------------------------------------------------------------


def _by_key(feed_id: int, told: Iterable[PushResult]) -> dict[str, PushResult]:
    """The results by our key; one that names only its SKU is that of the document's listing."""
    known = list(told)
    found, skus = {one.key: one for one in known if one.key}, {one.sku: one for one in known if not one.key}
    named, wanted = select(Listing.id, Listing.sku), list(skus)
    named = named.join(ListingPush, ListingPush.listing_id == Listing.id).where(ListingPush.feed_id == feed_id)
    for at in range(0, len(wanted), BATCH):
        with db.reading() as s:
            rows = s.execute(named.where(Listing.sku.in_(wanted[at : at + BATCH]))).all()
        found |= {str(row.id): skus[row.sku] for row in rows}
    return found


def _look_later(mine: Claim, selling: Selling | None) -> None:
    with db.writing() as s:
        feed = held(s, ListingFeed, mine)
        if feed is not None:
            release(feed, clock.now() + _pause(selling), attempt=0)


def _finish(mine: Claim, told: dict[str, PushResult]) -> None:
    """Write what became of each, a thousand at a time. Done again after a crash, it goes on where it stopped."""
    while True:
        with db.writing() as s:
            feed = held(s, ListingFeed, mine)
            if feed is None:
                return
            ids, plain = _open_listings(s, feed)
            now = clock.now()
            not_done = {one for one in plain if str(one) in told and told[str(one)].verdict in NOT_DONE}
            outcome.hold_many(s, feed.id, plain - not_done, now)
            for push, row in _open_pushes(s, feed, set(ids) - (plain - not_done)):
                feed.refused += _end(s, row, push, told.get(str(row.id)), now)
            if len(ids) < BATCH:
                account = s.get_one(Account, feed.account_id)
                verdict.channel_answered(s, account.channel, account.realm)
                feed.state, feed.ended_at = PushState.ACCEPTED, now
                event(log, "document_done", feed=feed.id, messages=feed.messages, refused=feed.refused)
                release(feed, None, attempt=0)
                return


def _open_listings(s: Session, feed: ListingFeed) -> tuple[list[int], set[int]]:
    """Some listings whose push in the document is open, locked; and those of them of which nothing else is to be said."""
    plain = (Listing.sent_version <= ListingPush.version) & or_(
        Listing.cause == "", Listing.status == ListingStatus.NOT_LINKED
    )
    found = select(Listing.id, plain).join(ListingPush, ListingPush.listing_id == Listing.id)
    found = found.where(ListingPush.feed_id == feed.id, ListingPush.state == PushState.SENT)
    found = found.order_by(Listing.id).limit(BATCH)
    if db.locks_rows(s):
        found = found.with_for_update(key_share=True, of=Listing)
    rows = s.execute(found).all()
    return [row[0] for row in rows], {row[0] for row in rows if row[1]}


def _open_pushes(s: Session, feed: ListingFeed, ids: Collection[int]) -> list[tuple[ListingPush, Listing]]:
    """The open pushes of the document to these locked listings."""
    found = select(ListingPush, Listing).join(Listing, Listing.id == ListingPush.listing_id)
    found = found.where(ListingPush.feed_id == feed.id, ListingPush.state == PushState.SENT, Listing.id.in_(ids))
    found = found.order_by(Listing.id).execution_options(populate_existing=True)
    return [(push, row) for push, row in s.execute(found)] if ids else []


def _end(s: Session, row: Listing, push: ListingPush, told: PushResult | None, now: datetime) -> int:
    """One push of a document has ended; 1 when it was refused."""
    if row.sent_version > push.version:
        # It was pushed singly meanwhile, because it was sold out. Which of the two came last, nobody knows: said again.
        push.state, push.ended_at = PushState.SUPERSEDED, now
        if row.status != ListingStatus.UPDATE_ERROR and row.version > row.acked_version:
            row.ticket, row.due_at = "", now
        return 0
    if told is not None and told.verdict is PushVerdict.REFUSED:
        outcome.refused(s, row, push, told)
        row.due_at = None
        return 1
    if told is not None and told.verdict is PushVerdict.AGAIN:
        push.state, push.ended_at, push.words = PushState.SUPERSEDED, now, clean(redact(told.words), 500)
        if row.status != ListingStatus.UPDATE_ERROR and row.version > row.acked_version:
            row.ticket, row.due_at = "", now + AGAIN_AFTER
        return 0
    outcome.holds(s, row, push)
    if row.version > push.version:
        outcome.waits(row)
        row.due_at = now
    return 0


def _give_up(mine: Claim, error: Rejected) -> None:
    """The marketplace gave the whole document up: its wishes are pushed one by one."""
    while True:
        with db.writing() as s:
            feed = held(s, ListingFeed, mine)
            if feed is None:
                return
            ids, now = _open_listings(s, feed)[0], clock.now()
            for push, row in _open_pushes(s, feed, ids):
                push.feed_id, push.ended_at = None, now
                if row.status != ListingStatus.UPDATE_ERROR and row.version > row.acked_version:
                    row.due_at = now
            if len(ids) < BATCH:
                feed.state, feed.ended_at, feed.words = PushState.REFUSED, now, clean(redact(error.words), 500)
                event(log, "document_given_up", logging.WARNING, feed=feed.id, code=error.code)
                release(feed, None)
                return


def _put_back(mine: Claim, error: Exception) -> None:
    """No answer: the same document once more. Two of the same content do no harm, they are worked on in turn."""
    with db.writing() as s:
        feed = held(s, ListingFeed, mine)
        if feed is None:
            return
        account = s.get_one(Account, feed.account_id)
        found = verdict.judge(error, "listing", feed.attempt)
        verdict.call_failed(s, account, error, CALL)
        release(feed, clock.now() + found.delay, attempt=feed.attempt + found.used_attempt)
