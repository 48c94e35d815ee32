"""Accounts that never worked yet: made when a login begins, found again when it is resumed, merged when it ends."""

from __future__ import annotations

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from marketplaces.channel import Channel
from marketplaces.channels import registry
from marketplaces.text import clean
from shopapp import clock
from shopapp.records.models import Account, AccountSite, AccountStatus, Backfill, LoginAttempt, Order, Shop

LABEL = 100  # characters


def owned(s: Session, shop_id: int, account_id: int) -> Account:
    """The account, if it is the shop's, locked for writing; LookupError otherwise."""
    wanted = select(Account).filter_by(id=account_id, shop_id=shop_id).with_for_update(key_share=True, of=Account)
    account = s.scalars(wanted).unique().one_or_none()
    if account is None:
        raise LookupError("no such account")
    return account


def pending(s: Session, shop: Shop, channel: Channel, realm: str, label: str = "") -> Account:
    """A pending account without a seller: the one that an earlier login left behind, else a new one (flushed)."""
    wanted = select(Account).filter_by(shop_id=shop.id, channel=channel.key, realm=realm, status=AccountStatus.PENDING)
    account = s.scalars(wanted.where(Account.seller_id.is_(None)).order_by(Account.id)).unique().first()
    if account is None:
        now = clock.now()
        account = Account(shop=shop, channel=channel.key, realm=realm, label=channel.name)
        account.status, account.status_since, account.created_at = AccountStatus.PENDING, now, now
        s.add(account)
        s.flush()
        call(s, account, "")
    if clean(label):
        account.label = clean(label, LABEL)
    s.flush()
    return account


def unnamed(account: Account) -> bool:
    """Whether nobody has named the account: it is called what `call` made up before it worked."""
    plain = registry()[account.channel].name
    if account.worked_at is not None:
        return account.label in ("", plain)
    stems = [plain, f"{plain} {account.seller_id}"]
    return account.label in {"", *stems, *(_marked(stem, account.realm) for stem in stems)}


def call(s: Session, account: Account, name: str) -> None:
    """Call an account that nobody has named after its channel and `name` (its seller's, or the id; "" if unknown).

    A seller may have one name in all regions, and at many marketplaces: what another account of the shop is called
    already is followed by the realm, or by the seller's id where that is the same. So mails tell two of them apart.
    """
    stem = clean(f"{registry()[account.channel].name} {name}", LABEL)
    others = select(Account.label, Account.realm).where(Account.shop_id == account.shop_id, Account.id != account.id)
    taken = {row.label: row.realm for row in s.execute(others)}
    marks = [account.realm, account.seller_id or ""]
    if taken.get(stem) == account.realm:
        marks.reverse()
    names = [stem, *(_marked(stem, mark) for mark in marks if mark)]
    account.label = next((one for one in names if one not in taken), names[-1])


def _marked(stem: str, mark: str) -> str:
    tail = f" ({mark})"[:LABEL]
    return stem[: LABEL - len(tail)].rstrip() + tail


def of_seller(s: Session, shop_id: int, channel: str, realm: str, seller_id: str) -> Account | None:
    """The shop's account of this seller, locked, if there is one."""
    wanted = select(Account).filter_by(shop_id=shop_id, channel=channel, realm=realm, seller_id=seller_id)
    return s.scalars(wanted.with_for_update(key_share=True, of=Account)).unique().one_or_none()


def drop(s: Session, account: Account, merged_into: Account) -> None:
    """Remove a pending account whose login turned out to be of an account that exists; kept if anything hangs on it."""
    used = exists().where(Order.account_id == account.id) | exists().where(Backfill.account_id == account.id)
    if account.worked_at is not None or s.execute(select(used)).scalar_one():
        return
    s.execute(update(LoginAttempt).where(LoginAttempt.account_id == account.id).values(account_id=merged_into.id))
    s.execute(delete(AccountSite).where(AccountSite.account_id == account.id))
    s.delete(account)
    s.flush()
