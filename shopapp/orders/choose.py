"""*Change product*: which variant of the shop one line of one order takes, whatever the mappings say. Sends nothing."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.orders import outcome
from shopapp.records import db, journal
from shopapp.records.models import Order, OrderLine, OrderState
from shopapp.skus.shelf import Product

OPEN = (OrderState.FAILED, OrderState.RECEIVED, OrderState.HELD)  # nothing of it was sent that may have arrived


def choose(s: Session, shop_id: int, order_id: int, line_id: int, product: Product | None, user: str) -> bool | None:
    """Let this line take `product` (None: what the mappings say again) and try the order if it had failed.

    Whether it could still be changed; None when the shop has no such line. The caller rings "now" after its commit.
    """
    found = select(Order).where(Order.shop_id == shop_id, Order.id == order_id)
    if db.locks_rows(s):
        # Whoever is about to send it finishes first, so that what was sent and what is shown are the same.
        found = found.with_for_update(key_share=True, of=Order)
    row = s.scalars(found).one_or_none()
    lines = select(OrderLine).where(OrderLine.shop_id == shop_id, OrderLine.order_id == order_id)
    line = s.scalars(lines.where(OrderLine.id == line_id)).one_or_none()
    if row is None or line is None:
        return None
    if row.state not in OPEN:
        return False
    before = line.chosen_sku or line.chosen_gid
    line.chosen_sku, line.chosen_gid = (product.sku, product.gid) if product else ("", "")
    line.variant_gid, line.variant_title = "", product.title if product else ""
    after = (product.title or product.sku) if product else ""
    outcome.note(s, row, "product_chosen" if product else "product_unchosen", sku=line.sku, product=after)
    changes = {"order": row.remote_order_id, "sku": line.sku, "before": before, "after": after}
    journal.audit(s, shop_id, user, "product_chosen", outcome.subject(row), **changes)
    if row.state == OrderState.FAILED:
        # A forgotten buyer is needed again, and is forgotten anew in time.
        row.due_at, row.attempt, row.purged_at = clock.now(), 0, None
    return True
