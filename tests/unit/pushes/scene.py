"""A shop with an account and listings in rows of our own, and the counter at the other end of the wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from shopapp import clock
from shopapp.listings import document, push, runs, wish
from shopapp.records import db, vault
from shopapp.records.models import (
    Account,
    AccountRules,
    Incident,
    Listing,
    ListingFeed,
    ListingPush,
    ListingRun,
    Shop,
    Variant,
)
from shopapp.work import claim
from shopapp.work.claim import Work
from tests.unit.pushes.counter import Counter, Item

START = datetime(2026, 9, 1, 12, tzinfo=UTC)
DE = "A1PA6795UKMFR9"
HERE = "gid://shopify/Location/1"
STOP = Work("stop", Listing, push.due_listing, only=lambda: (Listing.urgent.is_(True),), threads=1)
PUSH = Work("push", Listing, push.due_listing, only=lambda: (Listing.urgent.is_(False),), threads=1)
FEED = Work("feed", ListingFeed, document.due_feed, threads=1, lease=timedelta(minutes=10))
RUN = Work("listing_run", ListingRun, runs.due_run, only=runs.mine, threads=1)


@dataclass
class Scene:
    """The stage of one test."""

    counter: Counter
    shop_id: int = 0

    def account(self, label: str = "My Amazon", **rules: Any) -> int:
        """An active account whose stock is pushed, unless `rules` say otherwise."""
        with db.writing() as s:
            now = clock.now()
            shop = s.get_one(Shop, self.shop_id)
            account = Account(
                shop_id=shop.id, channel="amazon", realm="eu", seller_id=f"S-{label}", label=label, status="active",
                status_since=now, created_at=now, worked_at=now, access_expires_at=now + timedelta(days=3650),
            )  # fmt: skip
            account.shop = shop
            s.add(account)
            s.flush()
            vault.seal_json(account, "credentials", {"refresh_token": "Atzr|example"})
            vault.seal(account, "access_token", "Atza|example")
            chosen = {"push_stock": True, "push_price": True} | rules
            s.add(AccountRules(shop_id=shop.id, account_id=account.id, **chosen))
            return account.id

    def variant(self, sku: str, level: int = 5, **more: Any) -> int:
        """A variant with its stock at one location."""
        with db.writing() as s:
            row = Variant(
                shop_id=self.shop_id, gid=f"gid://shopify/ProductVariant/{sku}", sku=sku, price_minor=1990,
                levels={HERE: level}, read_at=clock.now(),
            )  # fmt: skip
            for key, value in more.items():
                setattr(row, key, value)
            s.add(row)
            s.flush()
            return row.id

    def listing(self, account_id: int, variant_id: int, sku: str, quantity: int | None = 5, **more: Any) -> int:
        """A linked listing that has at the marketplace what is said here."""
        self.counter.items.setdefault(sku, Item("19.90", quantity))
        with db.writing() as s:
            row = Listing(
                shop_id=self.shop_id, account_id=account_id, site=DE, sku=sku, status="linked", variant_id=variant_id,
                currency="EUR", there_price_minor=1990, there_quantity=quantity, there_at=clock.now(),
            )  # fmt: skip
            for key, value in more.items():
                setattr(row, key, value)
            s.add(row)
            s.flush()
            return row.id

    def change(self, variant_id: int, level: int | None = None, **more: Any) -> wish.Made:
        """The variant was read anew."""
        with db.writing() as s:
            row = s.get_one(Variant, variant_id)
            if level is not None:
                row.levels = {HERE: level}
            for key, value in more.items():
                setattr(row, key, value)
            s.flush()
            return wish.for_variants(s, self.shop_id, [variant_id])

    def drain(self, *works: Work) -> int:
        """Work on what is due."""
        return sum(claim.drain([work], seconds=30) for work in works or (STOP, PUSH, FEED, RUN))

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        clock.travel(by=timedelta(seconds=seconds), freeze=True)

    def settle(self, *, rounds: int = 60, seconds: float = 61) -> None:
        """Drain and wait until nothing is due any more."""
        for _ in range(rounds):
            self.drain()
            with db.reading() as s:
                due = [s.scalars(select(model.due_at).where(model.due_at.is_not(None))).first()
                       for model in (Listing, ListingFeed, ListingRun)]  # fmt: skip
            if not any(due):
                return
            self.wait(seconds)
        raise AssertionError("it never settles")

    def row(self, listing_id: int) -> Listing:
        """The listing as it is."""
        with db.reading() as s:
            return s.get_one(Listing, listing_id)

    def pushes(self, listing_id: int) -> Sequence[ListingPush]:
        """Its history, oldest first."""
        with db.reading() as s:
            found = select(ListingPush).where(ListingPush.listing_id == listing_id).order_by(ListingPush.version)
            return s.scalars(found).all()

    def states(self, listing_id: int) -> list[str]:
        """Its history as states."""
        return [one.state for one in self.pushes(listing_id)]

    def open_incidents(self, kind: str = "") -> list[Incident]:
        """What is open."""
        with db.reading() as s:
            found = select(Incident).where(Incident.resolved_at.is_(None)).order_by(Incident.id)
            return [one for one in s.scalars(found) if not kind or one.kind == kind]

    def there(self, sku: str) -> tuple[str | None, int | None]:
        """(price, quantity) at the marketplace."""
        item = self.counter.items[sku]
        return item.price, item.quantity

    def rules(self, account_id: int, **values: Any) -> None:
        """Change the account's rules behind everybody's back."""
        with db.writing() as s:
            row = s.scalars(select(AccountRules).where(AccountRules.account_id == account_id)).one()
            for key, value in values.items():
                setattr(row, key, value)

    def shop(self, **values: Any) -> None:
        """Change the shop."""
        with db.writing() as s:
            row = s.get_one(Shop, self.shop_id)
            for key, value in values.items():
                setattr(row, key, value)
