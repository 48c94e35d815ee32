"""Shipment: one package to report to the marketplace. Shopify's side of it is called a fulfillment."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, relationship

from shopapp.records.db import Base, Moment, personal, plain
from shopapp.records.models.due import Due
from shopapp.records.models.order import Order


class ShipmentState(StrEnum):
    """Where a package stands with the marketplace."""

    WAITING = "waiting"  # to be reported
    SENDING = "sending"  # intent committed: reported, or about to be
    SENT = "sent"  # the marketplace has it
    FAILED = "failed"  # refused, or something is missing: see the cause
    SUPERSEDED = "superseded"  # a newer tracking number of the same fulfillment takes its place
    WITHDRAWN = "withdrawn"  # cancelled in Shopify, or switched off, before it was reported


class Shipment(Due, Base):
    """One fulfillment with one tracking number. `reference` is the package's number, unique within its order."""

    __tablename__ = "shipment"
    __table_args__ = (
        UniqueConstraint("order_id", "key"),
        Index("ix_shipment_shop_state", "shop_id", "state", "id"),
    )

    id: Mapped[int] = plain(primary_key=True)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"))
    account_id: Mapped[int] = plain(ForeignKey("account.id"))
    order_id: Mapped[int] = plain(ForeignKey("order.id"), index=True)
    fulfillment_gid: Mapped[str] = plain(String(64))
    fulfillment_name: Mapped[str] = plain(String(64), default="")
    reference: Mapped[int] = plain()  # a newer tracking number keeps its predecessor's
    key: Mapped[str] = plain(String(64))  # SHA-256 of fulfillment and tracking number: outlives the purge of the number
    tracking: Mapped[str] = personal(String(255), default="")
    carrier: Mapped[str] = plain(String(100), default="")  # in the merchant's words
    lines: Mapped[list[Any]] = plain(JSON, default=list)  # [[the marketplace's line id, quantity], ...]
    shipped_at: Mapped[datetime] = plain(Moment)
    heard_at: Mapped[datetime] = plain(Moment)  # Shopify's updatedAt of the fulfillment as it stands here

    state: Mapped[str] = plain(String(16), default=ShipmentState.WAITING)
    sends: Mapped[int] = plain(default=0)
    sent_at: Mapped[datetime | None] = plain(Moment)  # last committed intent
    confirmed_at: Mapped[datetime | None] = plain(Moment)
    confirmed_how: Mapped[str] = plain(String(16), default="")  # sent, or found there already
    cause: Mapped[str] = plain(String(64), default="")  # catalogue key while failed
    cause_params: Mapped[dict[str, Any]] = plain(JSON, default=dict)
    cause_words: Mapped[str] = personal(String(500), default="")

    order: Mapped[Order] = relationship(lazy="select")
