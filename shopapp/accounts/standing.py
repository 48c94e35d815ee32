"""The daily look at seller accounts whose polls do not tell that they were suspended. Probes nothing that is broken."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import or_, select

from marketplaces.channel import Channel
from marketplaces.channels import registry
from marketplaces.errors import RateLimited, RemoteError
from shopapp import clock, verdict
from shopapp.accounts import line, settle
from shopapp.records import db
from shopapp.records.models import Account, AccountStatus, Shop, ShopStatus
from shopapp.work.turns import Turn

DAILY = timedelta(hours=20)  # a little less than a day, so that each night has its look
BATCH = 200  # of one run; the next one goes on
CALL = "identify"


def look() -> int:
    """The chore: look at the accounts whose last look is a day old; how many."""
    daily = [channel.key for channel in registry().values() if channel.looks_daily]
    before = clock.now() - DAILY
    due = (
        select(Account.id, Account.channel)
        .join(Shop, Shop.id == Account.shop_id)
        .where(Account.channel.in_(daily), Account.status == AccountStatus.ACTIVE, Shop.status == ShopStatus.ACTIVE)
        .where(or_(Account.looked_at.is_(None), Account.looked_at < before), Account.worked_at < before)
    )
    with db.reading() as s:
        rows = s.execute(due.order_by(Account.looked_at, Account.id).limit(BATCH)).all() if daily else []
    for account_id, channel in rows:
        _look(account_id, registry()[channel])
    return len(rows)


def _look(account_id: int, channel: Channel) -> None:
    error: Exception | None = None
    seller = None
    try:
        seller = line.speak(account_id, channel.identify, turn=Turn.BULK)
    except (RemoteError, line.NotLinked) as caught:
        error = caught
    with db.writing() as s:
        account = s.scalars(select(Account).filter_by(id=account_id).with_for_update(key_share=True, of=Account)).one()
        if account.status != AccountStatus.ACTIVE:
            return  # somebody else has found out, or has deactivated it
        if seller is not None and seller.seller_id == account.seller_id:
            settle.describe(s, account, seller)
        elif error is not None:
            verdict.call_failed(s, account, error, CALL)
        if not isinstance(error, RateLimited):
            account.looked_at = clock.now()
