"""Brings one listing's newest wish to the marketplace. The protocol of one claimed row, step by step.

Read the newest wish -> commit the intent with what was there before -> push once -> acknowledge the version sent. The
claim carries no value. An answer that tells nothing is followed by the newest wish again, and as long as an older push
may still arrive there, nothing counts as acknowledged: the wish is pushed once more when that time is over.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from marketplaces.channel import Channel, Selling
from marketplaces.channels import registry
from marketplaces.data import ListingChange, PushResult, PushVerdict, RemoteListing
from marketplaces.errors import Rejected, RemoteError, Transient
from marketplaces.money import Money
from shopapp import clock, verdict
from shopapp.accounts import line
from shopapp.listings import batching, document, outcome, rules, waiting
from shopapp.logs import context, event
from shopapp.records import db
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
CALL = "push"
SPARE = 2  # permits that bulk pushes leave to what is sold out
SETTLE = timedelta(seconds=90)  # so long an unanswered push may still arrive
FIRST_TRY = timedelta(seconds=1)  # after an unclear answer to an urgent push
LOOKS = 8  # at an accepted push that is not to be seen there yet, before it is pushed again
PUSHES = 3  # of one version that was accepted each time and never came to be seen


@dataclass(frozen=True, slots=True)
class Job:
    """What a push needs, detached from any transaction. `change` is None when only the answer is to be looked at."""

    mine: Claim
    account_id: int
    channel: Channel
    selling: Selling
    site: str
    sku: str
    version: int
    urgent: bool
    change: ListingChange | None
    whole: bool = True  # all that is wished, not the stock alone
    held: line.Held | None = None
    ticket: str = ""


def due_listing(mine: Claim) -> None:
    """Work on one claimed listing: push its newest wish, or look what became of the last push."""
    job = _begin(mine)
    if job is None:
        return
    with context(account=job.account_id, listing=mine.id):
        spare, turn = (0, Turn.URGENT) if job.urgent else (SPARE, Turn.BULK)
        try:
            if job.change is None and job.selling.tickets:
                told = line.speak(
                    job.account_id,
                    lambda to: job.channel.document_results(to, job.site, job.ticket),
                    job.held,
                    spare=spare,
                    turn=turn,
                )
                _told(job, None if told is None else list(told))
                return
            if job.change is None:
                there = line.speak(
                    job.account_id,
                    lambda to: job.channel.get_listing(to, job.site, job.sku),
                    job.held,
                    spare=spare,
                    turn=turn,
                )
                _looked(job, there)
                return
            change = job.change
            result = line.speak(
                job.account_id, lambda to: job.channel.push(to, job.site, change), job.held, spare=spare, turn=turn
            )
        except Rejected as error:
            code = "not_found" if error.reason == "not_found" else error.code
            _answered(job, PushResult("", job.sku, PushVerdict.REFUSED, error.words, code, error.field))
        except (RemoteError, line.NotLinked) as error:
            _put_back(job, error)
        else:
            _answered(job, result)


# --- read -------------------------------------------------------------------------------------------------------------


def _begin(mine: Claim) -> Job | None:
    """The claimed row as a job, its intent committed; None when there is nothing to do (now), the row given back."""
    with db.writing() as s:
        row = held(s, Listing, mine)
        if row is None:
            return None
        if row.status == ListingStatus.UPDATE_ERROR or row.acked_version == row.version:
            release(row, None)
            return None
        account = s.get_one(Account, row.account_id)
        until = waiting.until(s, account)
        if until is not None:
            release(row, until)
            waiting.postpone(s, account, until)
            return None
        channel = registry()[account.channel]
        if channel.selling is None:
            release(row, None)
            return None
        if row.ticket and row.sent_version == row.version:
            return _job(row, account, channel, mine, None)
        if not row.urgent:
            if _in_open_feed(s, row):
                release(row, None)  # the end of the document makes it due again
                return None
            if batching.takes_over(s, account, channel.selling, row.site):
                # Due again at once it could be claimed just when the document looks for what is free.
                release(row, clock.now() + document.LOOK if channel.selling.gathers else row.due_at)
                return None
            if batching.puts_off(s, account, channel.selling, row.site):
                release(row, clock.now() + document.LOOK)  # the document that is made meanwhile takes it along
                return None
        return _intend(s, row, account, channel, mine)


def _in_open_feed(s: Session, row: Listing) -> bool:
    """Whether a document that holds a push of this listing is under way: one way at a time, so that none overtakes."""
    if row.sent_version <= row.acked_version:
        return False
    found = select(ListingPush.id).join(ListingFeed, ListingFeed.id == ListingPush.feed_id)
    mine = (ListingPush.listing_id == row.id, ListingPush.state == PushState.SENT)
    return s.execute(found.where(*mine, ListingFeed.state == PushState.SENT).limit(1)).first() is not None


def _intend(s: Session, row: Listing, account: Account, channel: Channel, mine: Claim) -> Job | None:
    """Commit that the newest wish is about to be sent, with what was there before it."""
    now = clock.now()
    whole = not row.urgent or row.price_minor is None or row.price_minor == row.there_price_minor
    push = push_of(s, row)
    push.state, push.at, push.ended_at, push.words, push.feed_id = PushState.SENT, now, None, "", None
    push.price_minor, push.quantity = row.price_minor if whole else None, row.quantity
    if rules.of(s, account.id).dry_run:
        _preview(s, row, push)
        return None
    row.sent_version, row.pushed_at, row.ticket = row.version, now, ""
    outcome.waits(row)
    if push.price_minor is None and push.quantity is None:
        outcome.holds(s, row, push)
        release(row, None)
        return None
    change = change_of(row, push)
    return _job(row, account, channel, mine, change, whole)


def push_of(s: Session, row: Listing) -> ListingPush:
    """The history's line of the wish: the planned one of a run, the one of an earlier try, or a new one."""
    same = (ListingPush.listing_id == row.id, ListingPush.version == row.version)
    push = s.scalars(select(ListingPush).where(*same)).one_or_none()
    if push is None:
        push = ListingPush(shop_id=row.shop_id, listing_id=row.id, version=row.version, at=clock.now())
        push.old_price_minor, push.old_quantity = row.there_price_minor, row.there_quantity
        s.add(push)
    elif push.run_id is not None and s.get_one(ListingRun, push.run_id).state == RunState.ASKED:
        push.run_id = None  # a difference that was only looked at
    return push


def change_of(row: Listing, push: ListingPush) -> ListingChange:
    """What is pushed, in the channel's words."""
    price = None if push.price_minor is None else Money(push.price_minor, row.currency)
    return ListingChange(str(row.id), row.sku, row.product_type, price, push.quantity)


def _preview(s: Session, row: Listing, push: ListingPush) -> None:
    """Dry run: worked out and shown, not sent. A later change, or the end of the dry run, makes a new wish."""
    push.state, push.ended_at = PushState.PREVIEW, clock.now()
    row.sent_version = row.acked_version = row.version
    row.urgent = False
    if row.status != ListingStatus.NOT_LINKED:
        row.status = ListingStatus.LINKED
    release(row, None)


def _job(
    row: Listing, account: Account, channel: Channel, mine: Claim, change: ListingChange | None, whole: bool = True
) -> Job:
    assert channel.selling is not None
    return Job(
        mine=mine,
        account_id=account.id,
        channel=channel,
        selling=channel.selling,
        site=row.site,
        sku=row.sku,
        version=row.version,
        urgent=row.urgent,
        change=change,
        whole=whole,
        held=line.glance(account),
        ticket=row.ticket,
    )


# --- write ------------------------------------------------------------------------------------------------------------


def _answered(job: Job, result: PushResult) -> None:
    """The marketplace said what it thinks of the version that was sent."""
    with db.writing() as s:
        row = held(s, Listing, job.mine)
        if row is None:
            _too_late(s, job)
            return
        account = s.get_one(Account, row.account_id)
        verdict.channel_answered(s, account.channel, account.realm)
        push = _sent(s, row, job.version)
        if result.verdict is PushVerdict.REFUSED:
            outcome.supersede(s, row, job.version)
            outcome.refused(s, row, push, result)
            release(row, None, attempt=0)
            return
        push.ended_at, now = clock.now(), clock.now()
        arrives = _may_arrive_until(s, row, job.version, now)
        if arrives is None:
            outcome.supersede(s, row, job.version)
        if row.version == job.version:
            row.urgent = False
        if row.version > job.version:
            _overtaken(s, row, push, result)
        elif arrives is not None:
            release(row, arrives, attempt=0)  # an older push may still land on this one: said once more then
        elif not job.whole:
            release(row, now, attempt=0)  # what was urgent is there; now the rest
        elif result.verdict is PushVerdict.APPLIED or not job.selling.results_after:
            outcome.holds(s, row, push)
            release(row, None, attempt=0)
        else:
            row.ticket = (result.words or result.code or "accepted")[:255]
            release(row, now + job.selling.results_after)


def _too_late(s: Session, job: Job) -> None:
    """Our lease had run out before we sent: a newer push may have come before this one, so the newest is said again."""
    event(log, "pushed_without_lease", logging.WARNING)
    row = s.scalars(select(Listing).where(Listing.id == job.mine.id).with_for_update(key_share=True)).one_or_none()
    if row is None or job.change is None or row.version == 0 or row.status == ListingStatus.UPDATE_ERROR:
        return
    if row.price_minor is not None or row.quantity is not None:
        row.acked_version = min(row.acked_version, row.version - 1)
        row.ticket, row.due_at = "", clock.now()


def _sent(s: Session, row: Listing, version: int) -> ListingPush:
    same = (ListingPush.listing_id == row.id, ListingPush.version == version)
    return s.scalars(select(ListingPush).where(*same)).one()


def _may_arrive_until(s: Session, row: Listing, version: int, now: datetime) -> datetime | None:
    """Until when an older push may still arrive there, None when none can. Pushes in an open document end with it."""
    found = select(ListingPush.at, ListingFeed.id).outerjoin(ListingFeed, ListingFeed.id == ListingPush.feed_id)
    older = (ListingPush.listing_id == row.id, ListingPush.version < version, ListingPush.state == PushState.SENT)
    unclear = (ListingPush.ended_at.is_(None), ListingPush.at > now - SETTLE)
    still = or_(ListingFeed.state == PushState.SENT, *[ListingPush.feed_id.is_(None) & unclear[0] & unclear[1]])
    ends = [
        now + document.LOOK if feed_id is not None else at + SETTLE
        for at, feed_id in s.execute(found.where(*older, still))
    ]
    return max(ends) if ends else None


def _overtaken(s: Session, row: Listing, push: ListingPush, result: PushResult) -> None:
    """A newer wish came while this one was under way: it goes next."""
    if result.verdict is PushVerdict.APPLIED:
        outcome.holds(s, row, push)
        outcome.waits(row)
    release(row, clock.now(), attempt=0)


def _told(job: Job, results: list[PushResult] | None) -> None:
    """What the marketplace says of a push that it had accepted; None: nothing yet, an empty list: it is done."""
    with db.writing() as s:
        row = _still_newest(s, job)
        if row is None:
            return
        push = _sent(s, row, job.version)
        if results is None:
            _look_again(s, job, row, push)
        elif not results:
            outcome.holds(s, row, push)
            release(row, None, attempt=0)
        elif results[0].verdict is PushVerdict.AGAIN:
            row.ticket = ""
            release(row, clock.now() + document.AGAIN_AFTER, attempt=row.attempt + 1)
        else:
            outcome.refused(s, row, push, results[0])
            release(row, None, attempt=0)


def _still_newest(s: Session, job: Job) -> Listing | None:
    """The claimed row while what was looked at is its newest wish; else None, and a newer one goes next."""
    row = held(s, Listing, job.mine)
    if row is not None and row.version != job.version:
        row.ticket = ""
        release(row, clock.now(), attempt=0)
        return None
    return row


def _look_again(s: Session, job: Job, row: Listing, push: ListingPush) -> None:
    """Later, less and less often; pushed once more now and then, and given up at last."""
    if row.attempt + 1 >= LOOKS * PUSHES:
        outcome.refused(s, row, push, PushResult("", row.sku, PushVerdict.REFUSED, "", "not_taken"))
        release(row, None, attempt=0)
        return
    if (row.attempt + 1) % LOOKS == 0:
        row.ticket = ""  # taken and never seen: pushed once more
    release(row, clock.now() + job.selling.results_after * (1 + row.attempt % LOOKS), attempt=row.attempt + 1)


def _looked(job: Job, there: RemoteListing) -> None:
    """What the marketplace has some time after it accepted a push."""
    with db.writing() as s:
        row = _still_newest(s, job)
        if row is None:
            return
        push = _sent(s, row, job.version)
        if _has(there, push):
            outcome.holds(s, row, push)
            release(row, None, attempt=0)
        elif there.problems:
            words = " ".join(there.problems)
            outcome.refused(s, row, push, PushResult("", row.sku, PushVerdict.REFUSED, words))
            release(row, None, attempt=0)
        else:
            _look_again(s, job, row, push)


def _has(there: RemoteListing, push: ListingPush) -> bool:
    price = push.price_minor is None or (there.price is not None and there.price.minor == push.price_minor)
    return price and (push.quantity is None or there.quantity == push.quantity)


def _put_back(job: Job, error: Exception) -> None:
    """No answer, or trouble before anything was sent: the newest wish is pushed when there is a chance."""
    with db.writing() as s:
        row = held(s, Listing, job.mine)
        if row is None:
            if isinstance(error, Transient) and error.maybe_done:
                _too_late(s, job)
            return
        account = s.get_one(Account, row.account_id)
        if job.change is not None and not (isinstance(error, Transient) and error.maybe_done):
            _sent(s, row, job.version).ended_at = clock.now()  # provably not executed
        found = verdict.judge(error, "listing", row.attempt)
        wait = found.delay
        if isinstance(error, Transient) and job.urgent and row.attempt == 0:
            wait = FIRST_TRY
        verdict.call_failed(s, account, error, CALL)
        release(row, clock.now() + wait, attempt=row.attempt + found.used_attempt)
