"""Whether an account's pushes have to wait, and until when: plan, pause, a broken account, a channel that is down."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from shopapp import clock, verdict
from shopapp.plans import ledger
from shopapp.records import db
from shopapp.records.models import Account, AccountStatus, Listing, Shop, ShopStatus

PAUSE = timedelta(minutes=1)


def until(s: Session, account: Account) -> datetime | None:
    """When to ask again, None when pushes may go. Over the plan's limit product sync pauses; so it does in a pause."""
    now, shop = clock.now(), s.get_one(Shop, account.shop_id)
    if shop.status != ShopStatus.ACTIVE or shop.paused_at is not None or account.status != AccountStatus.ACTIVE:
        return now + PAUSE
    if not ledger.has_room(s, shop):
        return now + PAUSE
    return verdict.breaker_open_until(s, account.channel, account.realm)


def postpone(s: Session, account: Account, moment: datetime) -> None:
    """All that is due of the account waits until then, in one statement: else each row would ask by itself."""
    now = clock.now()
    free = or_(Listing.lease_until.is_(None), Listing.lease_until < now)
    mine = select(Listing.id).where(Listing.account_id == account.id, Listing.due_at <= now, free)
    if db.locks_rows(s):
        mine = mine.with_for_update(key_share=True, skip_locked=True)
    due = update(Listing).where(Listing.id.in_(mine))
    s.execute(due.values(due_at=moment).execution_options(synchronize_session=False))
