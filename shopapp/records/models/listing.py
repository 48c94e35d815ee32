"""Variants as Shopify has them, listings as the marketplace has them, what was pushed from one to the other."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, relationship

from shopapp.records.db import Base, Moment, plain
from shopapp.records.models.due import Due
from shopapp.records.vault import new_uid


class Variant(Due, Base):
    """A product variant of the shop as it was last read. As `Due` it is due to be read again."""

    __tablename__ = "variant"
    __table_args__ = (
        UniqueConstraint("shop_id", "gid"),
        Index("ix_variant_shop_sku", "shop_id", "sku"),
        Index("ix_variant_shop_item", "shop_id", "item_gid"),
    )

    id: Mapped[int] = plain(primary_key=True)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"))
    gid: Mapped[str] = plain(String(64))
    item_gid: Mapped[str] = plain(String(64), default="")  # inventory item
    product_gid: Mapped[str] = plain(String(64), default="", index=True)
    sku: Mapped[str] = plain(String(255), default="")
    title: Mapped[str] = plain(String(255), default="")
    price_minor: Mapped[int | None] = plain(BigInteger)  # in the shop's currency
    tracked: Mapped[bool] = plain(default=True)
    active: Mapped[bool] = plain(default=True)  # its product is on sale in the shop
    levels: Mapped[dict[str, Any]] = plain(JSON, default=dict)  # location gid -> available
    read_at: Mapped[datetime] = plain(Moment)
    gone_at: Mapped[datetime | None] = plain(Moment)  # deleted in Shopify


class ListingStatus(StrEnum):
    """What the merchant sees."""

    NOT_LINKED = "not_linked"  # no variant, or several, carry its SKU
    LINKED = "linked"
    PENDING = "pending"  # the marketplace has not answered yet what became of the last push
    UPDATE_ERROR = "update_error"  # refused: waits for the merchant's Update


class Listing(Due, Base):
    """One SKU on one site of an account. As `Due` its newest wish is due to be pushed, or its answer to be read.

    `version` counts the wishes (price and quantity together); what was sent and what the marketplace has acknowledged
    are versions as well, so that an old answer never passes for a new one.
    """

    __tablename__ = "listing"
    __table_args__ = (
        UniqueConstraint("account_id", "site", "sku"),
        Index("ix_listing_shop_status", "shop_id", "status", "id"),
        Index("ix_listing_shop_account", "shop_id", "account_id", "id"),
        Index("ix_listing_account_due", "account_id", "due_at"),
        Index("ix_listing_account_wished", "account_id", "wished_at"),
        Index("ix_listing_shop_counts", "shop_id", "live", "account_id", "status"),
        Index(
            "ix_listing_shop_title", "shop_id", "title_key", postgresql_ops={"title_key": "text_pattern_ops"}
        ),
        Index(
            "ix_listing_shop_sku", "shop_id", "sku", "id", postgresql_ops={"sku": "text_pattern_ops"}
        ),
        Index(
            "ix_listing_urgent", "due_at", sqlite_where=text("urgent"), postgresql_where=text("urgent")
        ),
    )  # fmt: skip

    id: Mapped[int] = plain(primary_key=True)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"))
    account_id: Mapped[int] = plain(ForeignKey("account.id"))
    site: Mapped[str] = plain(String(64), default="")
    sku: Mapped[str] = plain(String(255))
    remote_id: Mapped[str] = plain(String(64), default="")  # ASIN, item number, ...
    title: Mapped[str] = plain(String(500), default="")
    title_key: Mapped[str] = plain(String(100), default="", server_default="")  # its beginning, to be searched
    product_type: Mapped[str] = plain(String(100), default="")
    by_channel: Mapped[bool] = plain(default=False)  # stored and shipped by the marketplace: its stock is not ours
    live: Mapped[bool] = plain(default=True)  # on sale there

    status: Mapped[str] = plain(String(16), default=ListingStatus.NOT_LINKED)
    variant_id: Mapped[int | None] = plain(ForeignKey("variant.id"), index=True)
    currency: Mapped[str] = plain(String(3), default="")
    there_price_minor: Mapped[int | None] = plain(BigInteger)
    there_quantity: Mapped[int | None] = plain()
    there_at: Mapped[datetime | None] = plain(Moment)  # when that was read or acknowledged

    price_minor: Mapped[int | None] = plain(BigInteger)  # wished; None: not ours to set
    quantity: Mapped[int | None] = plain()
    version: Mapped[int] = plain(default=0)  # of the wish
    sent_version: Mapped[int] = plain(default=0)
    acked_version: Mapped[int] = plain(default=0)
    urgent: Mapped[bool] = plain(default=False)  # sold out here, still offered there: before everything else
    wished_at: Mapped[datetime | None] = plain(Moment)
    pushed_at: Mapped[datetime | None] = plain(Moment)
    ticket: Mapped[str] = plain(String(255), default="")  # of the push whose answer is awaited

    cause: Mapped[str] = plain(String(64), default="")
    cause_params: Mapped[dict[str, Any]] = plain(JSON, default=dict)
    cause_words: Mapped[str] = plain(String(500), default="")
    read_mark: Mapped[int] = plain(default=0)  # the run that saw it last

    variant: Mapped[Variant | None] = relationship(lazy="select")


class RunKind(StrEnum):
    """What a run over the listings of an account does."""

    READ = "read"
    SWITCH_ON = "switch_on"  # shows the difference, asks, and pushes it
    RENEW = "renew"  # changed rules reach every listing
    UNDO = "undo"
    BRAKE = "brake"  # a question: shall so many be set to 0?


class RunState(StrEnum):
    """Where a run over many listings stands."""

    QUEUED = "queued"
    RUNNING = "running"
    ASKED = "asked"  # the brake, or the difference to be looked at: waits for a yes
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


class ListingRun(Due, Base):
    """Something done to many listings of an account: read them, switch on a push, update, undo. Shows its progress."""

    __tablename__ = "listing_run"
    __table_args__ = (Index("ix_listing_run_account", "account_id", "kind", "site", "asked_at"),)

    id: Mapped[int] = plain(primary_key=True)
    uid: Mapped[str] = plain(String(32), unique=True, default=new_uid)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"), index=True)
    account_id: Mapped[int] = plain(ForeignKey("account.id"))
    site: Mapped[str] = plain(String(64), default="")
    kind: Mapped[str] = plain(String(16))
    state: Mapped[str] = plain(String(16), default=RunState.QUEUED)
    params: Mapped[dict[str, Any]] = plain(JSON, default=dict)
    ticket: Mapped[str] = plain(String(255), default="")  # a report or feed at the marketplace
    progress: Mapped[str] = plain(String(255), default="")  # where to go on after a pause
    found: Mapped[int] = plain(default=0)
    done: Mapped[int] = plain(default=0)
    refused: Mapped[int] = plain(default=0)
    asked_by: Mapped[str] = plain(String(64), default="")
    asked_at: Mapped[datetime] = plain(Moment)
    ended_at: Mapped[datetime | None] = plain(Moment)
    words: Mapped[str] = plain(String(500), default="")


class PushState(StrEnum):
    """What became of one push."""

    SENT = "sent"  # the answer is open
    ACCEPTED = "accepted"
    REFUSED = "refused"
    SUPERSEDED = "superseded"  # a newer wish was sent before this one was answered
    PREVIEW = "preview"  # dry run: worked out, not sent


class ListingPush(Base):
    """One push of one listing: what was there before, what was sent, what came of it. The history, and what undoes it."""

    __tablename__ = "listing_push"
    __table_args__ = (
        UniqueConstraint("listing_id", "version"),
        Index("ix_listing_push_run", "run_id", "id"),
        Index("ix_listing_push_feed", "feed_id", "id"),
    )

    id: Mapped[int] = plain(primary_key=True)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"), index=True)
    listing_id: Mapped[int] = plain(ForeignKey("listing.id"))
    run_id: Mapped[int | None] = plain(ForeignKey("listing_run.id"))
    feed_id: Mapped[int | None] = plain(ForeignKey("listing_feed.id"))
    version: Mapped[int] = plain()
    old_price_minor: Mapped[int | None] = plain(BigInteger)
    old_quantity: Mapped[int | None] = plain()
    price_minor: Mapped[int | None] = plain(BigInteger)
    quantity: Mapped[int | None] = plain()
    state: Mapped[str] = plain(String(16), default=PushState.SENT)
    at: Mapped[datetime] = plain(Moment)
    ended_at: Mapped[datetime | None] = plain(Moment)
    words: Mapped[str] = plain(String(500), default="")


class ListingFeed(Due, Base):
    """Many pushes sent as one document. Due until the marketplace has told what became of each."""

    __tablename__ = "listing_feed"

    id: Mapped[int] = plain(primary_key=True)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"), index=True)
    account_id: Mapped[int] = plain(ForeignKey("account.id"))
    site: Mapped[str] = plain(String(64), default="")
    state: Mapped[str] = plain(String(16), default=PushState.SENT)
    ticket: Mapped[str] = plain(Text, default="")
    messages: Mapped[int] = plain(default=0)
    refused: Mapped[int] = plain(default=0)
    sent_at: Mapped[datetime] = plain(Moment)
    ended_at: Mapped[datetime | None] = plain(Moment)
    words: Mapped[str] = plain(String(500), default="")
