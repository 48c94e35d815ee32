"""What happened: journal of a subject, audit of who changed what, receipts of webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped

from shopapp.records.db import Base, Moment, personal, plain
from shopapp.records.models.due import Due


class JournalEntry(Base):
    """A dated line about a subject (order:12, account:3). `event` is a catalogue key; texts are made when shown."""

    __tablename__ = "journal_entry"
    __table_args__ = (Index("ix_journal_entry_subject", "shop_id", "subject", "at"),)

    id: Mapped[int] = plain(primary_key=True)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"))
    subject: Mapped[str] = plain(String(120))
    at: Mapped[datetime] = plain(Moment)
    event: Mapped[str] = plain(String(64))
    params: Mapped[dict[str, Any]] = plain(JSON, default=dict)
    words: Mapped[str] = personal(String(500), default="")  # a remote's; they may quote a buyer


class AuditEntry(Base):
    """Who changed what, when. `user_id` is the staff member of the ID token, "" for the system."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_shop", "shop_id", "at"),)

    id: Mapped[int] = plain(primary_key=True)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"))
    at: Mapped[datetime] = plain(Moment)
    user_id: Mapped[str] = plain(String(64), default="")
    action: Mapped[str] = plain(String(64))
    subject: Mapped[str] = plain(String(120), default="")
    changes: Mapped[dict[str, Any]] = plain(JSON, default=dict)  # never secrets: masked before


class Receipt(Due, Base):
    """A webhook delivery, committed before it is answered. Unique per shop and delivery id."""

    __tablename__ = "receipt"
    __table_args__ = (UniqueConstraint("shop_domain", "webhook_id"),)

    id: Mapped[int] = plain(primary_key=True)
    shop_domain: Mapped[str] = plain(String(255))
    webhook_id: Mapped[str] = plain(String(120))
    topic: Mapped[str] = plain(String(120))
    triggered_at: Mapped[datetime | None] = plain(Moment)
    received_at: Mapped[datetime] = plain(Moment)
    body: Mapped[bytes | None] = personal(LargeBinary)  # None once handled
    handled_at: Mapped[datetime | None] = plain(Moment)
    outcome: Mapped[str] = plain(String(64), default="")
