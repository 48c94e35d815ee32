"""Wishes: what a listing shall become there. Whenever a variant, a mapping or a rule changes, the newest one is written.

A wish is a version of price and quantity together. It says what and how urgently, never when it was sent: that is
`push`, which reads the newest wish at the moment it sends. Joins the caller's transaction; the caller rings afterwards.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session, joinedload

from shopapp import clock
from shopapp.listings import brake, oversold, rules
from shopapp.listings.rules import Rules, Want
from shopapp.records import db
from shopapp.records.models import Listing, ListingPush, ListingRun, ListingStatus, PushState, Shop, Variant
from shopapp.work import bell

CHUNK = 500  # listings looked at in one statement
# What was read there says something about our own push only when it was read so long after it.
LAG = timedelta(minutes=30)


@dataclass(slots=True)
class Made:
    """What came of a look: new wishes, and whether some of them are for the queue `now` or `bulk`."""

    wishes: int = 0
    urgent: bool = False
    due: bool = False

    def add(self, more: Made) -> None:
        """What came of another look."""
        self.wishes += more.wishes
        self.urgent, self.due = self.urgent or more.urgent, self.due or more.due

    def ring(self) -> None:
        """Ask for the drains that have something to do; to be called after the commit."""
        for queue in [name for name, wanted in (("now", self.urgent), ("bulk", self.due)) if wanted]:
            bell.ring(queue)


def for_variants(s: Session, shop_id: int, variant_ids: Iterable[int]) -> Made:
    """These variants of the shop were read anew, or are gone: look at every listing linked to them."""
    wanted = sorted(set(variant_ids))
    for at in range(0, len(wanted), CHUNK):
        some = select(Variant).where(Variant.shop_id == shop_id, Variant.id.in_(wanted[at : at + CHUNK]))
        oversold.watch(s, shop_id, s.scalars(some).all())
    return _in_chunks(s, shop_id, Listing.variant_id, wanted)


def for_listings(s: Session, shop_id: int, listing_ids: Iterable[int]) -> Made:
    """These listings of the shop were linked, mapped or read anew."""
    return _in_chunks(s, shop_id, Listing.id, listing_ids)


def _in_chunks(s: Session, shop_id: int, column: Any, ids: Iterable[int]) -> Made:
    wanted, made = sorted(set(ids)), Made()
    for at in range(0, len(wanted), CHUNK):
        some = select(Listing).where(Listing.shop_id == shop_id, column.in_(wanted[at : at + CHUNK]))
        renew(s, locked(s, some), made)
    return made


def locked(s: Session, found: Select[Any]) -> list[Listing]:
    """The listings of a select, locked in one order, their variants loaded."""
    found = found.options(joinedload(Listing.variant)).order_by(Listing.id)
    if db.locks_rows(s):
        found = found.with_for_update(key_share=True, of=Listing)
    return list(s.scalars(found.execution_options(populate_existing=True)).unique())


def pushable(account_id: int) -> list[ColumnElement[bool]]:
    """Conditions: listings of the account that can be pushed to."""
    return [Listing.account_id == account_id, Listing.variant_id.is_not(None), Listing.live.is_(True)]


def renew(
    s: Session,
    listings: Collection[Listing],
    made: Made | None = None,
    *,
    run: ListingRun | None = None,
    looked_at: bool = False,
    again: bool = False,
) -> Made:
    """Write the newest wish of each (locked, variant loaded). Accounts whose rules are off are left alone.

    `again`: also what was wished before, and what waits in Update Error: the merchant asked for it. `run`: whose
    pushes these will be. `looked_at`: somebody saw and agreed to them, so that the brake lets them pass.
    """
    made = made or Made()
    known: dict[int, Rules] = {}
    currencies: dict[int, str] = {}
    stops: dict[int, list[Listing]] = {}
    planned: list[dict[str, Any]] = []
    for row in listings:
        if row.account_id not in known:
            known[row.account_id] = rules.of(s, row.account_id)
        found = known[row.account_id]
        if not found.on or row.variant_id is None or not row.live:
            continue
        if row.shop_id not in currencies:
            currencies[row.shop_id] = s.get_one(Shop, row.shop_id).currency
        wanted = rules.want(row, row.variant, found, currencies[row.shop_id])
        if put(row, wanted.price_minor, wanted.quantity, again=again):
            if run is not None:
                planned.append(plan(row, run))
            if row.urgent:
                stops.setdefault(row.account_id, []).append(row)
        _count(made, row)
    note_plans(s, planned)
    if not looked_at and not again:
        for account_id, rows in stops.items():
            brake.watch(s, account_id, rows, known[account_id].brake_percent)
    return made


def _count(made: Made, row: Listing) -> None:
    made.wishes += row.version > row.acked_version
    if row.due_at is not None and row.version > row.acked_version:
        made.urgent, made.due = made.urgent or row.urgent, made.due or not row.urgent


def put(row: Listing, price_minor: int | None, quantity: int | None, *, again: bool = False) -> bool:
    """Make this the wish of a locked listing if it is news; whether it is to be pushed now."""
    now = clock.now()
    same = row.version > 0 and (price_minor, quantity) == (row.price_minor, row.quantity)
    if price_minor is None and quantity is None and row.version == 0:
        return False
    if same and not again and not _drifted(row):
        return False
    answered = row.sent_version == row.version == row.acked_version
    row.price_minor, row.quantity, row.wished_at = price_minor, quantity, now
    row.version += 1
    row.urgent = quantity == 0 and not (answered and row.there_quantity == 0)
    if row.status == ListingStatus.UPDATE_ERROR and not again:
        return False  # it waits for the merchant's Update
    if answered and not again and there_already(row):
        row.sent_version = row.acked_version = row.version
        row.urgent, row.due_at = False, None
        return False
    row.due_at, row.attempt = now, 0
    return True


def there_already(row: Listing) -> bool:
    """Whether the marketplace has what is wished, as far as was read or acknowledged."""
    price = row.price_minor is None or row.price_minor == row.there_price_minor
    return price and (row.quantity is None or row.quantity == row.there_quantity)


def _drifted(row: Listing) -> bool:
    """Acknowledged once, and somebody changed it there since: read well after our last push."""
    if row.acked_version != row.version or there_already(row) or row.there_at is None:
        return False
    return row.pushed_at is None or row.there_at > row.pushed_at + LAG


def plan(row: Listing, run: ListingRun, *, version: int = 0) -> dict[str, Any]:
    """The push that this run will make of the wish, with what is there before it; for `note_plans`."""
    return {
        "shop_id": row.shop_id,
        "listing_id": row.id,
        "run_id": run.id,
        "version": version or row.version,
        "old_price_minor": row.there_price_minor,
        "old_quantity": row.there_quantity,
        "price_minor": row.price_minor,
        "quantity": row.quantity,
        "state": PushState.PREVIEW,
        "at": clock.now(),
    }


def note_plans(s: Session, planned: list[dict[str, Any]]) -> None:
    """Keep planned pushes; one of an earlier look at the same version is replaced."""
    if planned:
        s.flush()
        told = ("run_id", "old_price_minor", "old_quantity", "price_minor", "quantity", "state", "at")
        db.upsert(s, ListingPush, planned, key=["listing_id", "version"], update=told)


def forget(row: Listing) -> None:
    """Nothing is wished any more (switched off, no longer linked): what is under way is not followed by more."""
    row.price_minor = row.quantity = None
    row.version += 1
    row.sent_version = row.acked_version = row.version
    row.urgent, row.due_at, row.ticket, row.attempt = False, None, "", 0
    if row.status in (ListingStatus.PENDING, ListingStatus.UPDATE_ERROR) and row.variant_id is not None:
        row.status = ListingStatus.LINKED


def of_row(s: Session, row: Listing) -> Want:
    """What belongs to this listing by the rules as they are, with the reasons for what is not ours to set."""
    found = rules.of(s, row.account_id)
    return rules.want(row, row.variant, found, s.get_one(Shop, row.shop_id).currency)
