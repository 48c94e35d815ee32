"""Listings: is the price and stock there what it is here? Shows, narrows and asks for another read; pushes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from flask import Blueprint, g, redirect, render_template
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from marketplaces.money import Money
from shopapp.listings import duties, find, link, rules
from shopapp.listings.find import ENDED, Filters
from shopapp.listings.rules import Rules
from shopapp.records import db
from shopapp.records.models import Account, Listing, ListingRun, ListingStatus, RunState, Shop, ShopSweep, SweepKind
from shopapp.web.narrow import Narrowed, Trail, chosen
from shopapp.web.presentation import LISTING_BADGES, _, ngettext, number
from shopapp.web.session import current_shop
from shopapp.work import bell

blueprint = Blueprint("listings", __name__)
TABS = (ListingStatus.NOT_LINKED, ListingStatus.LINKED, ListingStatus.PENDING, ListingStatus.UPDATE_ERROR, ENDED)


@dataclass(frozen=True, slots=True)
class Wish(Narrowed):
    """What the list is narrowed to; a status that does not exist narrows to nothing less."""

    q: str = ""
    account: str = ""
    status: str = ""

    def __post_init__(self) -> None:
        if self.status not in TABS:
            object.__setattr__(self, "status", "")

    def address(self, path: str = "/listings", **more: str) -> str:
        """`path` with this wish; `more` changes single parts ("" leaves one out)."""
        return self.at(path, **more)

    def filters(self) -> Filters:
        """For the search. An account that is none finds nothing."""
        return Filters(chosen(self.account), self.status)


@dataclass(frozen=True, slots=True)
class Row:
    """A listing as the page shows it: what belongs there by the account's rules, and what is there."""

    listing: Listing
    here_price: Money | None
    here_stock: int | None
    reason: str

    @property
    def there_price(self) -> Money | None:
        """As it was read or acknowledged last."""
        row = self.listing
        return Money(row.there_price_minor, row.currency) if row.there_price_minor is not None else None

    @property
    def price_differs(self) -> bool:
        """Whether the two can be compared and are not the same."""
        both = self.here_price is not None and self.there_price is not None
        return both and self.here_price != self.there_price

    @property
    def stock_differs(self) -> bool:
        """The same of the stock."""
        there = self.listing.there_quantity
        return self.here_stock is not None and there is not None and self.here_stock != there


def _row(listing: Listing, found: Rules, currency: str) -> Row:
    variant = listing.variant
    price = stock = None
    if variant is not None and variant.gone_at is None:
        price = Money(variant.price_minor, currency) if variant.price_minor is not None and currency else None
        counted = variant.tracked and variant.levels and not listing.by_channel
        stock = rules.available(variant, found) if counted else None
    return Row(listing, price, stock, reason(listing))


def reason(listing: Listing) -> str:
    """Why a listing is not linked, in a sentence; "" when it is."""
    if listing.status != ListingStatus.NOT_LINKED:
        return ""
    store = str((listing.cause_params or {}).get("sku") or "")
    match listing.cause:
        case link.AMBIGUOUS:
            return _("Several of your products have the SKU %(sku)s", sku=store or listing.sku)
        case link.GONE:
            return _("Its product was deleted in Shopify")
        case _ if store:
            return _("Mapped to %(sku)s, which none of your products has", sku=store)
        case _:
            return _("None of your products has this SKU")


@dataclass(frozen=True, slots=True)
class Progress:
    """A read of one site, as the page tells it. `share` is 0 to 1 as text, None while nobody knows how much there is."""

    name: str
    text: str
    tone: str
    badge: str = ""
    share: str | None = None
    words: str = ""


def reading(s: Session, shop: Shop) -> dict[str, Any]:
    """How far the reads of the shop are."""
    accounts = select(Account.id, Account.label).where(Account.shop_id == shop.id)
    labels: dict[int, str] = {row[0]: row[1] for row in s.execute(accounts)}
    runs = duties.progress(s, shop.id)
    sweep = select(ShopSweep).where(ShopSweep.shop_id == shop.id, ShopSweep.kind == SweepKind.CATALOGUE)
    row = s.scalars(sweep).one_or_none()
    catalogue = row is not None and (row.ended_at is None or bool(row.ticket))
    ended = [run.ended_at for run, _site in runs if run.state == RunState.DONE and run.ended_at]
    return {
        "runs": list(_all_told(runs, labels)),
        "busy": catalogue or any(run.state in duties.OPEN for run, _site in runs),
        "catalogue": catalogue,
        "last": max(ended, default=None),
        "accounts": bool(labels),
    }


def _all_told(runs: Sequence[tuple[ListingRun, str]], labels: Mapping[int, str]) -> Iterator[Progress]:
    """Reads that are only queued are told once for an account, however many sites it has."""
    queued = Counter(run.account_id for run, _site in runs if _only_queued(run))
    for run, site in runs:
        if _only_queued(run):
            count = queued.pop(run.account_id, 0)
            if not count:
                continue
            site = ngettext("%(count)s site", "%(count)s sites", count) if count > 1 else site
        if told := _told(run, f"{labels.get(run.account_id, '')} · {site}"):
            yield told


def _only_queued(run: ListingRun) -> bool:
    return run.state == RunState.QUEUED and not run.words


def _told(run: ListingRun, name: str) -> Progress | None:
    """None when there is nothing to tell: it went well."""
    match run.state:
        case RunState.FAILED:
            return Progress(name, _("We try again tonight."), "critical", _("Could not be read"), words=run.words)
        case RunState.DONE if run.refused:
            text = ngettext("%(count)s row could not be read", "%(count)s rows could not be read", run.refused)
            return Progress(name, text, "warning", _("Incomplete"))
        case RunState.QUEUED:
            return Progress(name, _("Queued"), "busy", words=run.words)
        case RunState.RUNNING if run.found:
            text = _("%(done)s of %(found)s", done=number(run.done), found=number(run.found))
            return Progress(name, text, "busy", share=f"{min(1, Decimal(run.done) / run.found):.2f}")
        case RunState.RUNNING:
            return Progress(name, _("The marketplace prepares the list; that takes some minutes."), "busy")
        case _:
            return None


def gather(s: Session, wish: Wish, after: str) -> dict[str, Any]:
    """All that the list shows."""
    shop, filters = current_shop(s), wish.filters()
    page = find.search(s, g.shop_id, wish.q, filters, after)
    counts = find.counts(s, g.shop_id, filters.account_id, wish.q)
    accounts = select(Account.id, Account.label, Account.channel).where(Account.shop_id == g.shop_id)
    mine = s.execute(accounts.order_by(Account.label)).all()
    known = {account_id: rules.of(s, account_id) for account_id in {one.account_id for one in page.listings}}
    return {
        "wish": wish,
        "rows": [_row(one, known[one.account_id], shop.currency) for one in page.listings],
        "after": page.after,
        "counts": counts,
        "labels": {row.id: row.label for row in mine},
        "channels": {row.id: row.channel for row in mine},
        "statuses": [(str(one), _(LISTING_BADGES[one][1])) for one in TABS],
        "reads": reading(s, shop),
    }


@blueprint.get("/listings")
def listing() -> str:
    """Is the price and stock there what it is here?"""
    wish, trail = Wish.asked(), Trail.asked()
    with db.reading() as s:
        shown = gather(s, wish, trail.after)
    older = trail.older(wish.address, shown["after"])
    return render_template("listings/list.html", **shown, newer=trail.newer(wish.address), older=older)


@blueprint.get("/listings/reading")
def live() -> str:
    """How far the reads are, asked by the page every few seconds while one is under way."""
    with db.reading() as s:
        return render_template("listings/reading.html", reads=reading(s, current_shop(s)))


@blueprint.post("/listings/read")
def read_again() -> AnyResponse:
    """Read the listings of all accounts, or of the one that is shown, once more."""
    wish = Wish.asked()
    with db.writing() as s:
        count = duties.read_again(s, g.shop_id, g.visitor.user_id, wish.filters().account_id)
    if count:
        bell.ring("bulk")
    return redirect(replace(wish, q="").address(done="reading" if count else ""), 303)
