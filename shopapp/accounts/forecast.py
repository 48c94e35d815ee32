"""The known end of an authorisation: notices before it, each once. Unknown ends stay unknown."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.alerts import incidents
from shopapp.i18n import zone
from shopapp.records import db, journal
from shopapp.records.models import Account, AccountStatus, Incident, Shop, ShopStatus
from shopapp.verdict import naming, subject

DAYS = (30, 14, 7, 3, 1)
KIND = "expiry_notice"
BATCH = 100


def days_left(account: Account, now: datetime) -> int | None:
    """Calendar days, in the shop's time zone, until the authorisation ends; None when its end is unknown."""
    if account.expires_at is None:
        return None
    here = zone(account.shop.timezone)
    return (account.expires_at.astimezone(here).date() - now.astimezone(here).date()).days


def notices() -> int:
    """The chore: open the notices that are due, over all shops; how many were opened."""
    now = clock.now()
    soon = (
        select(Account.id)
        .join(Shop, Shop.id == Account.shop_id)
        .where(Account.status == AccountStatus.ACTIVE, Shop.status == ShopStatus.ACTIVE)
        .where(Account.expires_at <= now + timedelta(days=max(DAYS) + 2), Account.expires_at > now)
    )
    with db.reading() as s:
        ids = list(s.scalars(soon.order_by(Account.id)))
    opened = 0
    for at in range(0, len(ids), BATCH):
        with db.writing() as s:
            for account in s.scalars(select(Account).where(Account.id.in_(ids[at : at + BATCH]))).unique():
                opened += notice(s, account, now)
    return opened


def notice(s: Session, account: Account, now: datetime) -> bool:
    """Open the account's notice if a step was reached since the last one; whether it was opened."""
    left = days_left(account, now)
    if left is None or account.expires_at is None or account.status != AccountStatus.ACTIVE:
        return False
    reached = [days for days in DAYS if left <= days]
    if not reached:
        return incidents.resolve(s, account.shop_id, KIND, subject(account), "renewed") and False
    step, end = min(reached), account.expires_at.isoformat()
    told = s.scalars(
        select(Incident)
        .filter_by(shop_id=account.shop_id, kind=KIND, subject=subject(account))
        .order_by(Incident.id.desc())
        .limit(len(DAYS))
    )
    if any(one.params.get("ends_at") == end and one.params.get("step", 0) <= step for one in told):
        return False
    incidents.resolve(s, account.shop_id, KIND, subject(account), "next_notice")
    params = {**naming(account), "days": max(left, 0), "step": step, "ends_at": end}
    incidents.open_(s, account.shop_id, KIND, subject(account), params)
    journal.note(s, account.shop_id, subject(account), KIND, days=left, ends_at=end)
    return True
