"""When what waits on a site goes as a document: enough of it, no other one being made, not too many of late.

Joins the caller's transaction; gathers and sends nothing (`document`).
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from marketplaces.channel import Selling
from shopapp import clock
from shopapp.listings import rules, runs
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

SITES = 1_000  # sites whose last count is remembered
COUNT_EVERY = 5.0  # seconds of this process between two counts of what waits on a site
SULK = timedelta(hours=1)  # no document after one that was given up as a whole
_counted: dict[tuple[int, str], float] = {}


def takes_over(s: Session, account: Account, selling: Selling, site: str) -> bool:
    """Whether so much waits on this site that a document has just been begun for it."""
    if not selling.document_from or rules.of(s, account.id).dry_run:
        return False
    if not (selling.gathers or _enough(s, account, selling, site)):
        return False
    if (selling.gathers and _more_come(s, account)) or _not_now(s, account, site) or _too_many(s, account, selling):
        return False
    moment = clock.now()
    s.add(ListingFeed(shop_id=account.shop_id, account_id=account.id, site=site, sent_at=moment, due_at=moment))
    return True


def _enough(s: Session, account: Account, selling: Selling, site: str) -> bool:
    """Whether more waits than goes singly; counted now and then only."""
    key, now = (account.id, site), clock.monotonic()
    if now - _counted.get(key, -COUNT_EVERY) < COUNT_EVERY:
        return False
    if len(_counted) > SITES:
        _counted.clear()
    _counted[key] = now
    some = select(Listing.id).where(*waiting(account.id, site, selling)).limit(selling.document_most).subquery()
    waits = s.scalar(select(func.count()).select_from(some)) or 0
    return waits >= selling.document_from and (waits >= selling.document_most or not _more_come(s, account))


def puts_off(s: Session, account: Account, selling: Selling, site: str) -> bool:
    """Whether a change waits for the next document, instead of going alone. Not after one that was given up lately."""
    if not selling.gathers or rules.of(s, account.id).dry_run:
        return False
    given_up = (ListingFeed.state == PushState.REFUSED, ListingFeed.sent_at > clock.now() - SULK)
    mine = (ListingFeed.account_id == account.id, ListingFeed.site == site)
    return s.execute(select(ListingFeed.id).where(*mine, *given_up).limit(1)).first() is None


def waiting(account_id: int, site: str, selling: Selling) -> list[ColumnElement[bool]]:
    """The listings of a site whose wishes go into its next document."""
    now = clock.now()
    due = Listing.due_at.is_not(None) if selling.gathers else Listing.due_at <= now
    free = or_(Listing.lease_until.is_(None), Listing.lease_until < now)
    wished = or_(Listing.price_minor.is_not(None), Listing.quantity.is_not(None))
    mine = [Listing.account_id == account_id, Listing.site == site, due, free, wished]
    open_ = (ListingPush.listing_id == Listing.id, ListingPush.state == PushState.SENT)
    under_way = select(ListingPush.id).join(ListingFeed, ListingFeed.id == ListingPush.feed_id)
    under_way = under_way.where(*open_, ListingFeed.state == PushState.SENT)
    return [
        *mine,
        or_(Listing.sent_version == Listing.acked_version, ~under_way.exists()),
        Listing.urgent.is_(False),
        Listing.ticket == "",
        Listing.version > Listing.acked_version,
        Listing.status != ListingStatus.UPDATE_ERROR,
    ]


def _more_come(s: Session, account: Account) -> bool:
    """Whether a run is making wishes right now: documents are few, so that one is sent when it is full, or all is there."""
    making = (ListingRun.kind.in_(runs.KINDS), ListingRun.state == RunState.RUNNING, ListingRun.due_at <= clock.now())
    return (
        s.execute(select(ListingRun.id).where(ListingRun.account_id == account.id, *making).limit(1)).first()
        is not None
    )


def _not_now(s: Session, account: Account, site: str) -> bool:
    """One that is still being gathered, or one that was given up lately."""
    gathering = (ListingFeed.state == PushState.SENT) & (ListingFeed.ticket == "")
    given_up = (ListingFeed.state == PushState.REFUSED) & (ListingFeed.sent_at > clock.now() - SULK)
    mine = (ListingFeed.account_id == account.id, ListingFeed.site == site)
    return s.execute(select(ListingFeed.id).where(*mine, or_(gathering, given_up)).limit(1)).first() is not None


def _too_many(s: Session, account: Account, selling: Selling) -> bool:
    """Whether the account has lately sent as many documents as it may, to whatever site. Empty ones were never sent."""
    since = clock.now() - selling.documents_within
    sent_once = ListingFeed.state != PushState.SUPERSEDED
    lately = (ListingFeed.account_id == account.id, ListingFeed.sent_at > since, sent_once)
    sent = s.scalar(select(func.count(ListingFeed.id)).where(*lately)) or 0
    return 0 < selling.documents <= sent


def forget(account_id: int, site: str) -> None:
    """What waits there is counted anew at once."""
    _counted.pop((account_id, site), None)
