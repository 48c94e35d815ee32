"""Links what two reads missed that ran at once: a listing kept while its variant was, in transactions blind to each other.

Whichever read ends last looks once more. Owns its transactions; asks nobody.
"""

from __future__ import annotations

from sqlalchemy import and_, select

from shopapp.listings import link, wish
from shopapp.listings.wish import Made
from shopapp.records import db
from shopapp.records.models import Listing, ListingStatus, Variant

BATCH = 500


def link_missed(shop_id: int) -> int:
    """Link the shop's listings that are not linked although a variant has their SKU; how many were looked at."""
    made, last, seen = Made(), 0, 0
    here = and_(Variant.shop_id == Listing.shop_id, Variant.sku == Listing.sku, Variant.gone_at.is_(None))
    unlinked = (Listing.shop_id == shop_id, Listing.status == ListingStatus.NOT_LINKED, Listing.variant_id.is_(None))
    while True:
        with db.writing() as s:
            found = select(Listing.id).join(Variant, here).where(*unlinked, Listing.id > last, Listing.live.is_(True))
            ids = list(s.scalars(found.distinct().order_by(Listing.id).limit(BATCH)))
            if ids:
                link.again(s, shop_id, wish.locked(s, select(Listing).where(Listing.id.in_(ids))), made)
        seen += len(ids)
        if len(ids) < BATCH:
            made.ring()
            return seen
        last = ids[-1]
