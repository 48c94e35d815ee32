"""A shop with an account, calls that fail or work, and what comes of them."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select

from marketplaces.data import Seller
from shopapp import verdict
from shopapp.records import db
from shopapp.records.models import Account, AccountStatus, Incident, Shop

START = datetime(2026, 9, 1, 12, tzinfo=UTC)


def make(name: str = "blue", status: AccountStatus = AccountStatus.ACTIVE, **values: object) -> int:
    """A shop with one account; the account's id."""
    with db.writing() as s:
        shop = s.scalars(select(Shop).filter_by(domain=f"{name}.myshopify.com")).one_or_none()
        if shop is None:
            shop = Shop(domain=f"{name}.myshopify.com", installed_at=START, email=f"owner@{name}.test")
            s.add(shop)
            s.flush()
        row: dict[str, object] = {
            "channel": "amazon",
            "realm": "eu",
            "seller_id": f"S{len(name)}{name}",
            "label": "Blue Amazon",
            "status": status,
            "status_since": START,
            "created_at": START,
            "worked_at": None if status == AccountStatus.PENDING else START,
            "take_over_at": START,
            "credentials": "sealed",
            "due_at": START,
        }
        account = Account(shop_id=shop.id, **{**row, **values})
        s.add(account)
        s.flush()
        return account.id


def apply(account_id: int, error: Exception, call: str = "searchOrders") -> verdict.Verdict:
    """One failed call."""
    with db.writing() as s:
        return verdict.apply_account(s, s.get_one(Account, account_id), error, call)


def works(account_id: int, seller: Seller | None = None) -> bool:
    """One successful call."""
    with db.writing() as s:
        return verdict.account_works(s, s.get_one(Account, account_id), seller)


def account(account_id: int) -> Account:
    """The row as it is now."""
    with db.reading() as s:
        return s.get_one(Account, account_id)


def incidents(kind: str = "account_expired", *, resolved: bool = False) -> list[Incident]:
    """Open (or resolved) incidents of a kind, over all shops."""
    with db.reading() as s:
        wanted = select(Incident).filter_by(kind=kind)
        end = Incident.resolved_at.is_not(None) if resolved else Incident.resolved_at.is_(None)
        return list(s.scalars(wanted.where(end).order_by(Incident.id)))
