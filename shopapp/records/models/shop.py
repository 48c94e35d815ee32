"""Shop: one installation. Tokens are sealed; the owner's e-mail and typed alert address are personal."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped

from shopapp.records.db import Base, Moment, personal, plain
from shopapp.records.models.due import Due
from shopapp.records.vault import new_uid


class ShopStatus(StrEnum):
    """Whether we may work for the shop. Everything but `active` pauses its jobs."""

    ACTIVE = "active"
    NEEDS_OPENING = "needs_opening"  # Shopify refuses our token: the merchant must open the app once
    FROZEN = "frozen"  # Shopify answers 402 or 423: asked hourly, nothing else runs
    UNINSTALLED = "uninstalled"


class Shop(Due, Base):
    """One installed shop, known by its myshopify.com domain. As `Due` it is due for its probe and token upkeep."""

    __tablename__ = "shop"

    id: Mapped[int] = plain(primary_key=True)
    uid: Mapped[str] = plain(String(32), unique=True, default=new_uid)
    domain: Mapped[str] = plain(String(255), unique=True)
    gid: Mapped[str] = plain(String(64), default="")
    name: Mapped[str] = plain(String(255), default="")
    email: Mapped[str] = personal(String(320), default="")
    currency: Mapped[str] = plain(String(3), default="")
    timezone: Mapped[str] = plain(String(64), default="UTC")
    taxes_included: Mapped[bool] = plain(default=False)
    development: Mapped[bool] = plain(default=False)
    location_count: Mapped[int] = plain(default=0)
    locations: Mapped[dict[str, Any]] = plain(JSON, default=dict, server_default="{}")  # gid -> name, active ones
    status: Mapped[str] = plain(String(16), default=ShopStatus.ACTIVE)
    status_words: Mapped[str] = plain(String(500), default="")
    installed_at: Mapped[datetime] = plain(Moment)
    uninstalled_at: Mapped[datetime | None] = plain(Moment)
    last_opened_at: Mapped[datetime | None] = plain(Moment)

    scopes: Mapped[str] = plain(String(1000), default="")
    access_token: Mapped[str] = plain(String(1000), default="")
    access_expires_at: Mapped[datetime | None] = plain(Moment)
    refresh_token: Mapped[str] = plain(String(1000), default="")
    refresh_expires_at: Mapped[datetime | None] = plain(Moment)
    token_fence: Mapped[int] = plain(default=0)
    token_lease_until: Mapped[datetime | None] = plain(Moment)
    catalogue_at: Mapped[datetime | None] = plain(Moment)  # a product changed: variants remembered before do not count
    ref_definition_at: Mapped[datetime | None] = plain(Moment)

    locale: Mapped[str] = plain(String(16), default="en")  # last one the admin used, for mails
    language: Mapped[str] = plain(String(8), default="")  # the merchant's choice; "" follows the admin
    paused_at: Mapped[datetime | None] = plain(Moment)  # "Pause everything"
    guide_dismissed_at: Mapped[datetime | None] = plain(Moment)

    use_shop_email: Mapped[bool] = plain(default=True)
    alert_address: Mapped[str] = personal(String(320), default="")
    alert_address_confirmed_at: Mapped[datetime | None] = plain(Moment)
    alert_address_ticket: Mapped[str] = plain(String(64), default="")  # SHA-256 of the link's secret
    mail_undeliverable_at: Mapped[datetime | None] = plain(Moment)
    undeliverable_address: Mapped[str] = personal(String(320), default="")  # the one that was refused for good

    plan_key: Mapped[str] = plain(String(32), default="trial")
    trial_ends_at: Mapped[datetime | None] = plain(Moment)
    period_anchor: Mapped[datetime | None] = plain(Moment)  # start of the first 30-day period

    @property
    def vault_shop(self) -> str:
        """Binding of sealed columns: the shop itself."""
        return self.uid

    @property
    def handle(self) -> str:
        """The shop's name in the admin's addresses (domain without myshopify.com)."""
        return self.domain.removesuffix(".myshopify.com")
