"""SkuMapping: which SKU of the shop a marketplace's SKU means, for one account or for all; SkuUpload: a file of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint, text
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
        Index("ix_sku_mapping_shop", "shop_id", "id"),  # the list, newest first
    )

    id: Mapped[int] = plain(primary_key=True)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"))
    account_id: Mapped[int | None] = plain(ForeignKey("account.id"))
    marketplace_sku: Mapped[str] = plain(String(255))
    store_sku: Mapped[str] = plain(String(255))
    created_at: Mapped[datetime] = plain(Moment)
    created_by: Mapped[str] = plain(String(64), default="")


class SkuUpload(Base):
    """A file of mappings that was read and waits for its confirmation. One per shop: the next one takes its place."""

    __tablename__ = "sku_upload"
    __table_args__ = (UniqueConstraint("shop_id"),)

    id: Mapped[int] = plain(primary_key=True)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"))
    name: Mapped[str] = plain(String(255), default="")
    made_at: Mapped[datetime] = plain(Moment)
    made_by: Mapped[str] = plain(String(64), default="")
    rows: Mapped[list[Any]] = plain(JSON, default=list)  # [account id or None, marketplace SKU, SKU of the shop]
    report: Mapped[dict[str, Any]] = plain(JSON, default=dict)  # what the dry run said
