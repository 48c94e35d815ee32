"""Messages inside the app, with repair instructions: read and unread, one per incident. Texts are made when shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.records.models import InboxMessage, Incident

PER_PAGE = 50


def post(s: Session, incident: Incident) -> InboxMessage:
    """The message of this incident; posting again gives the same one."""
    s.flush()
    found = s.scalar(select(InboxMessage).where(InboxMessage.incident_id == incident.id))
    if found is not None:
        return found
    message = InboxMessage(
        shop_id=incident.shop_id,
        incident_id=incident.id,
        kind=incident.kind,
        subject=incident.subject,
        params=dict(incident.params),
        words=incident.words,
        created_at=clock.now(),
    )
    s.add(message)
    s.flush()
    return message


def tell(s: Session, shop_id: int, kind: str, subject: str, params: Mapping[str, Any]) -> InboxMessage:
    """A message that belongs to no incident (for example: a customer's data are ready)."""
    message = InboxMessage(shop_id=shop_id, kind=kind, subject=subject, params=dict(params), created_at=clock.now())
    s.add(message)
    s.flush()
    return message


def messages(s: Session, shop_id: int, page: int = 1) -> tuple[list[InboxMessage], bool]:
    """One page of the shop's messages (from 1), newest first, and whether older ones follow."""
    start = (max(1, page) - 1) * PER_PAGE
    found = select(InboxMessage).where(InboxMessage.shop_id == shop_id)
    newest = found.order_by(InboxMessage.created_at.desc(), InboxMessage.id.desc())
    rows = list(s.scalars(newest.offset(start).limit(PER_PAGE + 1)))
    return rows[:PER_PAGE], len(rows) > PER_PAGE


def message(s: Session, shop_id: int, message_id: int) -> InboxMessage | None:
    """One message of this shop."""
    return s.scalar(select(InboxMessage).where(InboxMessage.shop_id == shop_id, InboxMessage.id == message_id))


def unread(s: Session, shop_id: int) -> int:
    """How many messages nobody has read yet."""
    mine = (InboxMessage.shop_id == shop_id, InboxMessage.read_at.is_(None))
    return s.scalar(select(func.count(InboxMessage.id)).where(*mine)) or 0


def mark_read(s: Session, shop_id: int, message_id: int | None = None, *, read: bool = True) -> int:
    """Mark one message of the shop (None: all) as read or unread; how many changed."""
    mine = [InboxMessage.shop_id == shop_id]
    mine.append(InboxMessage.read_at.is_(None) if read else InboxMessage.read_at.is_not(None))
    if message_id is not None:
        mine.append(InboxMessage.id == message_id)
    ids = list(s.scalars(select(InboxMessage.id).where(*mine)))
    s.execute(update(InboxMessage).where(InboxMessage.id.in_(ids)).values(read_at=clock.now() if read else None))
    return len(ids)
