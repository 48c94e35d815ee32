"""Order and its lines, backfills, and what another app had imported before us."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, relationship, validates

from shopapp.records.db import Base, Moment, personal, plain
from shopapp.records.models.account import Account
from shopapp.records.models.due import Due
from shopapp.records.vault import new_uid


class OrderState(StrEnum):
    """Where a sale stands with us."""

    RECEIVED = "received"  # to be created in Shopify
    HELD = "held"  # waits, see HeldReason
    SENDING = "sending"  # intent committed: sent, or about to be
    IMPORTED = "imported"
    FAILED = "failed"
    IGNORED = "ignored"
    CANCELLED = "cancelled"  # cancelled on the marketplace before we created it


class HeldReason(StrEnum):
    """Why an order waits. A plan change releases only `plan`."""

    PLAN = "plan"
    PAYMENT = "payment"
    UNKNOWN = "unknown"
    PAUSED = "paused"
    ACCEPTANCE = "acceptance"  # the seller has to accept it at the marketplace


def search_key(text: str) -> str:
    """How a name is found whatever the case of its letters."""
    return text.casefold()[:255]


def _partial(name: str, where: str, *columns: str, pattern: str = "") -> Index:
    """An index over the rows `where` only; `pattern` is the column whose beginning is searched for."""
    ops = {"postgresql_ops": {pattern: "text_pattern_ops"}} if pattern else {}
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where), **ops)  # type: ignore[arg-type]


class Order(Due, Base):
    """One sale. Keyed on the seller, not on our account row, so re-linking makes no second identity."""

    __tablename__ = "order"
    __table_args__ = (
        UniqueConstraint("shop_id", "channel", "realm", "seller_id", "remote_order_id"),
        # The list, newest first, and its filters; every page goes on from the last row of the one before it.
        Index("ix_order_shop_created", "shop_id", "remote_created_at", "id"),
        Index("ix_order_shop_state", "shop_id", "state", "remote_created_at", "id"),
        Index("ix_order_shop_account", "shop_id", "account_id", "remote_created_at", "id"),
        _partial("ix_order_failed", "state = 'failed'", "shop_id", "cause", "remote_created_at", "id"),
        _partial("ix_order_held", "state = 'held'", "shop_id", "held_reason", "remote_created_at", "id"),
        _partial("ix_order_unpurged", "purged_at IS NULL", "id"),
        # The search, see records.db.starts_with.
        Index(
            "ix_order_shop_remote",
            "shop_id",
            "remote_order_id",
            postgresql_ops={"remote_order_id": "text_pattern_ops"},
        ),
        _partial("ix_order_shop_name", "shopify_name <> ''", "shop_id", "shopify_name"),
        _partial("ix_order_shop_buyer", "buyer_key <> ''", "shop_id", "buyer_key", pattern="buyer_key"),
        Index("ix_order_shop_gid", "shop_id", "shopify_gid"),
        _partial("ix_order_buyer_ref", "buyer_ref <> ''", "channel", "buyer_ref"),
    )

    id: Mapped[int] = plain(primary_key=True)
    uid: Mapped[str] = plain(String(32), unique=True, default=new_uid)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"))
    account_id: Mapped[int] = plain(ForeignKey("account.id"), active_history=True)
    channel: Mapped[str] = plain(String(32))
    realm: Mapped[str] = plain(String(255))
    seller_id: Mapped[str] = plain(String(255))
    remote_order_id: Mapped[str] = plain(String(255))
    site: Mapped[str] = plain(String(64), default="")

    # Columns with `active_history` are counted: records.tallies asks what they were.
    state: Mapped[str] = plain(String(16), active_history=True)
    held_reason: Mapped[str] = plain(String(16), default="", active_history=True)
    ignore_reason: Mapped[str] = plain(String(64), default="")
    remote_state: Mapped[str] = plain(String(64), default="")
    remote_created_at: Mapped[datetime] = plain(Moment, active_history=True)
    remote_updated_at: Mapped[datetime] = plain(Moment)
    ship_by: Mapped[datetime | None] = plain(Moment)
    found_at: Mapped[datetime] = plain(Moment)
    cancelled_at: Mapped[datetime | None] = plain(Moment)  # on the marketplace
    cancel_mirrored_at: Mapped[datetime | None] = plain(Moment)  # in Shopify

    currency: Mapped[str] = plain(String(3), default="")
    total_minor: Mapped[int] = plain(BigInteger, default=0)
    buyer_name: Mapped[str] = personal(String(255), default="")
    buyer_key: Mapped[str] = personal(String(255), default="", server_default="")  # the name as it is searched for
    buyer_ref: Mapped[str] = personal(String(255), default="", server_default="")  # what the channel calls the buyer
    forget_at: Mapped[datetime | None] = plain(Moment)  # the channel said so: its buyer is forgotten once it is done
    payload: Mapped[dict[str, Any]] = personal(JSON, default=dict)  # marketplaces.data.Order as JSON
    purged_at: Mapped[datetime | None] = plain(Moment)

    backfill: Mapped[bool] = plain(default=False)  # created as it stands, stock untouched
    by_channel: Mapped[bool] = plain(default=False, server_default=false())  # shipped by the marketplace: so created
    restock: Mapped[str] = plain(String(8), default="", server_default="")  # yes, no or ask: of its cancellation
    accept_asked_at: Mapped[datetime | None] = plain(Moment)  # it is to be accepted: the rule or the merchant said so
    accepted_at: Mapped[datetime | None] = plain(Moment)  # the marketplace took our acceptance
    first_send: Mapped[bool] = plain(default=False)  # provably never sent and never seen by another app: no look-up
    sent_at: Mapped[datetime | None] = plain(Moment)  # last committed intent
    sends: Mapped[int] = plain(default=0)
    fence: Mapped[int] = plain(default=0)
    imported_at: Mapped[datetime | None] = plain(Moment)
    bound_how: Mapped[str] = plain(String(16), default="")  # created, found, prior (another app had made it)
    shopify_gid: Mapped[str] = plain(String(64), default="")
    shopify_name: Mapped[str] = plain(String(64), default="")
    shopify_total_minor: Mapped[int | None] = plain(BigInteger)

    cause: Mapped[str] = plain(String(64), default="", active_history=True)  # catalogue key while failed
    cause_params: Mapped[dict[str, Any]] = plain(JSON, default=dict)
    cause_words: Mapped[str] = personal(String(500), default="")  # the remote's; they may quote a buyer

    account: Mapped[Account] = relationship(lazy="select")
    lines: Mapped[list[OrderLine]] = relationship(back_populates="order", order_by="OrderLine.id")

    @validates("buyer_name")
    def _known_as(self, _name: str, value: str) -> str:
        self.buyer_key = search_key(value)
        return value

    @property
    def ref(self) -> str:
        """The unique custom id in Shopify: channel:realm:seller:order."""
        return f"{self.channel}:{self.realm}:{self.seller_id}:{self.remote_order_id}"


class OrderLine(Base):
    """One position of an order and the variant it was matched with."""

    __tablename__ = "order_line"
    __table_args__ = (
        UniqueConstraint("order_id", "line_id"),
        Index("ix_order_line_shop_sku", "shop_id", "sku", "order_id"),
        Index("ix_order_line_shop_variant", "shop_id", "variant_gid"),
    )

    id: Mapped[int] = plain(primary_key=True)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"))
    order_id: Mapped[int] = plain(ForeignKey("order.id"))
    line_id: Mapped[str] = plain(String(255))
    sku: Mapped[str] = plain(String(255), default="")
    # "Change product": the shop's SKU to take for this line, whatever the mappings say; "" when nobody chose one.
    chosen_sku: Mapped[str] = plain(String(255), default="", server_default="")
    # The variant that was chosen: of several with the same SKU, or without any, its SKU would not tell it.
    chosen_gid: Mapped[str] = plain(String(64), default="", server_default="")
    title: Mapped[str] = plain(String(500), default="")
    quantity: Mapped[int] = plain()
    total_minor: Mapped[int] = plain(BigInteger)
    variant_gid: Mapped[str] = plain(String(64), default="")
    variant_title: Mapped[str] = plain(String(255), default="")

    order: Mapped[Order] = relationship(back_populates="lines")


class Backfill(Due, Base):
    """Older orders asked for by the merchant: scan of another app's imports, then sweep of the marketplace."""

    __tablename__ = "backfill"

    id: Mapped[int] = plain(primary_key=True)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"), index=True)
    account_id: Mapped[int] = plain(ForeignKey("account.id"))
    since: Mapped[datetime] = plain(Moment)
    until: Mapped[datetime] = plain(Moment)
    state: Mapped[str] = plain(String(16), default="scanning")  # scanning, fetching, done, failed, stopped
    asked_by: Mapped[str] = plain(String(64), default="")
    asked_at: Mapped[datetime] = plain(Moment)
    ended_at: Mapped[datetime | None] = plain(Moment)
    scan_after: Mapped[str] = plain(String(500), default="")
    scanned: Mapped[int] = plain(default=0)
    unsearchable_before: Mapped[datetime | None] = plain(Moment)  # older orders of the shop could not be searched
    page_token: Mapped[str] = plain(String(4000), default="")
    found: Mapped[int] = plain(default=0)
    words: Mapped[str] = plain(String(500), default="")

    account: Mapped[Account] = relationship(lazy="joined", innerjoin=True)


class PriorImport(Base):
    """An order of the shop (made by another app) that names a marketplace order id: bound instead of created again."""

    __tablename__ = "prior_import"
    __table_args__ = (UniqueConstraint("backfill_id", "token", "shopify_gid"),)

    id: Mapped[int] = plain(primary_key=True)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"), index=True)
    backfill_id: Mapped[int] = plain(ForeignKey("backfill.id"))
    token: Mapped[str] = personal(String(255), index=True)  # a number in name, source id, tag, note or attribute
    shopify_gid: Mapped[str] = plain(String(64))
    shopify_name: Mapped[str] = plain(String(64), default="")
    found_in: Mapped[str] = plain(String(32), default="")
