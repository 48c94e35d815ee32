"""Writes a proved login into the account it belongs to, in one transaction. Asks nobody: the proof is brought along.

A seller's site is imported by one account over all shops. Whoever loses it by a take-over is told so without a name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from marketplaces.channels import registry
from marketplaces.data import Seller
from marketplaces.errors import WrongSeller
from marketplaces.text import clean
from shopapp import clock
from shopapp.accounts import placeholders
from shopapp.accounts.line import store
from shopapp.accounts.way import Login
from shopapp.alerts import incidents
from shopapp.records import db, journal
from shopapp.records.models import Account, AccountSite, AccountStatus, JournalEntry, Order, Shop, ShopStatus
from shopapp.verdict import account_works, naming, subject

# Marketplaces show some sales late, with their old times: so far back the other shop may not have seen all of them.
LOOK_BACK = timedelta(days=1)
Choice = Literal["ask", "take_over", "without"]


class Taken(Exception):
    """Another shop imports these sites of the seller (names, for the page); nothing was written."""

    def __init__(self, sites: tuple[str, ...]) -> None:
        self.sites = sites
        super().__init__(f"{len(sites)} sites are imported elsewhere")


def target(s: Session, login: Login, seller_id: str) -> Account:
    """The account that `login` is for, locked: the one asked for, the shop's one of this seller, else a pending one."""
    asked = placeholders.owned(s, login.shop_id, login.account_id) if login.account_id is not None else None
    known = placeholders.of_seller(s, login.shop_id, login.channel, login.realm, seller_id) if seller_id else None
    if asked is not None and (asked.worked_at is not None or known is None or known is asked):
        if asked.worked_at is None:
            asked.realm = login.realm  # of an instance whose address was mistyped at first
        return asked
    if known is not None:
        if asked is not None:
            placeholders.drop(s, asked, known)
        return known
    shop = s.get_one(Shop, login.shop_id)
    return placeholders.pending(s, shop, registry()[login.channel], login.realm, str(login.params.get("label") or ""))


def write(s: Session, login: Login, seller: Seller, choice: Choice) -> Account:
    """Store credentials and sites, make the account active and due. WrongSeller and Taken leave nothing behind."""
    account = target(s, login, seller.seller_id)
    if account.worked_at is not None and account.seller_id != seller.seller_id:
        raise WrongSeller(account.seller_id or "", seller.seller_id)
    first = account.worked_at is None
    unnamed = placeholders.unnamed(account)
    account.seller_id, account.seller_name = seller.seller_id, seller.name
    if typed := clean(str(login.params.get("label") or ""), placeholders.LABEL) if first else "":
        account.label = typed
    elif unnamed:
        placeholders.call(s, account, seller.name or seller.seller_id)
    remember(account, login)
    wished = login.params.get("sites")
    rows = describe(s, account, seller)
    if first:
        wanted = [row for row in rows.values() if row.active and (not wished or row.site in wished)]
        claim_sites(s, account, wanted, choice, login.user_id)
    since = account.status_since if account.status == AccountStatus.DEACTIVATED else None
    account_works(s, account, seller, missing=(), activate=True)
    if since is not None:
        tell_lost(s, account, since)
    incidents.resolve(s, account.shop_id, "expiry_notice", subject(account), "renewed")
    account.due_at = clock.now() if account.importing and account.take_over_at else None
    journal.note(s, account.shop_id, subject(account), "account_linked", door=login.door, seller=seller.seller_id)
    journal.audit(
        s,
        account.shop_id,
        login.user_id,
        "account_linked",
        subject(account),
        seller=seller.seller_id,
        how=login.how,
        sites=[row.name for row in rows.values() if row.importing],
    )
    return account


def remember(account: Account, login: Login) -> None:
    """Put the login's credentials into the row; what is under way with the old ones loses its claim and its fence."""
    store(account, login.credentials)
    account.entered_at, account.entered_how = clock.now(), login.how
    account.token_fence += 1
    account.token_lease_until = None
    account.lease_token, account.lease_until = "", None


def describe(s: Session, account: Account, seller: Seller) -> Mapping[str, AccountSite]:
    """Bring the account's sites in line with what the channel says; by site key. New ones do not import yet.

    What the channel wants to find again is kept beside the public credentials.
    """
    assert account.seller_id is not None
    if seller.about:
        account.public = {**(account.public or {}), **seller.about}
    rows = {row.site: row for row in s.scalars(select(AccountSite).filter_by(account_id=account.id))}
    told = {site.key: site for site in seller.sites}
    for key, site in told.items():
        if key not in rows:
            rows[key] = AccountSite(shop_id=account.shop_id, account_id=account.id, site=key, importing=False)
            s.add(rows[key])
        row = rows[key]
        row.channel, row.realm, row.seller_id = account.channel, account.realm, account.seller_id
        row.name, row.active = site.name[:100], site.active
    for key, row in rows.items():
        if key not in told:
            row.active = False
    s.flush()
    s.expire(account, ["sites"])
    return rows


def claim_sites(s: Session, account: Account, wanted: Iterable[AccountSite], choice: Choice, user_id: str) -> None:
    """Let `account` import the `wanted` sites. Those of another shop: Taken ("ask"), moved ("take_over") or left out.

    A shop that has left, and an account that is deactivated or never worked, lose theirs without being asked.
    """
    rows = list(wanted)
    taken: list[tuple[AccountSite, AccountSite]] = []
    asleep: list[AccountSite] = []
    for row in rows:
        other = _holder(s, row)
        if other is None:
            row.importing = True
        elif _asleep(other.account):
            other.importing = False
            s.flush()
            row.importing = True
            asleep.append(other)
        else:
            taken.append((row, other))
    _lost_asleep(s, asleep)
    if taken and choice == "ask":
        raise Taken(tuple(row.name for row, _ in taken))
    if taken and choice == "take_over":
        _take_over(s, account, taken, user_id)
    s.flush()
    if any(row.importing for row in rows):
        incidents.resolve(s, account.shop_id, "import_taken_over", subject(account), "imports_again")
        if account.status == AccountStatus.ACTIVE and account.importing and account.take_over_at is not None:
            account.due_at = clock.now()  # without a site to import its polling had stopped


def _holder(s: Session, row: AccountSite) -> AccountSite | None:
    """The row of another account that imports this seller's site."""
    s.flush()
    same = select(AccountSite).filter_by(
        channel=row.channel, realm=row.realm, seller_id=row.seller_id, site=row.site, importing=True
    )
    return s.scalars(same.where(AccountSite.account_id != row.account_id).with_for_update(key_share=True)).one_or_none()


def _asleep(account: Account) -> bool:
    return (
        account.shop.status == ShopStatus.UNINSTALLED
        or account.status == AccountStatus.DEACTIVATED
        or account.worked_at is None
    )


def _lost_asleep(s: Session, lost: Collection[AccountSite]) -> None:
    """Write down who lost which sites. Said to a shop that comes back; to who deactivated it once it is active again."""
    for loser in {row.account_id: row.account for row in lost if row.account.worked_at is not None}.values():
        names = sorted(row.name for row in lost if row.account_id == loser.id)
        journal.note(s, loser.shop_id, subject(loser), "import_taken_over", sites=names)
        if loser.status != AccountStatus.DEACTIVATED:
            incidents.open_(
                s, loser.shop_id, "import_taken_over", subject(loser), {**naming(loser), "sites": ", ".join(names)}
            )


def tell_lost(s: Session, account: Account, since: datetime) -> None:
    """The account is active again: what another shop took of it since then would else be missed without a word."""
    entries = select(JournalEntry).filter_by(
        shop_id=account.shop_id, subject=subject(account), event="import_taken_over"
    )
    names = {name for entry in s.scalars(entries.where(JournalEntry.at >= since)) for name in entry.params["sites"]}
    names -= {site.name for site in account.sites if site.importing}
    if names:
        params = {**naming(account), "sites": ", ".join(sorted(names))}
        incidents.open_(s, account.shop_id, "import_taken_over", subject(account), params)


def _take_over(s: Session, winner: Account, taken: list[tuple[AccountSite, AccountSite]], user_id: str) -> None:
    losers: dict[int, tuple[Account, list[str]]] = {}
    for _, other in taken:
        other.importing = False
        losers.setdefault(other.account_id, (other.account, []))[1].append(other.name)
    s.flush()
    for row, _ in taken:
        row.importing = True
    _go_on(s, winner, [loser for loser, _ in losers.values()], {row.site for row, _ in taken})
    for loser, names in losers.values():
        params = {**naming(loser), "sites": ", ".join(names)}
        incidents.open_(s, loser.shop_id, "import_taken_over", subject(loser), params)
        journal.note(s, loser.shop_id, subject(loser), "import_taken_over", sites=names)
        journal.audit(s, loser.shop_id, "", "import_taken_over", subject(loser), sites=names)
    names = [row.name for row, _ in taken]
    journal.audit(s, winner.shop_id, user_id, "import_taken", subject(winner), sites=names)


def _go_on(s: Session, winner: Account, losers: Collection[Account], taken: Collection[str]) -> None:
    """The winner imports what the losers have not seen: from a day before their last look on, not from before they began.

    What they have seen stays theirs (see orders.absorb). One moment counts for a whole account: while it imports sites
    of its own as well, its moment stays, but its next sweep looks back.
    """
    for account in (winner, *losers):
        # What is under way was asked before: whoever holds the row has lost it, and what it saved is seen here.
        s.refresh(account, with_for_update={"key_share": True} if db.locks_rows(s) else None)
        account.lease_token, account.lease_until = "", None
    moments = [moment for moment in (_looked_until(s, loser) for loser in losers) if moment is not None]
    if not moments:
        return
    begun = [loser.take_over_at for loser in losers if loser.take_over_at is not None]
    since = max(min(moments) - LOOK_BACK, *begun) if begun else min(moments)
    of_its_own = select(AccountSite.id).filter_by(account_id=winner.id, importing=True)
    if s.scalars(of_its_own.where(AccountSite.site.not_in(taken)).limit(1)).first() is None:
        winner.take_over_at = since
    if winner.cursor_at is not None:
        winner.cursor_at, winner.page_token, winner.sweep_since = min(winner.cursor_at, since), "", None


def _looked_until(s: Session, account: Account) -> datetime | None:
    """Until when orders of the account were seen: its last whole sweep, and what one under way has brought since."""
    if account.cursor_at is None:
        return account.take_over_at
    newest = select(func.max(Order.remote_created_at)).where(
        Order.shop_id == account.shop_id, Order.account_id == account.id, Order.backfill.is_(False)
    )
    seen, brought = account.cursor_at + registry()[account.channel].overlap, s.scalar(newest)
    # The very sale that was seen last is theirs; marketplaces tell whole seconds.
    until = max(seen, brought + timedelta(seconds=1)) if brought is not None else seen
    return min(until, clock.now())  # a sale dated into the future hands nothing over
