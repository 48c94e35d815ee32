"""What was counted: per account and day the marketplace's orders, ours and Shopify's; and the round that counts them."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, relationship

from shopapp.records.db import Base, Moment, plain
from shopapp.records.models.account import Account
from shopapp.records.models.due import Due


class DayState(StrEnum):
    """What a counted day came to."""

    EVEN = "even"  # every order that the marketplace lists is accounted for
    LOOKING = "looking"  # uneven at the first look: looked at again before anybody is alarmed
    UNEVEN = "uneven"  # still so at the next look: told
    TOLD = "told"  # what is left was told, and does not mend by looking: deleted in Shopify, or too long ago


class DayCount(Base):
    """One day (of the shop's time zone) of one account, as last counted. Orders belong to the day they were placed on."""

    __tablename__ = "day_count"
    __table_args__ = (
        UniqueConstraint("account_id", "day"),
        Index("ix_day_count_shop_day", "shop_id", "day"),
    )

    id: Mapped[int] = plain(primary_key=True)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"))
    account_id: Mapped[int] = plain(ForeignKey("account.id"))
    day: Mapped[date] = plain()
    state: Mapped[str] = plain(String(16))
    counted_at: Mapped[datetime] = plain(Moment)
    again_at: Mapped[datetime | None] = plain(Moment)  # looked at again then; None: settled

    listed: Mapped[int] = plain(default=0)  # by the marketplace, without those before the import began
    in_shopify: Mapped[int] = plain(default=0)
    waiting: Mapped[int] = plain(default=0)  # received or being sent
    held: Mapped[int] = plain(default=0)
    failed: Mapped[int] = plain(default=0)
    ignored: Mapped[int] = plain(default=0)  # on purpose: shipped by the marketplace, shipped before, ...
    cancelled: Mapped[int] = plain(default=0)  # before they were created
    earlier: Mapped[int] = plain(default=0)  # listed too, but from before the import began: not counted
    fetched: Mapped[int] = plain(default=0)  # polling had missed them; fetched by the count
    missing: Mapped[int] = plain(default=0)  # listed, and we could not keep them
    gone: Mapped[int] = plain(default=0)  # imported, and no longer in Shopify
    extra: Mapped[int] = plain(default=0)  # imported, and not listed by the marketplace
    ids: Mapped[dict[str, Any]] = plain(JSON, default=dict)  # some of those: fetched, missing, gone, extra


class CountRound(Due, Base):
    """One row per account: when its days are counted next, and how far the count under way is."""

    __tablename__ = "count_round"
    __table_args__ = (UniqueConstraint("account_id"),)

    id: Mapped[int] = plain(primary_key=True)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"), index=True)
    account_id: Mapped[int] = plain(ForeignKey("account.id"))
    phase: Mapped[str] = plain(String(16), default="")  # "" (nothing under way), listing, checking
    first_day: Mapped[date | None] = plain()
    last_day: Mapped[date | None] = plain()
    began_at: Mapped[datetime | None] = plain(Moment)
    page_token: Mapped[str] = plain(String(4000), default="")
    seen: Mapped[dict[str, Any]] = plain(JSON, default=dict)  # day -> ids listed, earlier ones, fetched ones
    checked_to: Mapped[int] = plain(BigInteger, default=0)  # id of the last order row that Shopify was asked for
    gone: Mapped[list[str]] = plain(JSON, default=list)  # ids that Shopify does not know
    sites: Mapped[dict[str, Any]] = plain(JSON, default=dict)  # site -> since when it is known to be imported, ISO
    reason: Mapped[str] = plain(String(32), default="")  # why nothing can be counted now, "" when it can

    account: Mapped[Account] = relationship(lazy="joined", innerjoin=True)
