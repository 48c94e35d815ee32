"""The journal (what happened to a subject) and the audit log (who changed what). Both join the caller's transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.logs import redact
from shopapp.records.models import AuditEntry, JournalEntry


def note(s: Session, shop_id: int, subject: str, event: str, words: str = "", **params: Any) -> None:
    """Add a dated line about `subject` ("order:12"). `event` is a key of the event catalogue; params are JSON-able."""
    s.add(
        JournalEntry(
            shop_id=shop_id, subject=subject, at=clock.now(), event=event, params=params, words=redact(words)[:500]
        )
    )


def audit(s: Session, shop_id: int, user_id: str, action: str, subject: str = "", **changes: Any) -> None:
    """Record that `user_id` (staff id of the ID token, "" for us) did `action`. Changes must hold no secrets."""
    s.add(AuditEntry(shop_id=shop_id, at=clock.now(), user_id=user_id, action=action, subject=subject, changes=changes))
