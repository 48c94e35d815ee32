"""What becomes of a push: held, refused, waiting. Writes the listing, its history, its incident; decides no next try.

Everything joins the caller's transaction and works on a locked row. Never touches the network.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, select, update
from sqlalchemy.orm import Session

from marketplaces.data import PushResult
from marketplaces.text import clean
from shopapp import clock
from shopapp.alerts import incidents
from shopapp.listings import rules, wish
from shopapp.listings.wish import Made
from shopapp.logs import event, redact
from shopapp.records.journal import audit
from shopapp.records.models import Account, Listing, ListingPush, ListingStatus, PushState

log = logging.getLogger(__name__)
FAILED = "listing_update_failed"
CHUNK = 500


def subject(row: Listing) -> str:
    """How incidents and the journal call a listing."""
    return f"listing:{row.id}"


def naming(s: Session, row: Listing) -> dict[str, Any]:
    """What the texts about a listing need to name it."""
    account = s.get_one(Account, row.account_id)
    return {
        "listing_id": row.id,
        "sku": row.sku,
        "account_id": account.id,
        "label": account.label,
        "channel": account.channel,
        "site": row.site,
    }


def holds(s: Session, row: Listing, push: ListingPush) -> None:
    """The marketplace has what was pushed: acknowledged, linked, and what was open about it is resolved."""
    now = clock.now()
    push.state, push.ended_at, push.words = PushState.ACCEPTED, now, ""
    row.acked_version = max(row.acked_version, push.version)
    row.there_at, row.ticket, row.attempt = now, "", 0
    if push.price_minor is not None:
        row.there_price_minor = push.price_minor
    if push.quantity is not None:
        row.there_quantity = push.quantity
    if row.status != ListingStatus.NOT_LINKED:  # what was deleted in the shop stays so, and is set to 0 there
        row.status = ListingStatus.LINKED
        if row.cause:
            settle(s, row, "accepted")


def hold_many(s: Session, feed_id: int, listing_ids: Collection[int], now: datetime) -> None:
    """`holds` for locked listings of which nothing is open, whose push in this document has not been overtaken.

    What was wished since waits again, and is due.
    """
    open_ = (ListingPush.feed_id == feed_id, ListingPush.state == PushState.SENT)
    newer = Listing.version > ListingPush.version
    held = update(Listing).where(Listing.id.in_(listing_ids), ListingPush.listing_id == Listing.id, *open_)
    held = held.values(
        acked_version=case(
            (Listing.acked_version > ListingPush.version, Listing.acked_version), else_=ListingPush.version
        ),
        there_at=now,
        ticket="",
        attempt=0,
        there_price_minor=func.coalesce(ListingPush.price_minor, Listing.there_price_minor),
        there_quantity=func.coalesce(ListingPush.quantity, Listing.there_quantity),
        status=linked_as(case((newer, ListingStatus.PENDING), else_=ListingStatus.LINKED)),
        due_at=case((newer, now), else_=Listing.due_at),
    )
    s.execute(held.execution_options(synchronize_session=False))
    said = update(ListingPush).where(*open_, ListingPush.listing_id.in_(listing_ids))
    said = said.values(state=PushState.ACCEPTED, ended_at=now, words="")
    s.execute(said.execution_options(synchronize_session=False))


def settle(s: Session, row: Listing, how: str) -> None:
    """No longer in Update Error: close what was open about it."""
    row.cause, row.cause_words, row.cause_params = "", "", {}
    incidents.resolve(s, row.shop_id, FAILED, subject(row), how)


def refused(s: Session, row: Listing, push: ListingPush, result: PushResult) -> None:
    """The marketplace said no: Update Error, told with its words; nothing is pushed by itself until *Update*."""
    words = clean(redact(result.words), 500)
    push.state, push.ended_at, push.words = PushState.REFUSED, clock.now(), words
    row.status, row.ticket, row.urgent, row.attempt = ListingStatus.UPDATE_ERROR, "", False, 0
    row.cause, row.cause_words = cause_of(result), words
    row.cause_params = {key: value for key, value in (("field", result.field), ("code", result.code)) if value}
    params = {**naming(s, row), "cause": row.cause, **row.cause_params}
    incidents.open_(s, row.shop_id, FAILED, subject(row), params, words)
    event(log, "listing_refused", listing=row.id, shop=row.shop_id, cause=row.cause)


def cause_of(result: PushResult) -> str:
    """Which of our causes a refusal is: by the field that it names, else the general one."""
    if result.code in ("not_found", "not_taken"):
        return f"listing_{result.code}"
    return {"price": "listing_price", "quantity": "listing_stock"}.get(result.field, "listing_refused")


def waits(row: Listing) -> None:
    """The marketplace's answer is awaited, be it for what was in Update Error until now."""
    if row.status != ListingStatus.NOT_LINKED:
        row.status = ListingStatus.PENDING


def linked_as(status: Any) -> ColumnElement[Any]:
    """`status` in a statement over many listings; what is not linked stays so, as in `holds` and `waits`."""
    return case((Listing.status == ListingStatus.NOT_LINKED, ListingStatus.NOT_LINKED), else_=status)


def supersede(s: Session, row: Listing, before: int) -> None:
    """Older pushes whose answer is open no longer matter."""
    older = (
        ListingPush.listing_id == row.id, ListingPush.version < before, ListingPush.state == PushState.SENT
    )  # fmt: skip
    gone = update(ListingPush).where(*older).values(state=PushState.SUPERSEDED, ended_at=clock.now())
    s.execute(gone.execution_options(synchronize_session=False))


def again(s: Session, shop_id: int, listing_ids: Iterable[int], user: str) -> Made:
    """*Update*: push the newest wish of these listings, also of those in Update Error. Nothing where no push is on."""
    wanted, made = sorted(set(listing_ids)), Made()
    for at in range(0, len(wanted), CHUNK):
        some = select(Listing).where(Listing.shop_id == shop_id, Listing.id.in_(wanted[at : at + CHUNK]))
        rows = [row for row in wish.locked(s, some) if row.variant_id is not None and rules.of(s, row.account_id).on]
        before = {row.id: row.version for row in rows}
        wish.renew(s, rows, made, again=True)
        for row in rows:
            if row.version != before[row.id]:
                waits(row)
    if made.wishes:
        audit(s, shop_id, user, "listings_updated", count=made.wishes)
    return made


def again_all(s: Session, shop_id: int, user: str, account_id: int | None = None) -> Made:
    """*Update* for every listing in Update Error of the shop (or of one account)."""
    failed = select(Listing.id).where(Listing.shop_id == shop_id, Listing.status == ListingStatus.UPDATE_ERROR)
    if account_id is not None:
        failed = failed.where(Listing.account_id == account_id)
    return again(s, shop_id, s.scalars(failed.order_by(Listing.id)), user)
