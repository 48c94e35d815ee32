"""Regular looks at Shopify, whatever they are for."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped

from shopapp.records.db import Base, Moment, plain
from shopapp.records.models.due import Due


class SweepKind(StrEnum):
    """What is looked at."""

    FULFILLMENTS = "fulfillments"
    CATALOGUE = "catalogue"


class ShopSweep(Due, Base):
    """A regular look at Shopify, for what its messages may have left out. One row per shop and kind."""

    __tablename__ = "shop_sweep"
    __table_args__ = (UniqueConstraint("shop_id", "kind"),)

    id: Mapped[int] = plain(primary_key=True)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"))
    kind: Mapped[str] = plain(String(32))
    cursor_at: Mapped[datetime | None] = plain(Moment)  # Shopify's time up to which everything was seen
    began_at: Mapped[datetime | None] = plain(Moment)
    page_token: Mapped[str] = plain(String(500), default="")
    ticket: Mapped[str] = plain(String(255), default="")  # of a bulk operation under way
    ended_at: Mapped[datetime | None] = plain(Moment)
    words: Mapped[str] = plain(String(500), default="")
