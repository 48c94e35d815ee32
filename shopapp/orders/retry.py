"""Trying again: one order, many, or all that a changed product or mapping may have mended. Sets rows due, sends nothing."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.orders import outcome
from shopapp.records import db, journal
from shopapp.records.models import Order, OrderLine, OrderState, Shop, SkuMapping
from shopapp.work import bell

# Shopify's index learns of a changed SKU some time after telling us: the order is looked at again a few times.
RECHECKS = len(outcome.RECHECK)
CHUNK = 500  # SKUs in one statement


def retry(s: Session, shop_id: int, order_ids: Iterable[int], user: str) -> int:
    """Try these failed orders of the shop now; how many were failed. The caller rings "now" after its commit."""
    count = 0
    for row in s.scalars(_failed(shop_id).where(Order.id.in_(list(order_ids)))):
        count += _now(s, row, "retry_asked")
    if count:
        journal.audit(s, shop_id, user, "orders_retried", count=count)
    return count


def retry_all(s: Session, shop_id: int, user: str, cause: str = "") -> int:
    """Try all failed orders of the shop (of one cause, if given), oldest first; how many."""
    failed = _failed(shop_id)
    if cause:
        failed = failed.where(Order.cause == cause)
    count = 0
    for row in s.scalars(failed):
        count += _now(s, row, "retry_asked")
    if count:
        journal.audit(s, shop_id, user, "orders_retried", count=count, cause=cause)
    return count


def product_changed(shop_id: int) -> None:
    """A product of the shop was made or changed: orders that wait for a SKU are tried at once. Owns its transaction."""
    with db.writing() as s:
        shop = s.get(Shop, shop_id)
        if shop is None:
            return
        shop.catalogue_at = clock.now()
        count = 0
        for row in s.scalars(_failed(shop_id).where(Order.cause.in_(outcome.SKU_CAUSES))):
            row.cause_params = {**(row.cause_params or {}), "rechecks": RECHECKS}
            count += _now(s, row, "")
    if count:
        bell.ring("now")


def mapped(shop_id: int, account_id: int | None, skus: Iterable[str]) -> int:
    """Mappings of these marketplace SKUs were saved or deleted (None: those for all accounts): exactly the orders that
    wait for one of them are tried at once. How many. Owns its transactions; call it once the mappings are committed."""
    wanted = list(dict.fromkeys(sku for sku in skus if sku))
    count = 0
    for at in range(0, len(wanted), CHUNK):
        with db.writing() as s:
            for row in s.scalars(_waiting_for(shop_id, account_id, wanted[at : at + CHUNK])):
                count += _now(s, row, "sku_mapped")
    if count:
        bell.ring("now")
    return count


def waiting_for(s: Session, shop_id: int, account_id: int | None, skus: Iterable[str]) -> set[int]:
    """The orders (our keys) that `mapped` would try if these marketplace SKUs were mapped."""
    wanted, found = list(dict.fromkeys(sku for sku in skus if sku)), set[int]()
    for at in range(0, len(wanted), CHUNK):
        rows = _waiting_for(shop_id, account_id, wanted[at : at + CHUNK]).with_only_columns(Order.id).order_by(None)
        found |= set(s.scalars(rows))
    return found


def _waiting_for(shop_id: int, account_id: int | None, skus: list[str]) -> Select[Order]:
    lines = select(OrderLine.order_id).where(OrderLine.shop_id == shop_id, OrderLine.sku.in_(skus))
    unmatched = lines.where(OrderLine.variant_gid == "", OrderLine.chosen_sku == "", OrderLine.chosen_gid == "")
    found = _failed(shop_id).where(Order.cause.in_(outcome.SKU_CAUSES))
    if account_id is not None:
        return found.where(Order.id.in_(unmatched), Order.account_id == account_id)
    own = exists().where(
        SkuMapping.shop_id == shop_id,
        SkuMapping.account_id == Order.account_id,
        SkuMapping.marketplace_sku == OrderLine.sku,
    )
    mine = unmatched.where(OrderLine.order_id == Order.id, ~own.correlate(Order, OrderLine))
    return found.where(mine.correlate(Order).exists())


def _failed(shop_id: int) -> Select[Order]:
    found = select(Order).where(Order.shop_id == shop_id, Order.state == OrderState.FAILED)
    return found.order_by(Order.remote_created_at, Order.id)


def _now(s: Session, row: Order, event_key: str) -> int:
    # A forgotten buyer is needed again, and is forgotten anew in time.
    row.due_at, row.attempt, row.purged_at = clock.now(), 0, None
    if event_key:
        outcome.note(s, row, event_key)
    return 1
