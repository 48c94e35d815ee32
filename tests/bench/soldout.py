"""Variants that sell out while everything else is pushed: how soon the marketplace hears of it, what that waited for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import Listing
from tests.unit.orders.scene import Scene

SECONDS = 10
PATCHES, PATCH_BURST = 5.0, 5  # patchListingsItem: a second, and at once
SOLD_OUT = 5  # variants


@dataclass
class Sale:
    """A variant that was sold out in the shop: `at` of our clock, which is the sandbox's."""

    sku: str
    at: datetime
    wished: datetime | None = None
    arrived: datetime | None = None


def at(scene: Scene, name: str) -> str:
    """The address of the sandbox's control of the seller."""
    return f"/amazon/sellers/{scene.seller}/{name}"


def when(row: dict[str, Any]) -> datetime:
    """When an entry of the ledger was written."""
    return datetime.fromisoformat(row["at"])


def sell_out(scene: Scene, count: int) -> list[Sale]:
    """Some variants from all over the catalogue have no stock any more."""
    sales = []
    for number in range(SOLD_OUT):
        sku = f"BULK-{1 + number * (count - 1) // (SOLD_OUT - 1):06d}"
        sales.append(Sale(sku, clock.now()))
        scene.box.patch(f"/shops/{scene.domain}/variants/sku:{sku}", {"available": 0})
    return sales


def look_at(scene: Scene, sales: list[Sale]) -> None:
    """Note what has been wished and what has arrived."""
    for sale in sales:
        if sale.wished is None:
            mine = (Listing.account_id == scene.account_id, Listing.sku == sale.sku, Listing.quantity == 0)
            with db.reading() as s:
                sale.wished = s.scalar(select(Listing.wished_at).where(*mine))
        if sale.arrived is None:
            rows = scene.box.get(at(scene, "applied"), sku=sale.sku)
            moments = [row["at"] for row in rows if row["quantity"] == 0]
            sale.arrived = datetime.fromtimestamp(moments[0], sale.at.tzinfo) if moments else None


def told(ledger: list[dict[str, Any]], sales: list[Sale], scale: float) -> dict[str, float | str]:
    """The worst of them: what our software took of the wall, what the bucket and the marketplace took of the clock.

    The bucket's part is from the wish until a permit was there, by the calls that the marketplace saw.
    """
    calls = [row for row in ledger if row["effect"] == "amazon.patchListingsItem" and row["body"]["status"] == 200]
    worst: tuple[float, ...] = (0.0, 0.0, 0.0)
    for sale in sales:
        assert sale.wished is not None
        assert sale.arrived is not None
        taken = next(when(row) for row in calls if row["body"].get("sku") == sale.sku and when(row) >= sale.wished)
        bucket = min(_wait_for_permit(calls, sale.wished), (taken - sale.wished).total_seconds())
        ours = ((taken - sale.at).total_seconds() - bucket) / scale
        worst = max(worst, (ours, bucket, (sale.arrived - taken).total_seconds()), key=lambda one: one[0] + one[1])
    return {
        "sold_out_software_seconds": round(worst[0], 2),
        "sold_out_bucket_seconds": round(worst[1], 2),
        "sold_out_there_seconds": round(worst[2], 2),
        "sold_out_seconds": round(sum(worst), 2),
        "sold_out_limit_seconds": SECONDS,
    }


def _wait_for_permit(calls: list[dict[str, Any]], wished: datetime) -> float:
    """Scaled seconds from the wish until the marketplace's bucket held a permit."""
    level, then = float(PATCH_BURST), None
    for row in calls:
        at = when(row)
        if at > wished:
            break
        level = min(PATCH_BURST, level + ((at - then).total_seconds() if then else 0) * PATCHES) - 1
        then = at
    if then is not None:
        level = min(PATCH_BURST, level + (wished - then).total_seconds() * PATCHES)
    return max(0.0, (1 - level) / PATCHES)
