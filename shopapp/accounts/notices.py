"""What a channel sends to our address: who may send it is proved by the channel's module, what it means is written here.

Written down before it is answered, so that whoever repeats it finds nothing left to do. Knows no channel by name.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from marketplaces.channel import Channel
from marketplaces.channels import registry
from marketplaces.data import Heard, Notice, Told
from marketplaces.errors import AuthRevoked, RateLimited, RemoteError
from marketplaces.text import clean
from shopapp import clock
from shopapp.accounts import line, permits
from shopapp.logs import event
from shopapp.records import db, journal
from shopapp.records.models import Account, AccountStatus, Order, OrderState, Shop, ShopStatus
from shopapp.runtime import config
from shopapp.shops import privacy
from shopapp.verdict import apply_account, judge, subject

log = logging.getLogger(__name__)
LARGEST = 1_000_000  # bytes of a notice
RATE, BURST = "50", 500  # of a channel's notices that are looked at in a second
CALL = "notice"
BATCH = 500
# These still need their buyer: he is forgotten once they are done (see shops.retention).
UNDER_WAY = (OrderState.RECEIVED, OrderState.HELD, OrderState.SENDING)
WORKING = (AccountStatus.PENDING, AccountStatus.ACTIVE)


def address(channel_key: str) -> str:
    """Where a channel sends its notices, as the operator registers it there."""
    return f"{config()['APP_URL']}/notices/{channel_key}"


def take_in(channel_key: str, notice: Notice) -> Heard | None:
    """Find out what a notice says and write it down; how to answer. None when the channel sends none.

    Owns its transactions, may use the network. RateLimited when there are too many, the other RemoteErrors when it
    cannot be proved at the moment: it is to be sent again.
    """
    channel = registry().get(channel_key)
    if channel is None or not channel.hears or not channel.available(line.keys_of(channel)):
        return None
    permits.permit(f"{channel_key}:notices", RATE, BURST)
    heard = channel.hear(line.http_of(channel), line.keys_of(channel), notice)
    for told in heard.events:
        write(channel, told)
    return heard


def write(channel: Channel, told: Told) -> None:
    """Do what a proved notice means. A repeat changes nothing."""
    match told.kind:
        case "revoked":
            for account_id in _of_seller(channel, told):
                _revoked(channel, account_id, told)
        case "closed":
            if told.seller_id:
                for account_id in _of_seller(channel, told):
                    _closed(account_id, told)
            if told.buyer:
                _forget(channel, told.buyer)


def _of_seller(channel: Channel, told: Told) -> list[int]:
    """The accounts of this seller, in whichever shops."""
    seller = {"channel": channel.key, "realm": told.realm, "seller_id": told.seller_id}
    with db.reading() as s:
        found = select(Account.id).join(Shop, Shop.id == Account.shop_id).filter_by(**seller)
        return list(s.scalars(found.where(Shop.status != ShopStatus.UNINSTALLED).order_by(Account.id)))


def _revoked(channel: Channel, account_id: int, told: Told) -> None:
    """As when the channel had refused us: found out a little earlier. One that was linked again since stays."""
    with db.reading() as s:
        account = s.get(Account, account_id)
        if account is None or account.status not in WORKING or not account.credentials or _since(account, told):
            return
        stale = line.stored(account).access_token
    error = _look(channel, account_id, stale)
    if error is None:
        event(log, "notice_outlived", account=account_id)
        return
    if judge(error, "account").account_status is None:  # it does not answer; who told us was proved
        error = AuthRevoked(clean(told.words, 300), call=CALL)
    with db.writing() as s:
        account = _locked(s, account_id)
        if account.status in WORKING and account.credentials and not _since(account, told):
            apply_account(s, account, error, CALL)
            event(log, "notice_revoked", account=account_id)


def _since(account: Account, told: Told) -> bool:
    """Whether the account was linked after what is told happened."""
    return told.at is not None and account.entered_at is not None and account.entered_at > told.at


def _look(channel: Channel, account_id: int, stale: str) -> RemoteError | None:
    """What the channel says of our access now: access that we hold may outlive its authorisation, so it is renewed."""
    try:
        line.speak(account_id, channel.identify) if not stale else line.line(account_id, stale=stale)
    except RemoteError as error:
        return error
    except line.NotLinked as error:
        return RateLimited(None, str(error))
    return None


def _closed(account_id: int, told: Told) -> None:
    """The seller's own account there is gone: the connection ends, and nothing that came from its login is kept."""
    with db.writing() as s:
        account = _locked(s, account_id)
        if not account.credentials and not account.seller_name:
            return
        if account.status in WORKING:
            apply_account(s, account, AuthRevoked(clean(told.words, 300), call=CALL), CALL)
        account.credentials = account.access_token = account.seller_name = ""
        account.public, account.due_at = {}, None
        account.token_fence += 1
        journal.audit(s, account.shop_id, "", "account_closed_there", subject(account))
        event(log, "notice_seller_closed", logging.WARNING, account=account_id)


def _forget(channel: Channel, buyer: str) -> None:
    """Blank what is kept of a buyer, in all shops; orders under way follow when they are done."""
    theirs = select(Order.id).where(Order.channel == channel.key, Order.buyer_ref == clean(buyer))
    left = or_(Order.forget_at.is_(None), Order.state.not_in(UNDER_WAY))
    with db.reading() as s:
        theirs = theirs.where(Order.buyer_ref != "", Order.purged_at.is_(None), left)
        found = list(s.scalars(theirs.order_by(Order.id)))
    for start in range(0, len(found), BATCH):
        _blank(found[start : start + BATCH])
    if found:
        event(log, "notice_buyer_forgotten", orders=len(found))


def _blank(ids: Sequence[int]) -> None:
    with db.writing() as s:
        rows = list(
            s.scalars(
                select(Order).where(Order.id.in_(ids)).order_by(Order.id).with_for_update(key_share=True, of=Order)
            )
        )
        for row in rows:
            row.forget_at = row.forget_at or clock.now()
        s.flush()
        privacy.blank_orders(s, [row.id for row in rows if row.state not in UNDER_WAY])
        counts: dict[int, int] = {}
        for row in rows:
            counts[row.shop_id] = counts.get(row.shop_id, 0) + 1
        for shop_id, count in counts.items():
            journal.audit(s, shop_id, "", "customer.redacted", "shop", orders=count)


def _locked(s: Session, account_id: int) -> Account:
    return s.scalars(select(Account).filter_by(id=account_id).with_for_update(key_share=True, of=Account)).one()
