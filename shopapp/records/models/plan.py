"""Usage ledger (one entry per imported order) and the exchange rates it is dated with."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Date, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped

from shopapp.records.db import Base, Exact, Moment, plain


class UsageEntry(Base):
    """One imported order in the ledger. `gmv_minor` is in the plan currency; None while no rate is known yet."""

    __tablename__ = "usage_entry"
    __table_args__ = (
        UniqueConstraint("order_id"),
        Index("ix_usage_entry_shop_at", "shop_id", "at", "credited_at", "gmv_minor"),
    )

    id: Mapped[int] = plain(primary_key=True)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"))
    order_id: Mapped[int] = plain(ForeignKey("order.id"))
    at: Mapped[datetime] = plain(Moment)  # when it was imported: decides the period
    amount_minor: Mapped[int] = plain(BigInteger)
    currency: Mapped[str] = plain(String(3))
    rate: Mapped[Decimal | None] = plain(Exact)  # plan currency per unit of `currency`
    rate_day: Mapped[date | None] = plain(Date)
    gmv_minor: Mapped[int | None] = plain(BigInteger)
    credited_at: Mapped[datetime | None] = plain(Moment)  # cancelled: no longer counts


class FxRate(Base):
    """Units of `currency` for one euro on a day (the ECB's way round)."""

    __tablename__ = "fx_rate"
    __table_args__ = (UniqueConstraint("day", "currency"),)

    id: Mapped[int] = plain(primary_key=True)
    day: Mapped[date] = plain(Date)
    currency: Mapped[str] = plain(String(3))
    per_euro: Mapped[Decimal] = plain(Exact)
