"""What must hold between incidents and the things they are about. Checked after every journey; changes nothing."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from shopapp.records.models import (
    Account,
    AccountStatus,
    DayCount,
    DayState,
    Incident,
    Mail,
    MailState,
    Order,
    OrderState,
    Shipment,
    ShipmentState,
)


def check(s: Session) -> list[str]:
    """One sentence for each broken invariant; [] when all hold."""
    return [*_accounts(s), *_orders(s), *_shipments(s), *_days(s), *_mails(s)]


def _open(s: Session, kind: str) -> set[tuple[int, str]]:
    found = select(Incident.shop_id, Incident.subject).where(Incident.kind == kind, Incident.resolved_at.is_(None))
    return {(shop_id, subject) for shop_id, subject in s.execute(found)}


def _differences(wrong: str, expected: set[tuple[int, str]], found: set[tuple[int, str]]) -> list[str]:
    missing = [f"{subject} of shop {shop} {wrong} but has no open incident" for shop, subject in expected - found]
    stale = [f"{subject} of shop {shop} has an open incident but not: {wrong}" for shop, subject in found - expected]
    return sorted(missing + stale)


def _accounts(s: Session) -> list[str]:
    rows = s.execute(select(Account.shop_id, Account.id, Account.status, Account.cause))
    broken = {
        (shop_id, f"account:{account_id}")
        for shop_id, account_id, status, cause in rows
        if AccountStatus(status).broken or (status == AccountStatus.PENDING and cause)
    }
    return _differences("is broken", broken, _open(s, "account_expired"))


def _orders(s: Session) -> list[str]:
    rows = s.execute(select(Order.shop_id, Order.id).where(Order.state == OrderState.FAILED))
    failed = {(shop_id, f"order:{order_id}") for shop_id, order_id in rows}
    return _differences("failed", failed, _open(s, "order_import_failed"))


def _shipments(s: Session) -> list[str]:
    rows = s.execute(select(Shipment.shop_id, Shipment.order_id).where(Shipment.state == ShipmentState.FAILED))
    refused = {(shop_id, f"order:{order_id}") for shop_id, order_id in rows}
    return _differences("has a package that was not accepted", refused, _open(s, "fulfillment_failed"))


def _days(s: Session) -> list[str]:
    rows = s.execute(select(DayCount.shop_id, DayCount.account_id).where(DayCount.state == DayState.UNEVEN).distinct())
    uneven = {(shop_id, f"account:{account_id}") for shop_id, account_id in rows}
    return _differences("has days that do not add up", uneven, _open(s, "orders_missing"))


def _mails(s: Session) -> list[str]:
    mute = select(Incident.id).where(Incident.category != "", Incident.mail_id.is_(None), Incident.mail_skipped == "")
    wrong = [f"incident {row} has neither a mail nor a reason for none" for row in s.scalars(mute)]
    unproven = select(Mail.id).where(Mail.state == MailState.SENT, Mail.sent_at.is_(None))
    wrong += [f"mail {row} counts as sent without a time" for row in s.scalars(unproven)]
    idle = select(Mail.id).where(Mail.state.in_((MailState.WAITING, MailState.SENDING)), Mail.due_at.is_(None))
    return wrong + [f"mail {row} waits but is never due" for row in s.scalars(idle)]
