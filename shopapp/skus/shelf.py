"""What the shop has on its shelf, for a person who looks for a product: by SKU or title, a few at a time.

Asks the table of variants once it is complete, else Shopify's search. Owns its transactions, changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from marketplaces.text import clean
from shopapp.records import db
from shopapp.records.models import ShopSweep, SweepKind, Variant
from shopapp.shopify_admin import tokens
from shopapp.skus.match import question

SHOWN = 20
SMALL = 10_000  # products that are looked through while a person waits for the page
LONG = 100  # characters of a search
SCANNED = 5_000  # variants fetched from the database at a time
ASKED = 100  # variants of Shopify's answer when the table is not complete
WORDS = 8  # words of a search
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Product:
    """A variant that can be sold."""

    gid: str
    sku: str
    title: str


def complete(s: Session, shop_id: int) -> bool:
    """Whether the table holds the shop's whole catalogue."""
    read = select(ShopSweep.id).where(ShopSweep.shop_id == shop_id, ShopSweep.kind == SweepKind.CATALOGUE)
    return s.execute(read.where(ShopSweep.ended_at.is_not(None))).first() is not None


def small(s: Session, shop_id: int) -> bool:
    """Whether `everything` is quick: the table is complete and of no great size."""
    some = select(Variant.id).where(Variant.shop_id == shop_id, Variant.sku != "").offset(SMALL).limit(1)
    return complete(s, shop_id) and s.execute(some).first() is None


def find(shop_id: int, text: str) -> list[Product]:
    """Products whose SKU is or begins with `text`, or whose title has all its words. Errors of Shopify pass through."""
    text = clean(text, LONG, keep_spaces=True)
    words = _WORD.findall(text.lower())[:WORDS]
    if not text:
        return []
    with db.reading() as s:
        if complete(s, shop_id):
            return _stored(s, shop_id, text, words)
    found = f"{question([text])} OR ({' '.join(f'{word}*' for word in words)})" if words else question([text])
    return _sorted(_asked(shop_id, found), text)[:SHOWN]


def one(shop_id: int, text: str, gid: str) -> Product | None:
    """The product `gid`, if it is (still) among those that `find` finds by `text`."""
    return next((product for product in find(shop_id, text) if product.gid == gid), None)


def everything(shop_id: int, hints: Iterable[str]) -> Iterator[Product]:
    """All products that have a SKU, for a guess; while the table is not complete, those that share a word with `hints`."""
    with db.reading() as s:
        if complete(s, shop_id):
            columns = select(Variant.gid, Variant.sku, Variant.title)
            rows = s.execute(columns.where(Variant.shop_id == shop_id, Variant.sku != "", Variant.gone_at.is_(None)))
            yield from (Product(*row) for row in rows.yield_per(SCANNED))
            return
    words = [word for hint in hints for word in _WORD.findall(hint.lower()) if len(word) > 2]
    if words:
        asked = " OR ".join(f"{word}*" for word in list(dict.fromkeys(words))[: 4 * WORDS])
        yield from (product for product in _asked(shop_id, asked) if product.sku)


def _stored(s: Session, shop_id: int, text: str, words: list[str]) -> list[Product]:
    by_sku = Variant.sku.icontains(text, autoescape=True)
    by_title = and_(*(Variant.title.icontains(word, autoescape=True) for word in words)) if words else by_sku
    columns = select(Variant.gid, Variant.sku, Variant.title)
    found = columns.where(Variant.shop_id == shop_id, Variant.gone_at.is_(None), or_(by_sku, by_title))
    rows = [Product(*row) for row in s.execute(found.where(Variant.sku == text).limit(SHOWN))]
    rows += [Product(*row) for row in s.execute(found.where(Variant.sku != text).limit(SHOWN))]
    return _sorted(rows, text)[:SHOWN]


def _asked(shop_id: int, query: str) -> list[Product]:
    answer = tokens.line(shop_id).run("VariantsBySku", {"q": query, "first": ASKED}, interactive=True)
    return [
        Product(str(node["id"]), str(node.get("sku") or ""), str(node.get("displayName") or "")[:255])
        for node in answer["productVariants"]["nodes"]
    ]


def _sorted(found: Iterable[Product], text: str) -> list[Product]:
    """The SKU itself first, then those that begin with it, then the rest by title."""
    low = text.lower()

    def rank(product: Product) -> tuple[int, str, str]:
        sku = product.sku
        near = 0 if sku == text else 1 if sku.lower() == low else 2 if sku.lower().startswith(low) else 3
        return near, product.title, sku

    return sorted(found, key=rank)
