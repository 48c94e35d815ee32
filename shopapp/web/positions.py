"""The positions of an order as its page shows them: matched, mapped, chosen by hand, or what is missing. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from shopapp.orders import choose, outcome
from shopapp.records.models import Order, OrderLine, OrderState
from shopapp.skus import mapping

NO_MATCH = (*outcome.SKU_CAUSES, "no_sku")


@dataclass(frozen=True, slots=True)
class Shown:
    """What to say beside a line. `mapped_to`: the SKU of the shop that its SKU is mapped to, "" for none."""

    mapped_to: str
    missing: bool
    chosen: bool
    changeable: bool


def shown(s: Session, row: Order) -> dict[int, Shown]:
    """By our key of the line."""
    columns = (OrderLine.id, OrderLine.sku, mapping.LINE_SKU, OrderLine.variant_gid, OrderLine.chosen_sku)
    lines = s.execute(mapping.with_mappings(select(*columns, OrderLine.chosen_gid), row.shop_id, row.id))
    waits = row.state == OrderState.FAILED and row.cause in NO_MATCH
    named = (row.cause_params or {}).get("skus") or []
    told = {}
    for line_id, sku, meant, variant_gid, chosen_sku, chosen_gid in lines:
        chosen = bool(chosen_sku or chosen_gid)
        missing = waits and not variant_gid and not chosen and (meant in named or not sku)
        mapped_to = "" if chosen or meant == sku else meant
        told[line_id] = Shown(mapped_to, missing, chosen, row.state in choose.OPEN)
    return told
