"""Account: a linked marketplace account, its sites, and the outages of a channel."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, relationship

from shopapp.records.db import Base, Moment, plain
from shopapp.records.models.due import Due
from shopapp.records.models.shop import Shop
from shopapp.records.vault import new_uid


class AccountStatus(StrEnum):
    """What a person sees. "Expiring" is a notice and "temporarily failing" belongs to jobs: neither is a state."""

    PENDING = "pending"  # never worked
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"
    INACTIVE = "inactive"  # credentials fine, the seller account is not usable
    DEACTIVATED = "deactivated"  # by the merchant

    @property
    def broken(self) -> bool:
        """Worked once, and a person must repair it."""
        return self in (AccountStatus.EXPIRED, AccountStatus.REVOKED, AccountStatus.INACTIVE)


class Account(Due, Base):
    """One seller of one channel in one shop. As `Due` it is due for its next poll (or probe while broken)."""

    __tablename__ = "account"
    __table_args__ = (
        UniqueConstraint("shop_id", "channel", "realm", "seller_id"),
        Index("ix_account_channel_realm_seller", "channel", "realm", "seller_id"),
    )

    id: Mapped[int] = plain(primary_key=True)
    uid: Mapped[str] = plain(String(32), unique=True, default=new_uid)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"), index=True)
    channel: Mapped[str] = plain(String(32))
    realm: Mapped[str] = plain(String(255))
    seller_id: Mapped[str | None] = plain(String(255))  # None until a login told it
    seller_name: Mapped[str] = plain(String(255), default="")
    label: Mapped[str] = plain(String(100))
    status: Mapped[str] = plain(String(16), default=AccountStatus.PENDING)
    status_since: Mapped[datetime] = plain(Moment)
    worked_at: Mapped[datetime | None] = plain(Moment)  # first proof; None = never worked
    created_at: Mapped[datetime] = plain(Moment)

    credentials: Mapped[str] = plain(String(4000), default="")  # sealed JSON of the long-lived secrets
    public: Mapped[dict[str, Any]] = plain(JSON, default=dict)  # ids and user names, shown in full
    entered_at: Mapped[datetime | None] = plain(Moment)
    entered_how: Mapped[str] = plain(String(16), default="")  # login or typed
    access_token: Mapped[str] = plain(String(4000), default="")  # sealed
    access_expires_at: Mapped[datetime | None] = plain(Moment)
    authorised_at: Mapped[datetime | None] = plain(Moment)
    expires_at: Mapped[datetime | None] = plain(Moment)  # None = unknown, never invented
    token_fence: Mapped[int] = plain(default=0)
    token_lease_until: Mapped[datetime | None] = plain(Moment)

    cause: Mapped[str] = plain(String(64), default="")  # catalogue key of why it is broken or pending
    cause_words: Mapped[str] = plain(String(500), default="")  # the channel's own words, redacted
    cause_call: Mapped[str] = plain(String(64), default="")
    cause_at: Mapped[datetime | None] = plain(Moment)
    last_checked_at: Mapped[datetime | None] = plain(Moment)
    looked_at: Mapped[datetime | None] = plain(Moment)  # last daily look at the state of the seller account
    missing: Mapped[list[str]] = plain(JSON, default=list)  # roles or scopes the channel does not grant us

    importing: Mapped[bool] = plain(default=True)  # the merchant's switch "import orders"
    take_over_at: Mapped[datetime | None] = plain(Moment)  # orders from then on lower the stock; None = not asked yet
    cursor_at: Mapped[datetime | None] = plain(Moment)  # server time up to which everything was saved
    sweep_since: Mapped[datetime | None] = plain(Moment)  # start of the sweep under way
    page_token: Mapped[str] = plain(String(4000), default="")  # next page of the sweep under way
    sync_asked_at: Mapped[datetime | None] = plain(Moment)  # "Sync now" pressed, not done yet
    polled_at: Mapped[datetime | None] = plain(Moment)  # last completed sweep
    poll_words: Mapped[str] = plain(String(500), default="")  # last trouble of polling, "" when fine
    trusted_from: Mapped[datetime | None] = plain(Moment)  # a backup was restored then: older orders may have been sent
    imported_at: Mapped[datetime | None] = plain(Moment)
    polled_count: Mapped[int] = plain(default=0)  # new orders of the last completed sweep

    shop: Mapped[Shop] = relationship(lazy="joined", innerjoin=True)
    sites: Mapped[list[AccountSite]] = relationship(back_populates="account", order_by="AccountSite.site")

    @property
    def vault_shop(self) -> str:
        """Binding of sealed columns."""
        return self.shop.uid

    @property
    def imports(self) -> bool:
        """Whether its orders are wanted: switched on, and not with every site left to another account or to nobody."""
        return self.importing and (not self.sites or any(site.importing for site in self.sites))

    @property
    def unstarted(self) -> bool:
        """Whether somebody has still to say from when on its orders are imported."""
        return self.take_over_at is None and self.imports


class AccountSite(Base):
    """One site of an account. `importing` is granted to one row per seller and site over ALL shops."""

    __tablename__ = "account_site"
    __table_args__ = (
        UniqueConstraint("account_id", "site"),
        Index(
            "uq_account_site_importing",
            "channel",
            "realm",
            "seller_id",
            "site",
            unique=True,
            sqlite_where=text("importing"),
            postgresql_where=text("importing"),
        ),
    )

    id: Mapped[int] = plain(primary_key=True)
    shop_id: Mapped[int] = plain(ForeignKey("shop.id"), index=True)
    account_id: Mapped[int] = plain(ForeignKey("account.id"))
    channel: Mapped[str] = plain(String(32))
    realm: Mapped[str] = plain(String(255))
    seller_id: Mapped[str] = plain(String(255))
    site: Mapped[str] = plain(String(64))
    name: Mapped[str] = plain(String(100), default="")
    active: Mapped[bool] = plain(default=True)  # the channel says the seller may sell there
    importing: Mapped[bool] = plain(default=False)

    account: Mapped[Account] = relationship(back_populates="sites")


class ChannelOutage(Base):
    """A channel's realm that answers nobody: its breaker is open, attempts are not used up. One row per outage."""

    __tablename__ = "channel_outage"
    __table_args__ = (UniqueConstraint("channel", "realm"),)

    id: Mapped[int] = plain(primary_key=True)
    channel: Mapped[str] = plain(String(32))
    realm: Mapped[str] = plain(String(255))
    failing_since: Mapped[datetime | None] = plain(Moment)
    window_at: Mapped[datetime | None] = plain(Moment)  # start of the minute in which `failures` are counted
    failures: Mapped[int] = plain(default=0)
    open_until: Mapped[datetime | None] = plain(Moment)
    words: Mapped[str] = plain(String(500), default="")
