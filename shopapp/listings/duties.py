"""When listings and the catalogue are read: after an account was linked, every night, on request. Queues, reads nothing.

Also ends what has outlived itself: finished reads, spools that nobody dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, func, select
from sqlalchemy.orm import Session

from marketplaces.channels import registry
from shopapp import clock, i18n
from shopapp.listings import brake, spool
from shopapp.records import db, journal
from shopapp.records.models import (
    Account,
    AccountSite,
    AccountStatus,
    ListingRun,
    RunKind,
    RunState,
    Shop,
    ShopStatus,
    ShopSweep,
    SweepKind,
)

HOURS = (2, 4)  # of the shop's night, in its own time zone: spread over shops, so that not all ask in one minute
OPEN = (RunState.QUEUED, RunState.RUNNING)
KEPT = timedelta(days=30)  # finished reads
PORTION = 100  # accounts in one transaction
SECONDS = 15.0  # of the wall that one call goes on for


def nightly(shop_id: int, zone: str, after: datetime) -> datetime:
    """The shop's next nightly moment after `after`: always the same minute of its night."""
    local = after.astimezone(i18n.zone(zone))
    moment = local.replace(hour=HOURS[0], minute=0, second=0, microsecond=0) + timedelta(minutes=_minute(shop_id))
    while moment.astimezone(after.tzinfo) <= after:
        moment += timedelta(days=1)
    return moment.astimezone(after.tzinfo)


def _minute(shop_id: int) -> int:
    """The shop's minute of the nightly hours."""
    return shop_id * 37 % ((HOURS[1] - HOURS[0]) * 60)


def selling_channels() -> list[str]:
    """The channels that take prices and stock."""
    return [key for key, channel in registry().items() if channel.selling is not None]


def enrol() -> int:
    """Queue the reads of accounts that were linked lately or have not been read since last night (a chore); how many.

    Runs every minute over all shops: one statement finds who lacks something, only those are loaded. What the time
    does not suffice for is found again next minute.
    """
    spool.clean()
    with db.reading() as s:
        shops, accounts = _without_catalogue(s), _unread(s)
    total, ends = 0, clock.monotonic() + SECONDS
    for some in _portions(shops, ends):
        with db.writing() as s:
            for shop in s.scalars(select(Shop).where(Shop.id.in_(some)).order_by(Shop.id)):
                want_catalogue(s, shop)
    for some in _portions(accounts, ends):
        with db.writing() as s:
            wanted = _accounts().where(Account.id.in_(some)).order_by(Account.id)
            total += sum(_due(s, account) for account in s.scalars(wanted).unique())
    with db.writing() as s:
        brake.ask_again(s)
        _forget(s)
    return total


def _portions(ids: list[int], ends: float) -> Iterator[list[int]]:
    for at in range(0, len(ids), PORTION):
        if clock.monotonic() >= ends:
            return
        yield ids[at : at + PORTION]


def _accounts() -> Any:
    alive = select(Shop.id).where(Shop.status == ShopStatus.ACTIVE)
    return select(Account).where(
        Account.status == AccountStatus.ACTIVE, Account.channel.in_(selling_channels()), Account.shop_id.in_(alive)
    )


def _without_catalogue(s: Session) -> list[int]:
    """Shops with an account whose catalogue nobody is about to read."""
    known = select(ShopSweep.shop_id).where(ShopSweep.kind == SweepKind.CATALOGUE, ShopSweep.due_at.is_not(None))
    lacking = _accounts().with_only_columns(Account.shop_id).where(Account.shop_id.not_in(known))
    return list(s.scalars(lacking.distinct().order_by(Account.shop_id)))


def _unread(s: Session) -> list[int]:
    """Accounts with a site that was not asked for since the last night of its shop."""
    last = select(func.max(ListingRun.asked_at)).where(
        ListingRun.account_id == AccountSite.account_id,
        ListingRun.kind == RunKind.READ,
        ListingRun.site == AccountSite.site,
    )
    mine = (AccountSite.account_id == Account.id, AccountSite.importing.is_(True), AccountSite.active.is_(True))
    columns = (Account.id, Shop.id, Shop.timezone, last.scalar_subquery())
    found = (
        _accounts().with_only_columns(*columns).join(AccountSite, and_(*mine)).join(Shop, Shop.id == Account.shop_id)
    )
    now, nights = clock.now(), dict[tuple[int, str], datetime]()
    unread: dict[int, None] = {}
    for one, shop, zone, asked in s.execute(found.order_by(Account.id)):
        key = (_minute(shop), zone)
        if key not in nights:
            nights[key] = _last_night(shop, zone, now)
        if asked is None or asked < nights[key]:
            unread[one] = None
    return list(unread)


def _last_night(shop_id: int, zone: str, now: datetime) -> datetime:
    """The shop's latest nightly moment that is over."""
    last = nightly(shop_id, zone, now - timedelta(hours=26))
    while (following := nightly(shop_id, zone, last)) <= now:
        last = following
    return last


def _due(s: Session, account: Account) -> int:
    """Queue a read of each site of this account that lacks one."""
    shop, now = account.shop, clock.now()
    columns = select(ListingRun.site, func.max(ListingRun.asked_at)).where(
        ListingRun.account_id == account.id, ListingRun.kind == RunKind.READ
    )
    last: dict[str, datetime] = {row[0]: row[1] for row in s.execute(columns.group_by(ListingRun.site))}
    count = 0
    for site in sites_of(account):
        asked = last.get(site)
        if asked is None or nightly(shop.id, shop.timezone, asked) <= now:
            count += _queue(s, account, site, "")
    return count


def sites_of(account: Account) -> list[str]:
    """The sites of an account whose listings are read: those that this shop works on."""
    return [site.site for site in account.sites if site.importing and site.active]


def want_catalogue(s: Session, shop: Shop, *, now: bool = False) -> None:
    """Make sure that the shop's variants are read: on first need at once, then every night. `now`: once more at once."""
    db.insert_new(
        s,
        ShopSweep,
        {
            "shop_id": shop.id, "kind": SweepKind.CATALOGUE, "due_at": clock.now(), "lease_token": "", "attempt": 0,
            "page_token": "", "ticket": "", "words": "",
        },
        key=["shop_id", "kind"],
    )  # fmt: skip
    row = s.scalars(select(ShopSweep).where(ShopSweep.shop_id == shop.id, ShopSweep.kind == SweepKind.CATALOGUE)).one()
    if row.due_at is None or (now and not row.ticket):
        row.due_at = clock.now()


def read_again(s: Session, shop_id: int, user: str, account_id: int | None = None) -> int:
    """*Read again*: queue a read of each site of the shop's accounts (or of one) and of the catalogue; how many reads.

    A read that is under way is not doubled. The caller rings "bulk" after its commit.
    """
    wanted = _accounts().where(Account.shop_id == shop_id)
    if account_id is not None:
        wanted = wanted.where(Account.id == account_id)
    found = list(s.scalars(wanted.order_by(Account.id)).unique())
    if not found:
        return 0
    want_catalogue(s, found[0].shop, now=True)
    count = sum(_queue(s, account, site, user) for account in found for site in sites_of(account))
    if count:
        journal.audit(s, shop_id, user, "listings_read_asked", count=count)
    return count


def _queue(s: Session, account: Account, site: str, user: str) -> int:
    # Two that queue at once meet at the account's row.
    s.scalars(select(Account.id).where(Account.id == account.id).with_for_update(key_share=True)).one()
    mine = (ListingRun.account_id == account.id, ListingRun.site == site, ListingRun.kind == RunKind.READ)
    if s.execute(select(ListingRun.id).where(*mine, ListingRun.state.in_(OPEN)).limit(1)).first() is not None:
        return 0
    now = clock.now()
    s.add(
        ListingRun(
            shop_id=account.shop_id,
            account_id=account.id,
            site=site,
            kind=RunKind.READ,
            asked_by=user,
            asked_at=now,
            due_at=now,
        )
    )
    s.flush()
    return 1


def _forget(s: Session) -> None:
    # The newest stays: SQLite would give its key to the next one, and listings are marked by it.
    newest = select(func.max(ListingRun.id)).scalar_subquery()
    old = (ListingRun.kind == RunKind.READ, ListingRun.ended_at < clock.now() - KEPT, ListingRun.id < newest)
    s.execute(delete(ListingRun).where(*old).execution_options(synchronize_session=False))


def progress(s: Session, shop_id: int) -> list[tuple[ListingRun, str]]:
    """The newest read of each account and site of the shop, with the site's name."""
    newest = (
        select(func.max(ListingRun.id))
        .where(ListingRun.shop_id == shop_id, ListingRun.kind == RunKind.READ)
        .group_by(ListingRun.account_id, ListingRun.site)
    )
    named = (AccountSite.account_id == ListingRun.account_id, AccountSite.site == ListingRun.site)
    found = select(ListingRun, AccountSite.name).outerjoin(AccountSite, named[0] & named[1])
    return [(run, name or run.site) for run, name in s.execute(found.where(ListingRun.id.in_(newest)))]
