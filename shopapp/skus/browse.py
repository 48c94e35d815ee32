"""The shop's mappings as a list: newest first, searched, page by page from the last row. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from marketplaces.text import clean
from shopapp.records import db
from shopapp.records.models import SkuMapping

PAGE = 50
CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `after` is the cursor of the next one, "" on the last."""

    rows: tuple[SkuMapping, ...]
    after: str


def search(s: Session, shop_id: int, text: str = "", account_id: int | None = None, after: str = "") -> Page:
    """Mappings whose SKU, there or here, begins with `text` (of this account only, if one is given)."""
    found = select(SkuMapping).where(SkuMapping.shop_id == shop_id)
    if text := clean(text, keep_spaces=True):
        there = db.starts_with(s, SkuMapping.marketplace_sku, text)
        found = found.where(or_(there, db.starts_with(s, SkuMapping.store_sku, text)))
    if account_id is not None:
        found = found.where(SkuMapping.account_id == account_id)
    if after.isascii() and after.isdigit() and len(after) < 10:
        found = found.where(SkuMapping.id < int(after))
    rows = list(s.scalars(found.order_by(SkuMapping.id.desc()).limit(PAGE + 1)))
    return Page(tuple(rows[:PAGE]), str(rows[PAGE - 1].id) if len(rows) > PAGE else "")


def one(s: Session, shop_id: int, mapping_id: int) -> SkuMapping | None:
    """A mapping of the shop."""
    return s.scalars(select(SkuMapping).where(SkuMapping.shop_id == shop_id, SkuMapping.id == mapping_id)).one_or_none()


def everything(s: Session, shop_id: int) -> Iterator[tuple[int | None, str, str]]:
    """All of them, oldest first: (account, marketplace SKU, SKU of the shop). Not held in memory."""
    last = 0
    columns = select(SkuMapping.id, SkuMapping.account_id, SkuMapping.marketplace_sku, SkuMapping.store_sku)
    while True:
        found = columns.where(SkuMapping.shop_id == shop_id, SkuMapping.id > last).order_by(SkuMapping.id)
        rows = s.execute(found.limit(CHUNK)).all()
        for mapping_id, account_id, sku, store_sku in rows:
            last = mapping_id
            yield account_id, sku, store_sku
        if len(rows) < CHUNK:
            return
