"""The journal (what happened to a subject) and the audit log (who changed what). Both join the caller's transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.logs import redact
from shopapp.records.models import AuditEntry, JournalEntry

_entries: Any = JournalEntry.__table__
# Written at once and never looked at again: as an object of the session it would cost three times as much.
_NOTE = insert(_entries).inline()


def note(s: Session, shop_id: int, subject: str, event: str, words: str = "", **params: Any) -> None:
    """Add a dated line about `subject` ("order:12"). `event` is a key of the event catalogue; params are JSON-able."""
    said = redact(words)[:500] if words else ""
    row = {"shop_id": shop_id, "subject": subject, "at": clock.now(), "event": event, "params": params, "words": said}
    s.connection().execute(_NOTE, row)


def audit(s: Session, shop_id: int, user_id: str, action: str, subject: str = "", **changes: Any) -> None:
    """Record that `user_id` (staff id of the ID token, "" for us) did `action`. Changes must hold no secrets."""
    s.add(AuditEntry(shop_id=shop_id, at=clock.now(), user_id=user_id, action=action, subject=subject, changes=changes))
