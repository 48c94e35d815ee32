"""Which variant of the shop a listing is: the one whose SKU is the same to the character, or the one it is mapped to.

Several variants with one SKU are told and never chosen from. Joins the caller's transaction; asks nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shopapp.alerts import incidents
from shopapp.listings import outcome, rules, wish
from shopapp.listings.wish import Made
from shopapp.records.models import Listing, ListingStatus, SkuMapping, Variant
from shopapp.skus import mapping

CHUNK = 500
# Why a listing is not linked: keys of the page's sentences.
UNKNOWN, AMBIGUOUS, GONE = "sku_unknown", "sku_ambiguous", "variant_gone"


@dataclass(frozen=True, slots=True)
class Target:
    """What a SKU of the marketplace means here: a variant, or why there is none."""

    variant_id: int | None
    cause: str = ""
    params: dict[str, Any] = field(default_factory=dict)


def targets(s: Session, shop_id: int, account_id: int, skus: Collection[str]) -> dict[str, Target]:
    """A target for each of `skus` of the account."""
    meant = mapping.meant(s, shop_id, account_id, skus)
    found: dict[str, list[int]] = {}
    for some in _chunks(sorted(set(meant.values()))):
        columns = select(Variant.id, Variant.sku).where(Variant.shop_id == shop_id, Variant.sku.in_(some))
        for variant_id, sku in s.execute(columns.where(Variant.gone_at.is_(None))):
            found.setdefault(sku, []).append(variant_id)
    return {sku: _target(meant.get(sku, sku), sku, found.get(meant.get(sku, sku), [])) for sku in skus}


def _target(store_sku: str, sku: str, variants: list[int]) -> Target:
    if len(variants) == 1:
        return Target(variants[0])
    params: dict[str, Any] = {"sku": store_sku} if store_sku != sku else {}
    if variants:
        return Target(None, AMBIGUOUS, {**params, "count": len(variants)})
    return Target(None, UNKNOWN, params)


def apply(s: Session, rows: Iterable[Listing]) -> list[int]:
    """Link these listings of one account (locked) anew; the ids of those whose link changed."""
    rows = list(rows)
    if not rows:
        return []
    found = targets(s, rows[0].shop_id, rows[0].account_id, {row.sku for row in rows})
    gone = _gone(s, [row for row in rows if row.variant_id and found[row.sku].cause == UNKNOWN])
    return [row.id for row in rows if _set(s, row, found[row.sku], gone)]


def _gone(s: Session, rows: list[Listing]) -> set[int]:
    """The variants of these listings that were deleted in Shopify and carried the right SKU until then."""
    ids = {row.variant_id for row in rows}
    found = select(Variant.id).where(Variant.id.in_(ids), Variant.gone_at.is_not(None)) if ids else None
    return set(s.scalars(found)) if found is not None else set()


def _set(s: Session, row: Listing, target: Target, gone: set[int]) -> bool:
    if target.variant_id is not None:
        changed = row.variant_id != target.variant_id or row.status == ListingStatus.NOT_LINKED
        row.variant_id = target.variant_id
        if row.status == ListingStatus.NOT_LINKED:
            row.status, row.cause, row.cause_params = ListingStatus.LINKED, "", {}
        return changed
    # What was deleted here is still offered there: the listing keeps it, so that its stock there goes to 0.
    keeps = row.variant_id in gone
    cause = GONE if keeps else target.cause
    if row.status == ListingStatus.NOT_LINKED and row.cause == cause and (keeps or row.variant_id is None):
        row.cause_params = target.params
        return False
    if row.status == ListingStatus.UPDATE_ERROR:
        incidents.resolve(s, row.shop_id, outcome.FAILED, outcome.subject(row), "not_linked")
    if not keeps:
        row.variant_id = None
        if row.version:
            wish.forget(row)
    row.status, row.cause, row.cause_params, row.cause_words = ListingStatus.NOT_LINKED, cause, target.params, ""
    return True


def relink(s: Session, shop_id: int, store_skus: Collection[str]) -> Made:
    """The variants with these SKUs of the shop are others than before: link every listing anew that means one of them.

    The caller rings what comes of it after its commit.
    """
    return remap(s, shop_id, _mean(s, shop_id, {sku for sku in store_skus if sku}))


def remap(s: Session, shop_id: int, marketplace_skus: Collection[str]) -> Made:
    """The mappings of these marketplace SKUs may mean others now: link their listings anew. The caller rings after."""
    made = Made()
    for some in _chunks(sorted({sku for sku in marketplace_skus if sku})):
        found = select(Listing).where(Listing.shop_id == shop_id, Listing.sku.in_(some))
        again(s, shop_id, wish.locked(s, found), made)
    return made


def again(s: Session, shop_id: int, rows: Collection[Listing], made: Made) -> None:
    """Link locked listings of any accounts anew and wish for those that changed."""
    changed: list[int] = []
    for account_id in sorted({row.account_id for row in rows}):
        found = apply(s, [row for row in rows if row.account_id == account_id])
        changed += found if rules.of(s, account_id).on else ()  # where nothing is pushed, nothing is wished
    s.flush()
    if changed:
        made.add(wish.for_listings(s, shop_id, changed))


def _mean(s: Session, shop_id: int, store_skus: set[str]) -> set[str]:
    """The marketplace SKUs that may mean one of these: themselves, and those mapped to them."""
    found = set(store_skus)
    for some in _chunks(sorted(store_skus)):
        mapped = select(SkuMapping.marketplace_sku).where(SkuMapping.shop_id == shop_id, SkuMapping.store_sku.in_(some))
        found.update(s.scalars(mapped))
    return found


def _chunks(skus: list[str]) -> Iterator[list[str]]:
    for at in range(0, len(skus), CHUNK):
        yield skus[at : at + CHUNK]
