"""The merchant's rules of an account about shipments, cancellations and orders that the marketplace ships itself.

What prices and stock follow stands with the listings. No row means the defaults. Joins the caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from shopapp.records import journal
from shopapp.records.models import Account, AccountRules, Restock


@dataclass(frozen=True, slots=True)
class Rules:
    """What applies to an account. `by_channel`: orders that the marketplace ships are imported, as shipped ones.

    `accept_orders`: where the marketplace asks the seller to accept an order, that is done by itself.
    """

    send_shipments: bool = True
    restock: Restock = Restock.YES
    by_channel: bool = False
    accept_orders: bool = True


def of(s: Session, account_id: int) -> Rules:
    """The rules of an account, or the defaults."""
    row = row_of(s, account_id)
    if row is None:
        return Rules()
    return Rules(row.send_shipments, Restock(row.restock), row.import_channel_fulfilled, row.accept_orders)


def save(s: Session, account: Account, user_id: str, wanted: Rules) -> bool:
    """Keep what the merchant decided, audited; whether anything changed."""
    before = of(s, account.id)
    if wanted == before:
        return False
    row = own_row(s, account.shop_id, account.id)
    row.send_shipments, row.restock = wanted.send_shipments, wanted.restock.value
    row.import_channel_fulfilled, row.accept_orders = wanted.by_channel, wanted.accept_orders
    changes = {
        name: [str(getattr(before, name)), str(getattr(wanted, name))]
        for name in Rules.__slots__
        if getattr(before, name) != getattr(wanted, name)
    }
    journal.audit(s, account.shop_id, user_id, "rules_saved", f"account:{account.id}", **changes)
    s.flush()
    return True


def row_of(s: Session, account_id: int) -> AccountRules | None:
    """The account's row, if the merchant has decided anything yet."""
    return s.scalars(select(AccountRules).where(AccountRules.account_id == account_id)).one_or_none()


def own_row(s: Session, shop_id: int, account_id: int) -> AccountRules:
    """The account's row, made with the defaults when there is none."""
    row = row_of(s, account_id)
    if row is None:
        row = AccountRules(shop_id=shop_id, account_id=account_id)
        s.add(row)
        s.flush()
    return row
