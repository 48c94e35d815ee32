"""A shop with a linked seller and what both of them list; a few things to do with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from marketplaces.data import Money, RemoteListing
from shopapp import clock, jobs
from shopapp.listings import duties, intake
from shopapp.listings.intake import Read
from shopapp.records import db
from shopapp.records.models import Incident, Listing, ListingRun, ShopSweep, SkuMapping, SweepKind, Variant
from shopapp.work import claim
from tests.stage import buckets
from tests.unit.orders.scene import DE, Scene

WORKS = {work.name: work for works in jobs.QUEUES.values() for work in works}
KINDS = ("listings", "catalogue", "variant", "receipt")


def there(sku: str, price: str = "19.90", quantity: int | None = 3, **more: Any) -> RemoteListing:
    """A listing as the marketplace tells it."""
    return RemoteListing(sku, DE, f"B-{sku}"[:10], f"Title of {sku}", "", Money.parse(price, "EUR"), quantity, **more)


@dataclass
class Stall:
    """The stage of one test."""

    scene: Scene

    @property
    def shop_id(self) -> int:
        """Whose it is."""
        return self.scene.shop_id

    @property
    def account_id(self) -> int:
        """The linked seller."""
        return self.scene.account_id

    def variant(self, sku: str, **more: Any) -> Variant:
        """A variant as it was read."""
        number = more.pop("number", sku)
        with db.writing() as s:
            row = Variant(
                shop_id=self.shop_id,
                gid=f"gid://shopify/ProductVariant/{number}",
                sku=sku,
                title=f"Here {sku}",
                read_at=clock.now(),
                **more,
            )
            s.add(row)
        return row

    def mapping(self, marketplace_sku: str, store_sku: str, account_id: int | None = None) -> None:
        """What the merchant mapped."""
        with db.writing() as s:
            s.add(
                SkuMapping(
                    shop_id=self.shop_id,
                    account_id=account_id,
                    marketplace_sku=marketplace_sku,
                    store_sku=store_sku,
                    created_at=clock.now(),
                )
            )

    def read(self, *listings: RemoteListing, run: int = 1, ago: int = 0, complete: bool = True) -> None:
        """A whole read of the site that was asked for `ago` seconds before now."""
        read = Read(run, self.shop_id, self.account_id, DE, clock.now() - timedelta(seconds=ago))
        lines = [intake.packed(one) for one in listings]
        with db.writing() as s:
            intake.batch(s, read, intake.unpacked(lines, DE))
            if complete:
                intake.unseen(s, read, 1000)

    def listing(self, sku: str) -> Listing:
        """As it is now, its variant loaded."""
        with db.reading() as s:
            row = s.scalars(select(Listing).where(Listing.account_id == self.account_id, Listing.sku == sku)).one()
            assert row.variant is None or row.variant.id
            return row

    def standing(self) -> dict[str, tuple[str, str, str]]:
        """By SKU: status, cause, the variant's SKU."""
        with db.reading() as s:
            rows = s.scalars(select(Listing).where(Listing.shop_id == self.shop_id))
            return {row.sku: (row.status, row.cause, row.variant.sku if row.variant else "") for row in rows}

    def enrol(self) -> int:
        """The chore that queues reads."""
        return duties.enrol()

    def work(self, *names: str, hours: float = 0.1) -> None:
        """Let the drains of these kinds work while our time passes in steps of ten seconds."""
        works = [WORKS[name] for name in names or KINDS]
        until = clock.now() + timedelta(hours=hours)
        while clock.now() < until:
            handled = claim.drain(works, seconds=60)
            clock.travel(by=timedelta(seconds=10 if handled else 60))
            buckets.refill()

    def run(self) -> ListingRun:
        """The newest read."""
        with db.reading() as s:
            return s.scalars(select(ListingRun).order_by(ListingRun.id.desc()).limit(1)).one()

    def sweep(self) -> ShopSweep:
        """The catalogue's sweep."""
        with db.reading() as s:
            return s.scalars(select(ShopSweep).where(ShopSweep.kind == SweepKind.CATALOGUE)).one()

    def variants(self) -> dict[str, Variant]:
        """All that are known, by SKU."""
        with db.reading() as s:
            return {row.sku: row for row in s.scalars(select(Variant).where(Variant.shop_id == self.shop_id))}

    def incidents(self) -> list[str]:
        """The kinds that are open."""
        with db.reading() as s:
            return sorted(s.scalars(select(Incident.kind).where(Incident.resolved_at.is_(None))))


both_databases = pytest.mark.parametrize(
    "stall", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
