"""Finding listings for the pages: a search box, filters, keyset pages and counts. Reads only, of one shop.

Nothing here looks at more rows than it shows, however many listings there are, but for the counters of a whole shop:
these read an index that holds nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, or_, select, union_all
from sqlalchemy.orm import Session, joinedload

from marketplaces.text import clean
from shopapp.records import db
from shopapp.records.models import Listing, ListingStatus
from shopapp.records.models.order import search_key

PAGE = 50
FEW = 500  # hits of a search up to which all are known by their ids
COUNTED = 1000  # rows that are counted where a search hits more than that
ENDED = "ended"  # the filter of those that are no longer there


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed to; empty means all. `status` is a ListingStatus or ENDED."""

    account_id: int | None = None
    status: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page, in the order in which they were first seen. `after` is the cursor of the next page, "" on the last."""

    listings: tuple[Listing, ...]
    after: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many listings have each status, and how many are no longer there; `more`: there may be more than that."""

    states: dict[str, int] = field(default_factory=dict)
    more: bool = False

    @property
    def all(self) -> int:
        """Those on sale there."""
        return sum(count for state, count in self.states.items() if state != ENDED)


def search(
    s: Session, shop_id: int, text: str = "", filters: Filters | None = None, after: str = "", limit: int = PAGE
) -> Page:
    """Listings of the shop with their variants. `text` is the beginning of a SKU or of a title.

    A cursor that is not ours starts at the first page.
    """
    found = select(Listing).options(joinedload(Listing.variant)).where(*_conditions(shop_id, filters or Filters()))
    if text := _typed(text):
        found = found.where(_hits(s, shop_id, text).condition)
    if after.isascii() and after.isdigit() and len(after) < 10:  # a longer one is no key of ours
        found = found.where(Listing.id > int(after))
    rows = list(s.scalars(found.order_by(Listing.id).limit(limit + 1)))
    more, rows = len(rows) > limit, rows[:limit]
    return Page(tuple(rows), str(rows[-1].id) if more else "")


def counts(s: Session, shop_id: int, account_id: int | None = None, text: str = "") -> Counts:
    """How many listings of the shop (of one account, of a search) have each status."""
    mine: list[ColumnElement[bool]] = [Listing.shop_id == shop_id]
    if account_id is not None:
        mine.append(Listing.account_id == account_id)
    if not (text := _typed(text)):
        grouped = select(Listing.live, Listing.status, func.count()).where(*mine).group_by(Listing.live, Listing.status)
        return Counts(_summed((live, status, count) for live, status, count in s.execute(grouped)))
    hits = _hits(s, shop_id, text)
    seen = select(Listing.live, Listing.status).where(*mine)
    if not hits.more:
        rows = s.execute(seen.where(Listing.id.in_(hits.ids))).all()
        return Counts(_summed((live, status, 1) for live, status in rows))
    rows = s.execute(seen.where(hits.condition).order_by(Listing.id).limit(COUNTED + 1)).all()
    return Counts(_summed((live, status, 1) for live, status in rows), len(rows) > COUNTED)


def _summed(rows: Iterable[tuple[bool, str, int]]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for live, status, count in rows:
        found[status if live else ENDED] += count
    return dict(found)


def _conditions(shop_id: int, filters: Filters) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [Listing.shop_id == shop_id, Listing.live.is_(filters.status != ENDED)]
    if filters.account_id is not None:
        where.append(Listing.account_id == filters.account_id)
    if filters.status in set(ListingStatus):
        where.append(Listing.status == filters.status)
    return where


@dataclass(frozen=True, slots=True)
class _Hits:
    """What a text finds: the condition, the ids that are known, and whether there are more."""

    condition: ColumnElement[bool]
    ids: list[int]
    more: bool


def _typed(text: str) -> str:
    return clean(text, keep_spaces=True)  # a NUL would be refused by PostgreSQL; the inner blanks of a SKU count


def _hits(s: Session, shop_id: int, text: str) -> _Hits:
    """Where `text` is found, asked of one index at a time. What is not rare stays a condition: the next is never far."""
    kinds = [db.starts_with(s, Listing.sku, text), db.starts_with(s, Listing.title_key, search_key(text)[:100])]
    asked: list[Any] = []
    for number, condition in enumerate(kinds):
        few = select(Listing.id.label("id")).where(Listing.shop_id == shop_id, condition).limit(FEW + 1).subquery()
        asked.append(select(few.c.id, literal_column(str(number)).label("kind")))
    found: dict[int, set[int]] = {0: set(), 1: set()}
    for row_id, number in s.execute(union_all(*asked)):
        found[number].add(row_id)
    many = [number for number, ids in found.items() if len(ids) > FEW]
    rare = sorted({row_id for number, ids in found.items() if number not in many for row_id in ids})
    return _Hits(or_(Listing.id.in_(rare), *(kinds[number] for number in many)), rare, bool(many))
