"""The oversell guard's eye: stock below zero in Shopify means that an order sold what is not there. Flags that order.

All listings of the variant are set to 0 by the same look at it (`wish`). Joins the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shopapp.alerts import incidents
from shopapp.records.models import Account, Incident, Order, OrderLine, OrderState, Variant

KIND = "order_oversold"
SOLD = (OrderState.SENDING, OrderState.IMPORTED)  # Shopify tells of the stock before it has answered us
LOOKED_BACK = 20  # orders


def missing(variant: Variant) -> int:
    """How many pieces were sold that are not there; 0 when none were, or when nobody counts."""
    if not variant.tracked or variant.gone_at is not None:
        return 0
    return max(0, -sum(int(level) for level in variant.levels.values()))


def watch(s: Session, shop_id: int, variants: Collection[Variant]) -> None:
    """Flag the newest orders of what is short, as many as are short; settle what is no longer."""
    short = {one.id: one for one in variants if missing(one)}
    for variant in short.values():
        _flag(s, variant)
    enough = {one.id for one in variants} - short.keys()
    open_ = select(Incident).where(
        Incident.shop_id == shop_id, Incident.kind == KIND, Incident.resolved_at.is_(None)
    )  # fmt: skip
    for incident in s.scalars(open_):
        if incident.params.get("variant") in enough:
            incidents.resolve(s, shop_id, KIND, incident.subject, "stock_again")


def _flag(s: Session, variant: Variant) -> None:
    left = missing(variant)
    since = func.coalesce(Order.imported_at, Order.sent_at)
    found = select(Order, func.sum(OrderLine.quantity)).join(OrderLine, OrderLine.order_id == Order.id)
    mine = (Order.shop_id == variant.shop_id, OrderLine.variant_gid == variant.gid, Order.cancelled_at.is_(None))
    newest = found.where(*mine, Order.state.in_(SOLD)).group_by(Order.id).order_by(since.desc(), Order.id.desc())
    for order, quantity in s.execute(newest.limit(LOOKED_BACK)).all():
        if left <= 0:
            return
        account = s.get_one(Account, order.account_id)
        params = {
            "order_id": order.id,
            "remote_order_id": order.remote_order_id,
            "account_id": account.id,
            "label": account.label,
            "channel": order.channel,
            "sku": variant.sku,
            "variant": variant.id,
            "missing": min(left, int(quantity)),
        }
        incidents.open_(s, order.shop_id, KIND, f"order:{order.id}", params)
        left -= int(quantity)
