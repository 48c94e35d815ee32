"""Which SKU of the shop a marketplace's SKU means: the account's own mapping, else the one for all, else the SKU itself.

Reads only, in the caller's transaction. Nothing is mapped twice: the SKU of the shop is looked up as it stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVarTuple

from sqlalchemy import BindParameter, ColumnElement, Select, and_, func, literal_column, or_, select
from sqlalchemy.orm import Session, aliased

from shopapp.records.models import Order, OrderLine, SkuMapping

CHUNK = 500  # SKUs in one statement
Columns = TypeVarTuple("Columns")
Number = int | BindParameter[int]

_own, _for_all = aliased(SkuMapping), aliased(SkuMapping)
# What a line of an order means: chosen for this order only, mapped for its account, mapped for all, or as it stands.
# Without parameters, so that PostgreSQL sees that what is selected and what is grouped by are the same.
LINE_SKU: ColumnElement[str] = func.coalesce(
    func.nullif(OrderLine.chosen_sku, literal_column("''")), _own.store_sku, _for_all.store_sku, OrderLine.sku
)


def meant(s: Session, shop_id: int, account_id: int, skus: Iterable[str]) -> dict[str, str]:
    """{marketplace SKU: SKU of the shop} for each of `skus`; empty ones are left out."""
    wanted = list(dict.fromkeys(sku for sku in skus if sku))
    found: dict[str, str] = {sku: sku for sku in wanted}
    mine = or_(SkuMapping.account_id == account_id, SkuMapping.account_id.is_(None))
    columns = select(SkuMapping.account_id, SkuMapping.marketplace_sku, SkuMapping.store_sku)
    for at in range(0, len(wanted), CHUNK):
        some = SkuMapping.marketplace_sku.in_(wanted[at : at + CHUNK])
        rows = s.execute(columns.where(SkuMapping.shop_id == shop_id, mine, some)).all()
        # Those for all first, so that the account's own come over them.
        for _account, sku, store_sku in sorted(rows, key=lambda row: row[0] is not None):
            found[sku] = store_sku
    return found


def with_mappings(columns: Select[*Columns], shop_id: Number, *order_ids: Number) -> Select[*Columns]:
    """`columns` of order lines of the shop (of these orders), joined with its orders and with what `LINE_SKU` needs."""
    lines = (
        columns.join_from(OrderLine, Order, Order.id == OrderLine.order_id)
        .outerjoin(
            _own,
            and_(_own.shop_id == shop_id, _own.account_id == Order.account_id, _own.marketplace_sku == OrderLine.sku),
        )
        .outerjoin(
            _for_all,
            and_(_for_all.shop_id == shop_id, _for_all.account_id.is_(None), _for_all.marketplace_sku == OrderLine.sku),
        )
        .where(OrderLine.shop_id == shop_id)
    )
    return lines.where(OrderLine.order_id.in_(order_ids)) if order_ids else lines
