"""How many orders there are, kept along with them by `records.tallies`: nobody else writes these tables."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped

from shopapp.records.db import Base, Moment, plain


class OrderTally(Base):
    """Orders of one account in one state. `reason` is the cause of failed ones, the held reason of held ones, else ""."""

    __tablename__ = "order_tally"
    __table_args__ = (UniqueConstraint("shop_id", "account_id", "state", "reason"),)

    id: Mapped[int] = plain(primary_key=True)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"))
    account_id: Mapped[int] = plain(ForeignKey("account.id"))
    state: Mapped[str] = plain(String(16))
    reason: Mapped[str] = plain(String(64), default="")
    orders: Mapped[int] = plain(default=0)


class OrderSlot(Base):
    """Orders bought within one quarter of an hour, by how they stand. All days of all time zones are whole quarters."""

    __tablename__ = "order_slot"
    __table_args__ = (UniqueConstraint("shop_id", "starts_at", "standing"),)

    id: Mapped[int] = plain(primary_key=True)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"))
    starts_at: Mapped[datetime] = plain(Moment)
    standing: Mapped[str] = plain(String(16))  # imported, waiting or failed; those left out on purpose are not counted
    orders: Mapped[int] = plain(default=0)
