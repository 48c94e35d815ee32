"""Incident (one trouble is one row), and its views: mails, checkboxes, inbox messages."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from shopapp.records.db import Base, Moment, personal, plain
from shopapp.records.models.due import Due
from shopapp.records.vault import new_uid


class Category(StrEnum):
    """What a checkbox switches."""

    ORDER_IMPORT_FAILED = "order_import_failed"
    FULFILLMENT_FAILED = "fulfillment_failed"
    LISTING_UPDATE_FAILED = "listing_update_failed"
    ACCOUNT_EXPIRED = "account_expired"


class Severity(StrEnum):
    """How loud: info is read when one looks, warning asks for a look, critical stops something."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Incident(Base):
    """One trouble, open until resolved. Re-opening is a new row. Banner, badge, inbox, mail and history are its views."""

    __tablename__ = "incident"
    __table_args__ = (
        Index(
            "uq_incident_open",
            "shop_id",
            "kind",
            "subject",
            unique=True,
            sqlite_where=text("resolved_at IS NULL"),
            postgresql_where=text("resolved_at IS NULL"),
        ),
        Index("ix_incident_shop_opened", "shop_id", "opened_at"),
        Index("ix_incident_shop_resolved", "shop_id", "resolved_at"),
        Index("ix_incident_mail", "mail_id"),
    )

    id: Mapped[int] = plain(primary_key=True)
    uid: Mapped[str] = plain(String(32), unique=True, default=new_uid)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"))
    kind: Mapped[str] = plain(String(64))  # key of alerts.catalogue
    subject: Mapped[str] = plain(String(120))  # order:12, account:3, plan
    category: Mapped[str] = plain(String(32), default="")  # "" = no mail of its own
    severity: Mapped[str] = plain(String(16), default=Severity.WARNING)
    params: Mapped[dict[str, Any]] = plain(JSON, default=dict)  # for the texts: ids, labels, SKUs; nothing personal
    words: Mapped[str] = personal(String(500), default="")  # the remote's own words, redacted; they may quote a buyer
    count: Mapped[int] = plain(default=1)
    opened_at: Mapped[datetime] = plain(Moment)
    seen_at: Mapped[datetime] = plain(Moment)
    resolved_at: Mapped[datetime | None] = plain(Moment)
    resolved_how: Mapped[str] = plain(String(64), default="")
    mail_id: Mapped[int | None] = plain(ForeignKey("mail.id"))
    mail_skipped: Mapped[str] = plain(String(32), default="")  # why no mail: category_off, no_address, ...
    dismissed_at: Mapped[datetime | None] = plain(Moment)  # the merchant put its banner away; it stays open
    reminded: Mapped[int] = plain(default=0)  # how many reminders of it were queued while it stayed open


class MailState(StrEnum):
    """Outbox states. A row found in `sending` after its lease is sent once more with the same Message-ID."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    BOUNCED = "bounced"
    CANCELLED = "cancelled"


class Mail(Due, Base):
    """An outbox row. Alerts are rendered at send time from their incidents; other mails from `kind` and `params`."""

    __tablename__ = "mail"
    __table_args__ = (
        Index("ix_mail_shop_category", "shop_id", "category", "state"),
        Index("ix_mail_to_sent", "to_address", "sent_at"),
    )

    id: Mapped[int] = plain(primary_key=True)
    uid: Mapped[str] = plain(String(32), unique=True, default=new_uid)
    shop_id: Mapped[int | None] = plain(ForeignKey("shop.id"))  # None: to the operator
    kind: Mapped[str] = plain(String(64))  # alert, reminder, confirm_address, test, operator
    category: Mapped[str] = plain(String(32), default="")
    to_address: Mapped[str] = personal(String(320), default="")  # decided at send time for alerts
    subject: Mapped[str] = plain(String(200), default="")
    params: Mapped[dict[str, Any]] = plain(JSON, default=dict)
    secret: Mapped[str] = plain(String(1000), default="")  # sealed: a link's secret, cleared once sent
    state: Mapped[str] = plain(String(16), default=MailState.WAITING)
    created_at: Mapped[datetime] = plain(Moment)
    sent_at: Mapped[datetime | None] = plain(Moment)
    sends: Mapped[int] = plain(default=0)
    last_error: Mapped[str] = plain(String(300), default="")

    vault_shop_uid: Mapped[str] = plain(String(32), default="")

    @property
    def vault_shop(self) -> str:
        """Binding of the sealed column."""
        return self.vault_shop_uid


class NotificationChoice(Base):
    """One checkbox of one shop."""

    __tablename__ = "notification_choice"
    __table_args__ = (UniqueConstraint("shop_id", "category"),)

    id: Mapped[int] = plain(primary_key=True)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"))
    category: Mapped[str] = plain(String(32))
    enabled: Mapped[bool] = plain()


class InboxMessage(Base):
    """A message with repair instructions inside the app, read or unread."""

    __tablename__ = "inbox_message"
    __table_args__ = (
        Index("ix_inbox_message_shop", "shop_id", "created_at"),
        Index(
            "ix_inbox_message_unread",
            "shop_id",
            sqlite_where=text("read_at IS NULL"),
            postgresql_where=text("read_at IS NULL"),
        ),
    )

    id: Mapped[int] = plain(primary_key=True)
    uid: Mapped[str] = plain(String(32), unique=True, default=new_uid)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"))
    incident_id: Mapped[int | None] = plain(ForeignKey("incident.id"))
    kind: Mapped[str] = plain(String(64))
    subject: Mapped[str] = plain(String(120))
    params: Mapped[dict[str, Any]] = plain(JSON, default=dict)
    words: Mapped[str] = personal(String(500), default="")
    created_at: Mapped[datetime] = plain(Moment)
    read_at: Mapped[datetime | None] = plain(Moment)
