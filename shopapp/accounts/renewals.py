"""A renewal that the seller began at the marketplace (its Login URI): renews existing accounts, links nothing new.

It comes without a merchant's session, so the seller id is proved before anybody's account is touched.
"""

from __future__ import annotations

import logging

from sqlalchemy import select

from marketplaces.errors import RemoteError
from shopapp import clock
from shopapp.accounts import settle, way
from shopapp.accounts.link import prove
from shopapp.accounts.outcome import Outcome
from shopapp.accounts.way import Arrival, Login
from shopapp.alerts import incidents
from shopapp.logs import event
from shopapp.records import db, journal
from shopapp.records.models import Account, LoginAttempt, LoginDoor, Shop, ShopStatus
from shopapp.verdict import account_works, subject, words_of

log = logging.getLogger(__name__)


def renew(arrival: Arrival) -> Outcome:
    """Store the new access in every account of the seller and realm, of all shops. For a top-level page."""
    assert arrival.attempt_id is not None
    with db.reading() as s:
        attempt = s.get_one(LoginAttempt, arrival.attempt_id)
    outcome = _renew(attempt, arrival)
    way.settled(attempt.id, None, outcome.kind)
    return outcome


def _renew(attempt: LoginAttempt, arrival: Arrival) -> Outcome:
    if arrival.credentials is None:
        return Outcome("declined" if arrival.refused == "declined" else "failed", words=arrival.words)
    actual = arrival.credentials.public.get("seller_id", "")
    if actual != attempt.seller_id:
        return Outcome("wrong_seller", expected=attempt.seller_id, actual=actual)
    try:
        credentials, seller = prove(attempt.channel, attempt.realm, arrival.credentials)
    except RemoteError as error:
        return Outcome("failed", words=words_of(error))
    same = (
        select(Account.id)
        .join(Shop, Shop.id == Account.shop_id)
        .where(
            Account.channel == attempt.channel,
            Account.realm == attempt.realm,
            Account.seller_id == attempt.seller_id,
            Account.worked_at.is_not(None),
            Shop.status != ShopStatus.UNINSTALLED,
        )
    )
    with db.reading() as s:
        ids = list(s.scalars(same.order_by(Account.id)))
    for account_id in ids:
        with db.writing() as s:
            account = (
                s.scalars(select(Account).filter_by(id=account_id).with_for_update(key_share=True, of=Account))
                .unique()
                .one()
            )
            login = Login(
                account.shop_id, "", account.channel, account.realm, account.id, credentials, "login", LoginDoor.CHANNEL
            )
            settle.remember(account, login)
            settle.describe(s, account, seller)
            account_works(s, account, seller, missing=())
            incidents.resolve(s, account.shop_id, "expiry_notice", subject(account), "renewed")
            if account.due_at is not None:
                account.due_at = clock.now()
            journal.note(s, account.shop_id, subject(account), "account_renewed", door=LoginDoor.CHANNEL.value)
            journal.audit(s, account.shop_id, "", "account_renewed", subject(account), door=LoginDoor.CHANNEL.value)
    event(log, "seller_renewed", channel=attempt.channel, accounts=len(ids))
    return Outcome("linked")
