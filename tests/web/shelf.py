"""Products of a shop as the app has read them, put in directly."""

from __future__ import annotations

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import ShopSweep, Variant


def whole_catalogue(shop_id: int) -> None:
    """The shop's catalogue was read to its end."""
    with db.writing() as s:
        s.add(ShopSweep(shop_id=shop_id, kind="catalogue", ended_at=clock.now()))


def product(shop_id: int, sku: str, title: str, number: int) -> str:
    """A variant; its Shopify id."""
    gid = f"gid://shopify/ProductVariant/{number}"
    with db.writing() as s:
        s.add(Variant(shop_id=shop_id, gid=gid, sku=sku, title=title, read_at=clock.now()))
    return gid
