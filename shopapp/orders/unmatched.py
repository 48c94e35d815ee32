"""Sold SKUs that no product of the shop has: which ones, and how many orders wait for each. Reads only, of one shop."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import func, literal_column, select
from sqlalchemy.orm import Session

from shopapp.orders import outcome
from shopapp.records.models import Order, OrderLine
from shopapp.skus import mapping

MOST = 10_000  # SKUs of one shop that are told apart


@dataclass(slots=True)
class Unmatched:
    """A marketplace's SKU, what it was sold as, how many orders wait for it, at which accounts (our keys).

    `mapped_to`: what it is mapped to, where the shop has no such SKU either.
    """

    sku: str
    title: str
    orders: int = 0
    account_ids: list[int] = field(default_factory=list)
    mapped_to: list[str] = field(default_factory=list)


def unmatched(s: Session, shop_id: int, text: str = "", only: Iterable[str] | None = None) -> list[Unmatched]:
    """Those that most orders wait for first. `text` narrows to SKUs that begin with it, `only` to exactly these."""
    orders = func.count(Order.id.distinct())
    columns = select(OrderLine.sku, mapping.LINE_SKU, Order.account_id, func.min(OrderLine.title), orders)
    found = mapping.with_mappings(columns, shop_id).where(
        Order.shop_id == shop_id,
        # Spelt out: only so does the index of failed orders fit.
        Order.state == literal_column("'failed'"),
        Order.cause.in_(outcome.SKU_CAUSES),
        OrderLine.sku != "",
        OrderLine.variant_gid == "",
        OrderLine.chosen_sku == "",
        OrderLine.chosen_gid == "",
    )
    if only is not None:
        found = found.where(OrderLine.sku.in_(list(only)))
    told: dict[str, Unmatched] = {}
    grouped = found.group_by(OrderLine.sku, mapping.LINE_SKU, Order.account_id).order_by(orders.desc())
    for sku, meant, account_id, title, count in s.execute(grouped.limit(MOST)):
        if not sku.startswith(text):
            continue
        row = told.setdefault(sku, Unmatched(sku, title or ""))
        row.orders += count
        row.account_ids.append(account_id)
        if meant != sku and meant not in row.mapped_to:
            row.mapped_to.append(meant)
    return sorted(told.values(), key=lambda row: (-row.orders, row.sku))
