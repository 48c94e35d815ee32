"""SkuMapping: which SKU of the shop a marketplace's SKU means, for one account or for all."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from shopapp.records.db import Base, Moment, plain


class SkuMapping(Base):
    """`account_id` None: for every account that has no mapping of its own."""

    __tablename__ = "sku_mapping"
    __table_args__ = (
        UniqueConstraint("shop_id", "account_id", "marketplace_sku"),
        Index(
            "uq_sku_mapping_for_all",
            "shop_id",
            "marketplace_sku",
            unique=True,
            sqlite_where=text("account_id IS NULL"),
            postgresql_where=text("account_id IS NULL"),
        ),
        Index("ix_sku_mapping_shop_store", "shop_id", "store_sku"),
    )

    id: Mapped[int] = plain(primary_key=True)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"))
    account_id: Mapped[int | None] = plain(ForeignKey("account.id"))
    marketplace_sku: Mapped[str] = plain(String(255))
    store_sku: Mapped[str] = plain(String(255))
    created_at: Mapped[datetime] = plain(Moment)
    created_by: Mapped[str] = plain(String(64), default="")
