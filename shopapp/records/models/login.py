"""LoginAttempt: one way out of the iframe to a marketplace's login and back. Single use, ten minutes."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped

from shopapp.records.db import Base, Moment, plain
from shopapp.records.vault import new_uid


class LoginDoor(StrEnum):
    """Which door the merchant came through; all end in the same state."""

    CREATE = "create"
    SAVE = "save"
    ACTIVATE = "activate"
    CONTINUE = "continue"
    RENEW = "renew"
    CHANNEL = "channel"  # the channel opened our Login URI


class LoginAttempt(Base):
    """Secrets of the way (ticket, state, cookie, return token) are kept as SHA-256 only; the verifier and result sealed."""

    __tablename__ = "login_attempt"

    id: Mapped[int] = plain(primary_key=True)
    uid: Mapped[str] = plain(String(32), unique=True, default=new_uid)
    shop_id: Mapped[int | None] = plain(ForeignKey("shop.id"), index=True)  # None when the channel opened the Login URI
    shop_uid: Mapped[str] = plain(String(32), default="")
    account_id: Mapped[int | None] = plain(ForeignKey("account.id"))
    user_id: Mapped[str] = plain(String(64), default="")
    channel: Mapped[str] = plain(String(32))
    realm: Mapped[str] = plain(String(255))
    seller_id: Mapped[str] = plain(String(255), default="")  # of the Login URI: the only seller that may be renewed
    door: Mapped[str] = plain(String(16))
    params: Mapped[dict[str, Any]] = plain(JSON, default=dict)  # chosen sites, label
    ticket_hash: Mapped[str] = plain(String(64), unique=True)
    state_hash: Mapped[str] = plain(String(64), unique=True)
    state: Mapped[str] = plain(String(500), default="")  # sealed until the ticket is used
    verifier: Mapped[str] = plain(String(500), default="")  # sealed
    cookie_hash: Mapped[str] = plain(String(64), default="")
    return_hash: Mapped[str] = plain(String(64), default="")
    stage: Mapped[str] = plain(String(16), default="new")  # new, started, returning, returned, failed, done
    result: Mapped[str] = plain(String(8000), default="")  # sealed JSON of credentials, cleared once confirmed
    outcome: Mapped[str] = plain(String(64), default="")
    words: Mapped[str] = plain(String(500), default="")
    created_at: Mapped[datetime] = plain(Moment)
    expires_at: Mapped[datetime] = plain(Moment)

    @property
    def vault_shop(self) -> str:
        """Binding of sealed columns."""
        return self.shop_uid
