"""The shop's variants as Shopify has them: written from any read, newest first, and read again one by one when told to.

Messages are hints: they set rows due, which many of them do at the cost of one question. Whatever changes here is
linked and wished for in the same transaction. The whole catalogue is `catalogue`'s.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, insert, or_, select, update
from sqlalchemy.orm import Session

from marketplaces.errors import RemoteError, Transient
from marketplaces.money import Money
from marketplaces.text import clean
from shopapp import clock, verdict
from shopapp.listings import link, wish
from shopapp.listings.duties import want_catalogue
from shopapp.listings.wish import Made
from shopapp.logs import context, event
from shopapp.records import db
from shopapp.records.models import Shop, ShopStatus, ShopSweep, SweepKind, Variant
from shopapp.shopify_admin import tokens
from shopapp.shops.hooks import Heard
from shopapp.shops.install import ASLEEP
from shopapp.work import bell
from shopapp.work.claim import Claim, held, release

log = logging.getLogger(__name__)
ASKED = 250  # ids in one question
LEVELS = 20  # locations that a single read tells of a variant
CHUNK = 500
WAITING = timedelta(minutes=5)
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
ON_SALE = ("ACTIVE", "UNLISTED")


@dataclass(frozen=True, slots=True)
class Seen:
    """A variant as one read told it. `levels` are of all its locations unless `partly`."""

    gid: str
    item_gid: str
    product_gid: str
    sku: str
    title: str
    price_minor: int | None
    tracked: bool
    active: bool
    levels: dict[str, int]
    read_at: datetime
    partly: bool = False


def readable(
    node: Mapping[str, Any], currency: str, read_at: datetime, levels: Sequence[Any] | None = None
) -> Seen | None:
    """A ProductVariant of an answer; its levels inside, or given apart as a bulk run does. None when it is nonsense.

    One that cannot be read spoils no other: it stays as it is known.
    """
    try:
        item, product = node["inventoryItem"], node["product"]
        inside = levels is None
        rows = item["inventoryLevels"]["nodes"] if levels is None else levels
        return Seen(
            gid=str(node["id"]),
            item_gid=str(item["id"]),
            product_gid=str(product["id"]),
            sku=clean(node.get("sku"), keep_spaces=True),
            title=clean(node.get("displayName")),
            price_minor=_price(node.get("price"), currency),
            tracked=bool(item["tracked"]),
            active=str(product["status"]) in ON_SALE,
            levels=dict(_level(row) for row in rows if (row["location"] or {}).get("isActive", True)),
            read_at=read_at,
            partly=inside and len(rows) >= LEVELS,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        event(log, "variant_unreadable", logging.WARNING, error=type(error).__name__)
        return None


def _level(row: Mapping[str, Any]) -> tuple[str, int]:
    available = sum(int(one["quantity"]) for one in row["quantities"] if one["name"] == "available")
    return str(row["location"]["id"]), available


def _price(told: Any, currency: str) -> int | None:
    try:
        return Money.parse(str(told), currency).minor
    except ValueError:
        return None


# --- write ------------------------------------------------------------------------------------------------------------


def keep(s: Session, shop_id: int, seen: Iterable[Seen], missing: Iterable[str] = ()) -> Made:
    """Write what a read told, where it is newer than what is known; `missing` are gids that Shopify no longer has.

    Listings that mean another variant now are linked anew, and what changed is wished for. The caller rings afterwards.
    """
    told = {one.gid: one for one in seen}
    lost = set(missing)
    known = {row.gid: row for row in _locked(s, shop_id, Variant.gid, {*told, *lost})}
    skus: set[str] = set()
    changed: list[int] = []
    same: dict[datetime, list[int]] = {}
    for gid, row in known.items():
        before = row.sku if row.gone_at is None else ""
        if gid in told and told[gid].read_at < row.read_at:
            continue
        if not (_write(row, told[gid]) if gid in told else _lose(row)):
            if gid in told:
                same.setdefault(told[gid].read_at, []).append(row.id)
            continue
        changed.append(row.id)
        after = row.sku if row.gone_at is None else ""
        if before != after:
            skus |= {before, after}
    new = [one for gid, one in told.items() if gid not in known]
    s.flush()
    for read_at, ids in same.items():  # in one statement: on most nights nothing has changed
        read = update(Variant).where(Variant.id.in_(ids)).values(read_at=read_at)
        s.execute(read.execution_options(synchronize_session=False))
    if new:
        s.execute(insert(Variant), [_row(shop_id, one) for one in new])
        skus |= {one.sku for one in new}
    made = link.relink(s, shop_id, skus)
    if changed:
        made.add(wish.for_variants(s, shop_id, changed))
    return made


def _locked(s: Session, shop_id: int, column: Any, keys: Iterable[str]) -> list[Variant]:
    rows: list[Variant] = []
    wanted = sorted(keys)
    for at in range(0, len(wanted), CHUNK):
        found = select(Variant).where(Variant.shop_id == shop_id, column.in_(wanted[at : at + CHUNK]))
        found = found.order_by(Variant.id)
        if db.locks_rows(s):
            found = found.with_for_update(key_share=True)
        rows += s.scalars(found)
    return rows


def _row(shop_id: int, one: Seen) -> dict[str, Any]:
    return {
        "shop_id": shop_id,
        "gid": one.gid,
        "item_gid": one.item_gid,
        "product_gid": one.product_gid,
        "sku": one.sku,
        "title": one.title,
        "price_minor": one.price_minor,
        "tracked": one.tracked,
        "active": one.active,
        "levels": one.levels,
        "read_at": one.read_at,
    }


def _write(row: Variant, one: Seen) -> bool:
    """Whether anything changed that a listing could show; if not, the row is left as it is."""
    values = _row(row.shop_id, one)
    if one.partly:
        values["levels"] = {**(row.levels or {}), **one.levels}
    del values["read_at"]
    changed = {name: value for name, value in values.items() if getattr(row, name) != value}
    if not changed and row.gone_at is None:
        return False
    for name, value in changed.items():
        setattr(row, name, value)
    row.gone_at, row.read_at = None, one.read_at
    return True


def _lose(row: Variant) -> bool:
    if row.gone_at is not None:
        return False
    row.gone_at = row.read_at = clock.now()
    row.levels = {}
    return True


# --- read again -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Task:
    shop_id: int
    currency: str
    due: dict[str, datetime | None]  # gid -> as it was due


def due_variant(mine: Claim) -> None:
    """Read the claimed variant again, and with it all others of its shop that are due, 250 at most. Owns its transactions."""
    task = _begin(mine)
    if task is not None:
        with context(shop=task.shop_id, variants=len(task.due)):
            _read(mine, task)


def _read(mine: Claim, task: _Task) -> None:
    began = clock.now()
    try:
        nodes = tokens.line(task.shop_id).run("VariantsForListing", {"ids": list(task.due)})["nodes"]
        if len(nodes) != len(task.due):
            raise Transient("an answer about other variants", call="VariantsForListing")
    except RemoteError as error:
        _later(mine, task, error)
        return
    seen = [one for node in nodes if node and (one := readable(node, task.currency, began))]
    lost = {gid for gid, node in zip(task.due, nodes, strict=True) if not node}
    with db.writing() as s:
        rows = _locked(s, task.shop_id, Variant.gid, task.due)
        if not any(row.lease_token == mine.token for row in rows):
            return
        made = keep(s, task.shop_id, seen, lost)
        for row in rows:
            if row.lease_token == mine.token:  # else another has taken it over, and reads it himself
                told_again = row.due_at != task.due[row.gid]
                release(row, row.due_at if told_again else None, attempt=0)
    event(log, "variants_read", logging.DEBUG, shop=task.shop_id, read=len(seen), gone=len(lost))
    made.ring()


def _begin(mine: Claim) -> _Task | None:
    with db.writing() as s:
        row = held(s, Variant, mine)
        if row is None:
            return None
        shop = s.get_one(Shop, row.shop_id)
        if shop.status == ShopStatus.UNINSTALLED:
            release(row, clock.now() + ASLEEP)
            return None
        if shop.status != ShopStatus.ACTIVE:
            _postpone(s, shop.id, clock.now() + WAITING)
            release(row, clock.now() + WAITING)
            return None
        due = {row.gid: row.due_at}
        for other in s.scalars(_company(s, row)):
            other.lease_token, other.lease_until = mine.token, row.lease_until
            due[other.gid] = other.due_at
        return _Task(shop.id, shop.currency, due)


def _company(s: Session, row: Variant) -> Any:
    """Others of the shop that are due and free."""
    now = clock.now()
    free = or_(Variant.lease_until.is_(None), Variant.lease_until < now)
    found = select(Variant).where(Variant.shop_id == row.shop_id, Variant.due_at <= now, free, Variant.id != row.id)
    found = found.order_by(Variant.due_at, Variant.id).limit(ASKED - 1)
    return found.with_for_update(key_share=True, skip_locked=True) if db.locks_rows(s) else found


def _postpone(s: Session, shop_id: int, until: datetime) -> None:
    due = update(Variant).where(Variant.shop_id == shop_id, Variant.due_at <= clock.now())
    s.execute(due.values(due_at=until).execution_options(synchronize_session=False))


def _later(mine: Claim, task: _Task, error: RemoteError) -> None:
    with db.writing() as s:
        shop = s.get_one(Shop, task.shop_id)
        row = held(s, Variant, mine)
        found = verdict.judge(error, "shop", row.attempt if row else 0)
        verdict.apply_shop(s, shop, error)
        for one in _locked(s, task.shop_id, Variant.gid, task.due):
            if one.lease_token == mine.token:
                release(one, clock.now() + found.delay, attempt=one.attempt + int(found.used_attempt))


# --- messages ---------------------------------------------------------------------------------------------------------


def product_changed(heard: Heard) -> None:
    """products/create, products/update: its variants, known or new, are read again. Asks Shopify which they are."""
    gid = heard.gid("Product")
    if not gid or not _needed(heard.shop):
        return
    admin = tokens.line(heard.shop)
    admin.patient = True
    (node,) = admin.run("VariantsOfProducts", {"ids": [gid]})["nodes"] or (None,)
    told = ((node or {}).get("variants") or {}) if isinstance(node, dict) else {}
    gids = [str(one["id"]) for one in told.get("nodes") or ()]
    with db.writing() as s:
        _mark(s, heard.shop, or_(Variant.product_gid == gid, Variant.gid.in_(gids)))
        known = set(s.scalars(select(Variant.gid).where(Variant.shop_id == heard.shop, Variant.gid.in_(gids))))
        now = clock.now()
        rows = [
            {"shop_id": heard.shop, "gid": one, "product_gid": gid, "read_at": NEVER, "due_at": now, **_FRESH}
            for one in gids
            if one not in known
        ]
        db.upsert(s, Variant, rows, key=["shop_id", "gid"])
        if (told.get("pageInfo") or {}).get("hasNextPage"):  # more than one answer holds
            want_catalogue(s, s.get_one(Shop, heard.shop), now=True)
    bell.ring("now")


_FRESH: dict[str, Any] = {
    "item_gid": "", "sku": "", "title": "", "tracked": True, "active": True, "levels": {}, "lease_token": "", "attempt": 0,
}  # fmt: skip


def product_gone(heard: Heard) -> None:
    """products/delete: each of its variants is asked for once more, and found to be gone."""
    if gid := heard.gid("Product"):
        _mark_and_ring(heard.shop, Variant.product_gid == gid)


def stock_changed(heard: Heard) -> None:
    """inventory_levels/update, /connect, /disconnect: the variant of this item is read again."""
    _item(heard, "inventory_item_id")


def item_changed(heard: Heard) -> None:
    """inventory_items/update, inventory_items/delete: the same."""
    _item(heard, "id")


def _item(heard: Heard, name: str) -> None:
    if gid := heard.gid("InventoryItem", name):
        _mark_and_ring(heard.shop, Variant.item_gid == gid)


def _needed(shop_id: int) -> bool:
    """Whether the shop's variants are kept at all: only for shops with an account that takes prices or stock."""
    wanted = select(ShopSweep.id).where(ShopSweep.shop_id == shop_id, ShopSweep.kind == SweepKind.CATALOGUE)
    with db.reading() as s:
        return s.execute(wanted).first() is not None


def _mark(s: Session, shop_id: int, which: ColumnElement[bool]) -> int:
    due = update(Variant).where(Variant.shop_id == shop_id, Variant.gone_at.is_(None), which)
    found: Any = s.execute(due.values(due_at=clock.now()).execution_options(synchronize_session=False))
    return int(found.rowcount)


def _mark_and_ring(shop_id: int, which: ColumnElement[bool]) -> None:
    with db.writing() as s:
        count = _mark(s, shop_id, which)
    if count:
        bell.ring("now")
