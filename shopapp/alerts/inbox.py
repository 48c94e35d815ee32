"""Messages inside the app, with repair instructions: read and unread, one per incident. Texts are made when shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, tuple_, update
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.records import keyset
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


@dataclass(frozen=True, slots=True)
class Page:
    """Messages, newest first. `newer` and `older` are the cursors of the pages beside it, "" where there is none."""

    rows: tuple[InboxMessage, ...]
    newer: str = ""
    older: str = ""


def messages(s: Session, shop_id: int, *, after: str = "", before: str = "") -> Page:
    """The shop's messages that are older than the cursor `after`, or those just newer than `before`; else the newest.

    Pages go on from a message, so one that comes meanwhile shifts nothing. A cursor that is not ours: the newest.
    """
    found = select(InboxMessage).where(InboxMessage.shop_id == shop_id)
    place = tuple_(InboxMessage.created_at, InboxMessage.id)
    oldest_first = (InboxMessage.created_at, InboxMessage.id)
    newest_first = [column.desc() for column in oldest_first]
    if upward := keyset.read(before):
        nearest = found.where(place > tuple_(*upward)).order_by(*oldest_first)
        rows = list(s.scalars(nearest.limit(PER_PAGE + 1)))
        if len(rows) > PER_PAGE:
            rows = rows[PER_PAGE - 1 :: -1]
            return Page(tuple(rows), _cursor(rows[0]), _cursor(rows[-1]))
    downward = None if upward else keyset.read(after)
    if downward:
        found = found.where(place < tuple_(*downward))
    rows = list(s.scalars(found.order_by(*newest_first).limit(PER_PAGE + 1)))
    older = _cursor(rows[PER_PAGE - 1]) if len(rows) > PER_PAGE else ""
    rows = rows[:PER_PAGE]
    return Page(tuple(rows), (_cursor(rows[0]) if rows else after) if downward else "", older)


def _cursor(row: InboxMessage) -> str:
    return keyset.write(row.created_at, row.id)


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
    changed = update(InboxMessage).where(*mine).values(read_at=clock.now() if read else None)
    return len(s.scalars(changed.returning(InboxMessage.id)).all())
