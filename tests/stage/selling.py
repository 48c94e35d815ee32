"""One listing, one run and one mapping of an account, put into the tables, for walks over every address."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.records.models import Listing, ListingRun, OrderLine, RunState, SkuMapping


def listed(s: Session, shop_id: int, account_id: int, order_id: int) -> dict[str, Any]:
    """Make them; what addresses call them by, and the first line of the order."""
    now = clock.now()
    listing = Listing(shop_id=shop_id, account_id=account_id, sku="LISTED-1", title="Listed")
    run = ListingRun(
        shop_id=shop_id, account_id=account_id, kind="switch_on", state=RunState.DONE, asked_at=now, ended_at=now
    )
    mapping = SkuMapping(shop_id=shop_id, marketplace_sku="THERE-1", store_sku="HERE-1", created_at=now)
    s.add_all([listing, run, mapping])
    s.flush()
    line_id = s.scalars(select(OrderLine.id).where(OrderLine.order_id == order_id).order_by(OrderLine.id)).first()
    return {"listing_id": listing.id, "uid": run.uid, "mapping_id": mapping.id, "line_id": line_id or 0}
