"""Asks the marketplace again for one order that could not be kept or mapped when its page came."""

from __future__ import annotations

from datetime import timedelta

from marketplaces.channels import registry
from marketplaces.data import Order as Sale
from marketplaces.data import Unmapped
from marketplaces.errors import Rejected, RemoteError
from shopapp import clock, verdict
from shopapp.accounts import line
from shopapp.orders import absorb, outcome
from shopapp.records import db
from shopapp.records.models import Account, Order, OrderState
from shopapp.work.claim import Claim, held, release

LEAST = timedelta(hours=1)


def again(mine: Claim, account_id: int, remote_order_id: str, site: str) -> None:
    """Read the claimed order from its marketplace and take it in as it is now; it is then due as any other."""
    try:
        with db.reading() as s:
            channel = registry()[s.get_one(Account, account_id).channel]
        read: Sale | Unmapped = line.speak(account_id, lambda to: channel.get_order(to, remote_order_id, site))
    except Rejected as error:
        now = clock.now()
        read = Unmapped(remote_order_id, site, None, now, error.reason or "channel_changed", error.words, error.field)
    except (RemoteError, line.NotLinked, KeyError) as error:
        _later(mine, error)
        return
    with db.writing() as s:
        row = held(s, Order, mine)
        if row is None:
            return
        if row.state == OrderState.FAILED and row.purged_at is not None:  # its buyer was forgotten while we asked
            release(row, None)
            return
        account = s.get_one(Account, account_id)
        absorb.page(s, account, [read], absorb.Sweep(backfill=row.backfill))
        release(row, row.due_at)


def _later(mine: Claim, error: Exception) -> None:
    """The account's own poll tells what is wrong with it; the order waits."""
    with db.writing() as s:
        row = held(s, Order, mine)
        if row is not None:
            outcome.note(s, row, "not_read_again", verdict.words_of(error))
            release(row, clock.now() + max(LEAST, verdict.judge(error, "order").delay))
