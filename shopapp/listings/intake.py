"""What a read of an account's listings brings: new ones, changed ones, and those that are no longer there.

Joins the caller's transaction, a thousand rows at a time. Nothing is deleted: what is not seen is no longer live.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from marketplaces.data import RemoteListing
from marketplaces.money import Money
from shopapp.listings import link, rules, wish
from shopapp.listings.wish import Made
from shopapp.records import db
from shopapp.records.models import Listing, ListingStatus
from shopapp.records.models.order import search_key

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Read:
    """The read under way. `seen_at`: when the marketplace was asked, so that nothing newer is overwritten."""

    run_id: int
    shop_id: int
    account_id: int
    site: str
    seen_at: datetime


def packed(one: RemoteListing) -> bytes:
    """One line of the spool; empty for a row that could not be read."""
    if not one.sku:
        return b""
    price = (one.price.minor, one.price.currency) if one.price else (None, "")
    row = [one.sku, one.remote_id, one.title, one.product_type, *price, one.quantity, one.by_channel, one.live]
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()


def unpacked(lines: Iterable[bytes], site: str) -> list[RemoteListing]:
    """The listings of these lines; one SKU named twice counts as it stands last."""
    found: dict[str, RemoteListing] = {}
    for line in lines:
        if line:
            sku, remote_id, title, kind, minor, currency, quantity, by_channel, live = json.loads(line)
            price = Money(minor, currency) if minor is not None else None
            found[sku] = RemoteListing(sku, site, remote_id, title, kind, price, quantity, by_channel, live)
    return list(found.values())


def batch(s: Session, read: Read, listings: list[RemoteListing]) -> Made:
    """Keep these: new ones linked at once, known ones where they differ. The caller rings after its commit."""
    told = {one.sku: one for one in listings}
    known: dict[str, Listing] = {}
    skus = sorted(told)
    for at in range(0, len(skus), CHUNK):
        some = select(Listing).where(
            Listing.account_id == read.account_id, Listing.site == read.site, Listing.sku.in_(skus[at : at + CHUNK])
        )
        known.update({row.sku: row for row in _locked(s, some)})
    changed = {row.id for sku, row in known.items() if _update(row, told[sku], read)}
    changed.update(link.apply(s, known.values()))
    s.flush()
    if known:
        ids = [row.id for row in known.values()]
        marked = update(Listing).where(Listing.id.in_(ids)).values(read_mark=read.run_id)
        s.execute(marked.execution_options(synchronize_session=False))
    new = [one for sku, one in told.items() if sku not in known]
    if new:
        changed.update(_insert(s, read, new))
    if not changed or not rules.of(s, read.account_id).on:
        return Made()
    return wish.for_listings(s, read.shop_id, changed)


def _locked(s: Session, found: Any) -> list[Listing]:
    found = found.order_by(Listing.id)
    if db.locks_rows(s):
        found = found.with_for_update(key_share=True, of=Listing)
    return list(s.scalars(found))


def _update(row: Listing, one: RemoteListing, read: Read) -> bool:
    """Write what differs; whether that may change what is wished."""
    for name, value in (("remote_id", one.remote_id), ("title", one.title), ("by_channel", one.by_channel)):
        if getattr(row, name) != value:
            setattr(row, name, value)
    if row.title_key != search_key(one.title)[:100]:
        row.title_key = search_key(one.title)[:100]
    if one.product_type and row.product_type != one.product_type:
        row.product_type = one.product_type
    came_back = one.live and not row.live
    if row.live and not one.live:
        ended(row)
    row.live = one.live
    newer = row.there_at is None or row.there_at < read.seen_at
    return (_there(row, one, read) if newer else False) or came_back


def _there(row: Listing, one: RemoteListing, read: Read) -> bool:
    price = one.price.minor if one.price else None
    currency = one.price.currency if one.price else row.currency
    before = (row.there_price_minor, row.there_quantity, row.currency)
    row.there_price_minor, row.there_quantity, row.currency = price, one.quantity, currency
    if before == (price, one.quantity, currency) and not row.version:
        return False  # nobody asks when that was last confirmed
    row.there_at = read.seen_at
    return before != (price, one.quantity, currency)


def ended(row: Listing) -> None:
    """No longer on sale there: nothing is pushed to it any more."""
    row.live = False
    if row.version:
        wish.forget(row)


def _insert(s: Session, read: Read, listings: list[RemoteListing]) -> list[int]:
    found = link.targets(s, read.shop_id, read.account_id, {one.sku for one in listings})
    rows = []
    for one in listings:
        target = found[one.sku]
        linked = target.variant_id is not None
        rows.append(
            {
                "shop_id": read.shop_id,
                "account_id": read.account_id,
                "site": read.site,
                "sku": one.sku,
                "remote_id": one.remote_id,
                "title": one.title,
                "title_key": search_key(one.title)[:100],
                "product_type": one.product_type,
                "by_channel": one.by_channel,
                "live": one.live,
                "status": ListingStatus.LINKED if linked else ListingStatus.NOT_LINKED,
                "variant_id": target.variant_id,
                "cause": target.cause,
                "cause_params": target.params,
                "currency": one.price.currency if one.price else "",
                "there_price_minor": one.price.minor if one.price else None,
                "there_quantity": one.quantity,
                "there_at": read.seen_at,
                "read_mark": read.run_id,
            }
        )
    return list(s.scalars(insert(Listing).returning(Listing.id), rows))


def unseen(s: Session, read: Read, limit: int) -> int:
    """Up to `limit` live listings that this read did not see are no longer live; how many."""
    found = select(Listing).where(
        Listing.account_id == read.account_id,
        Listing.site == read.site,
        Listing.live.is_(True),
        Listing.read_mark != read.run_id,
    )
    rows = _locked(s, found.limit(limit))
    for row in rows:
        ended(row)
    return len(rows)
