"""AccountRules: what the merchant decided for one account about shipments, cancellations, prices and stock."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, true
from sqlalchemy.orm import Mapped

from shopapp.records.db import Base, plain


class Restock(StrEnum):
    """Whether a cancellation on the marketplace puts the stock back in Shopify."""

    YES = "yes"
    NO = "no"
    ASK = "ask"


class AccountRules(Base):
    """One row per account; no row means the defaults. Price and stock are pushed only after they were switched on."""

    __tablename__ = "account_rules"

    id: Mapped[int] = plain(primary_key=True)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"), index=True)
    account_id: Mapped[int] = plain(ForeignKey("account.id"), unique=True)

    send_shipments: Mapped[bool] = plain(default=True)
    restock: Mapped[str] = plain(String(8), default=Restock.YES)
    import_channel_fulfilled: Mapped[bool] = plain(default=False)  # as fulfilled orders, stock untouched
    accept_orders: Mapped[bool] = plain(default=True, server_default=true())  # where the marketplace asks for it

    push_price: Mapped[bool] = plain(default=False)
    push_stock: Mapped[bool] = plain(default=False)
    locations: Mapped[list[Any]] = plain(JSON, default=list)  # gids whose stock counts; empty: all
    buffer: Mapped[int] = plain(default=0)  # units kept back
    maximum: Mapped[int | None] = plain()  # never more than so many are offered
    dry_run: Mapped[bool] = plain(default=False)  # everything is worked out and shown, nothing sent
    brake_percent: Mapped[int] = plain(default=20)  # never more of the listings to 0 in one run without a yes
