"""A channel's realm that answers nobody: its breaker, and the one incident per shop after half an hour.

While the breaker is open nobody calls and no attempt is used up; one probe at a time finds out when it is over.
"""

from __future__ import annotations

import logging
import random
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from marketplaces.errors import RemoteError, Transient
from shopapp import clock
from shopapp.alerts import incidents
from shopapp.logs import event
from shopapp.records import db
from shopapp.records.models import Account, AccountStatus, ChannelOutage, Incident, Shop, ShopStatus
from shopapp.verdict.naming import channel_name, channel_subject
from shopapp.verdict.table import OUTAGE, words_of

log = logging.getLogger(__name__)
WINDOW, FAILURES = timedelta(seconds=60), 5  # the breaker opens at so many failures within so long
PAUSE = timedelta(seconds=60)  # the longest between two probes of an open breaker
OUTAGE_AFTER = timedelta(minutes=30)
TELL_AT_ONCE = 500  # shops told in one transaction; the next failure tells the next ones


def channel_failed(s: Session, account: Account, error: Exception) -> None:
    """Count a failure of the account's realm (`apply_account` does so by itself). Opens the breaker, tells outages."""
    if not isinstance(error, Transient):
        return
    now = clock.now()
    row = _locked(s, account.channel, account.realm)
    if row.failing_since is None:
        row.failing_since = now
    if row.window_at is None or now - row.window_at > WINDOW:
        row.window_at, row.failures = now, 0
    row.failures += 1
    row.words = words_of(error)
    # Many failures in a minute, one account over and over, or the probe of a half-open breaker.
    if row.failures >= FAILURES or account.attempt >= FAILURES or row.open_until is not None:
        if row.open_until is None:
            event(log, "channel_down", logging.WARNING, channel=account.channel, realm=account.realm)
        row.open_until = now + _half_open_after()
    if now - row.failing_since >= OUTAGE_AFTER:
        _tell(s, row)


def channel_answered(s: Session, channel: str, realm: str) -> None:
    """The realm answered somebody, be it with a refusal: the breaker closes and the outage is over for all shops."""
    row = _find(s, channel, realm)
    if row is None or row.failing_since is None:
        return
    row = _locked(s, channel, realm)
    if row.open_until is not None:
        event(log, "channel_back", channel=channel, realm=realm)
    row.failing_since = row.window_at = row.open_until = None
    row.failures, row.words = 0, ""
    about = channel_subject(channel, realm)
    for shop_id in s.scalars(_told(about)).all():
        incidents.resolve(s, shop_id, OUTAGE, about, "answers_again")


def breaker_open_until(s: Session, channel: str, realm: str) -> datetime | None:
    """Until when not to call this realm (waiting uses no attempt); None: go on. Needs a writing transaction.

    Once that time has passed, one caller per half minute or so gets None: its call is the probe.
    """
    now = clock.now()
    row = _find(s, channel, realm)
    if row is None or row.open_until is None:
        return None
    if _is_open(row.open_until, now):
        return row.open_until
    again = now + _half_open_after()
    mine = update(ChannelOutage).where(ChannelOutage.id == row.id, ChannelOutage.open_until == row.open_until)
    result: Any = s.execute(mine.values(open_until=again).execution_options(synchronize_session=False))
    s.expire(row)
    return None if result.rowcount else again


def closed_from(s: Session, channel: str, realm: str) -> datetime | None:
    """The end of the pause if the breaker is open right now; takes no probe."""
    row = _find(s, channel, realm)
    return row.open_until if row is not None and _is_open(row.open_until, clock.now()) else None


def hear(s: Session, account: Account, error: Exception) -> None:
    """Tell the breaker of any outcome but success: no answer counts against the realm, a real answer for it."""
    if isinstance(error, Transient):
        channel_failed(s, account, error)
    elif isinstance(error, RemoteError) and error.status is not None:
        channel_answered(s, account.channel, account.realm)


def _is_open(until: datetime | None, now: datetime) -> bool:
    return until is not None and now < until <= now + 2 * PAUSE  # later: set before a clock was set back


def _half_open_after() -> timedelta:
    return PAUSE * random.uniform(0.5, 1)  # noqa: S311  # spreads load, guards nothing


def _find(s: Session, channel: str, realm: str) -> ChannelOutage | None:
    return s.scalars(select(ChannelOutage).filter_by(channel=channel, realm=realm)).one_or_none()


def _locked(s: Session, channel: str, realm: str) -> ChannelOutage:
    """The realm's row, locked and fresh; made when there is none."""
    s.flush()
    row = {"channel": channel, "realm": realm, "failures": 0, "words": ""}
    db.insert_new(s, ChannelOutage, row, key=["channel", "realm"])
    wanted = select(ChannelOutage).filter_by(channel=channel, realm=realm).with_for_update(key_share=True)
    return s.scalars(wanted.execution_options(populate_existing=True)).one()


def _told(about: str) -> Any:
    return select(Incident.shop_id).where(
        Incident.kind == OUTAGE, Incident.subject == about, Incident.resolved_at.is_(None)
    )


def _tell(s: Session, row: ChannelOutage) -> None:
    about = channel_subject(row.channel, row.realm)
    touched = (
        select(Account.shop_id)
        .join(Shop, Shop.id == Account.shop_id)
        .where(Account.channel == row.channel, Account.realm == row.realm, Account.status == AccountStatus.ACTIVE)
        .where(Shop.status == ShopStatus.ACTIVE, Account.shop_id.not_in(_told(about)))
    )
    since = row.failing_since.isoformat() if row.failing_since else ""
    params = {"channel": channel_name(row.channel), "channel_key": row.channel, "realm": row.realm, "since": since}
    for shop_id in s.scalars(touched.distinct().limit(TELL_AT_ONCE)).all():
        incidents.open_(s, shop_id, OUTAGE, about, params, row.words)
