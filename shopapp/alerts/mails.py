"""Rows of the outbox: how incidents come together in one mail, when it is due, what cancels it. Sends nothing.

The first mail of a shop and category waits MAIL_WAIT_SECONDS for more of its kind; after that there is at most one per
MAIL_DIGEST_SECONDS. Incidents join a mail only while it is `waiting`: one that may already have left is never changed.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.logs import event
from shopapp.records import db, vault
from shopapp.records.journal import note
from shopapp.records.models import Category, Incident, Mail, MailState, Shop
from shopapp.records.vault import new_uid
from shopapp.runtime import config

log = logging.getLogger(__name__)
ALERTS = ("alert", "reminder")
DAILY = 20  # alert mails to one address in 24 hours
RESERVED = 5  # of these only for account_expired: many failed orders must not hold back the news of a dead connection
CONFIRMATIONS = (
    5  # a day and shop, and a day and address: nobody shall be flooded through our form, by many shops either
)
OPERATOR_EVERY = timedelta(hours=1)
DAY = timedelta(hours=24)


def digest() -> timedelta:
    """Least time between two alert mails of a category to a shop."""
    return timedelta(seconds=config().number("MAIL_DIGEST_SECONDS"))


def queue(s: Session, shop: Shop | None, kind: str, **columns: Any) -> Mail:
    """A new row that is due now (or at `due_at`); `secret` is sealed. None as shop: to the operator."""
    now = clock.now()
    secret = columns.pop("secret", "")
    values: dict[str, Any] = {"created_at": now, "due_at": now, "params": {}, **columns}
    row = Mail(
        uid=new_uid(),
        shop_id=shop.id if shop else None,
        vault_shop_uid=shop.uid if shop else "",
        kind=kind,
        state=MailState.WAITING,
        **values,
    )
    if secret:
        vault.seal(row, "secret", secret)
    s.add(row)
    s.flush()
    return row


def next_slot(s: Session, shop_id: int, category: str) -> datetime:
    """When the next alert mail of this shop and category may leave."""
    now = clock.now()
    slot = now + timedelta(seconds=config().number("MAIL_WAIT_SECONDS"))
    last = last_sent(s, shop_id, category)
    return max(slot, last + digest()) if last else slot


def last_sent(s: Session, shop_id: int, category: str, but: int = 0) -> datetime | None:
    """When an alert mail of this shop and category was last sent (or began to be), leaving out row `but`."""
    left = (MailState.SENDING, MailState.SENT, MailState.BOUNCED)
    return s.scalar(
        select(func.max(func.coalesce(Mail.sent_at, Mail.due_at)))
        .where(Mail.shop_id == shop_id, Mail.category == category, Mail.kind.in_(ALERTS))
        .where(Mail.state.in_(left), Mail.sends > 0, Mail.id != but)
    )


def attach(s: Session, incident: Incident, shop: Shop) -> None:
    """Put the incident into the waiting mail of its category, or into a new one."""
    waiting = (
        select(Mail.id)
        .where(Mail.shop_id == shop.id, Mail.category == incident.category, Mail.kind == "alert")
        .where(Mail.state == MailState.WAITING)
        .order_by(Mail.id)
        .limit(1)
        # A shared lock: many may join at once, but the sender waits for them and they see its change of state.
        .with_for_update(read=True)
    )
    mail_id = s.scalar(waiting)
    if mail_id is None:
        due = next_slot(s, shop.id, incident.category)
        mail_id = queue(s, shop, "alert", category=incident.category, due_at=due).id
    incident.mail_id, incident.mail_skipped = mail_id, ""


def absorb(s: Session, mail: Mail) -> None:
    """Take over the incidents of other waiting mails of the same shop and category (two began in the same moment)."""
    others = (
        select(Mail)
        .where(Mail.shop_id == mail.shop_id, Mail.category == mail.category, Mail.kind == mail.kind)
        .where(Mail.state == MailState.WAITING, Mail.id != mail.id)
        .with_for_update(key_share=True, skip_locked=True)
    )
    for other in s.scalars(others):
        s.execute(update(Incident).where(Incident.mail_id == other.id).values(mail_id=mail.id))
        cancel(other, "merged")


def cancel(mail: Mail, why: str) -> None:
    """The mail will not be sent; `why` stays with it."""
    mail.state, mail.last_error, mail.secret = MailState.CANCELLED, why, ""
    mail.due_at, mail.lease_token, mail.lease_until = None, "", None


def skip(s: Session, incidents: Iterable[Incident], why: str) -> None:
    """Note at each incident, and in its subject's journal, why its mail was not sent."""
    for incident in incidents:
        incident.mail_skipped = why
        note(s, incident.shop_id, incident.subject, "mail_cancelled", why=why, kind=incident.kind)


def cancel_category(s: Session, shop_id: int, category: Category) -> int:
    """Cancel the waiting mails of a category that was switched off; how many."""
    rows = s.scalars(
        select(Mail)
        .where(Mail.shop_id == shop_id, Mail.category == category.value, Mail.state == MailState.WAITING)
        .with_for_update(key_share=True)
    ).all()
    for row in rows:
        skip(s, s.scalars(select(Incident).where(Incident.mail_id == row.id)), "category_off")
        cancel(row, "category_off")
    return len(rows)


def confirm_address(s: Session, shop: Shop, address: str, ticket: str) -> bool:
    """Queue the mail that asks to confirm `address`; False when it, or the shop, was asked too often today."""
    mine = (Mail.shop_id == shop.id, Mail.kind == "confirm_address")
    theirs = (func.lower(Mail.to_address) == address.lower(), Mail.kind == "confirm_address")
    for some in (mine, theirs):
        asked = s.scalar(select(func.count(Mail.id)).where(*some, Mail.created_at > clock.now() - DAY)) or 0
        if asked >= CONFIRMATIONS:
            return False
    for older in s.scalars(select(Mail).where(*mine, Mail.state == MailState.WAITING)):
        cancel(older, "asked_again")
    queue(s, shop, "confirm_address", to_address=address, secret=ticket)
    return True


def to_operator(s: Session, kind: str, params: dict[str, Any], *, once: str = "") -> bool:
    """Tell the operator of a fault of ours, once an hour and kind; with `once` a single time for that name.

    Whether a mail was queued.
    """
    address = config()["OPERATOR_EMAIL"]
    event(log, "operator_told", logging.ERROR, kind=kind, params=params, mailed=bool(address))
    key = kind[:32]
    told = select(Mail.id).where(Mail.kind == "operator", Mail.category == key)
    now = clock.now()
    if not address or (not once and s.scalar(told.where(Mail.created_at > now - OPERATOR_EVERY).limit(1))):
        return False
    # Many accounts meet our fault in the same moment: of those who saw no mail yet, one name can be taken once.
    hour = int(now.timestamp() // OPERATOR_EVERY.total_seconds())
    name = hashlib.sha256(f"operator:{key}:{once or hour}".encode()).hexdigest()[:32]
    row: dict[str, Any] = {"uid": name, "kind": "operator", "category": key, "to_address": address, "params": params}
    row |= {"state": MailState.WAITING, "created_at": now, "due_at": now}
    return db.insert_new(s, Mail, row, key=["uid"])


def slot_today(s: Session, address: str, category: str) -> datetime | None:
    """When `address` may get the next alert of `category`; None: now. The daily limit puts the rest into a digest."""
    limit = DAILY if category == Category.ACCOUNT_EXPIRED else DAILY - RESERVED
    sent = s.scalars(
        select(Mail.sent_at)
        .where(Mail.to_address == address, Mail.kind.in_(ALERTS), Mail.sent_at > clock.now() - DAY)
        .order_by(Mail.sent_at.desc())
        .limit(limit)
    ).all()
    if len(sent) < limit or sent[-1] is None:
        return None
    return sent[-1] + DAY


def waiting(s: Session) -> tuple[int, datetime | None]:
    """How many mails are not sent yet, and since when the oldest waits."""
    unsent = (MailState.WAITING, MailState.SENDING)
    count, oldest = s.execute(
        select(func.count(Mail.id), func.min(Mail.created_at)).where(Mail.state.in_(unsent))
    ).one()
    return count, oldest
