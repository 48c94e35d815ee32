"""Accounts that never worked yet: made when a login begins, found again when it is resumed, merged when it ends."""

from __future__ import annotations

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from marketplaces.channel import Channel
from marketplaces.text import clean
from shopapp import clock
from shopapp.records.models import Account, AccountSite, AccountStatus, Backfill, LoginAttempt, Order, Shop


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
    if clean(label):
        account.label = clean(label, 100)
    s.flush()
    return account


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
