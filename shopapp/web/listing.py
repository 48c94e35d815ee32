"""One listing: what is here and there, what the marketplace said, what was pushed; *Update*, also for many at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, g, redirect, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from marketplaces.money import Money
from shopapp.alerts import wording
from shopapp.i18n import N_
from shopapp.listings import brake, outcome, rules, wish
from shopapp.records import db
from shopapp.records.models import (
    Account,
    AccountSite,
    Listing,
    ListingPush,
    ListingStatus,
    PushState,
    Shop,
)
from shopapp.web.listings import reason
from shopapp.web.narrow import chosen, whole
from shopapp.web.presentation import _, language
from shopapp.web.session import current_shop

blueprint = Blueprint("listing", __name__)
SHOWN = 50  # pushes
MOST = 500  # listings in one form
PUSHES: dict[str, tuple[str, str]] = {
    PushState.SENT: ("info", N_("Sent, the answer is open")),
    PushState.ACCEPTED: ("success", N_("Accepted")),
    PushState.REFUSED: ("critical", N_("Refused")),
    PushState.SUPERSEDED: ("neutral", N_("Superseded by a newer one")),
    PushState.PREVIEW: ("neutral", N_("Worked out only")),
}
# Why a price or a stock is not ours to set.
WHY: dict[str, str] = {
    rules.OFF: N_("Not pushed: switched off for this account."),
    rules.NOT_LINKED: N_("Not pushed: the listing is not linked to a product."),
    rules.OTHER_CURRENCY: N_("Not pushed: the marketplace sells in another currency than your shop."),
    rules.NO_PRICE: N_("Not pushed: the product has no price in Shopify."),
    rules.BY_CHANNEL: N_("Not pushed: the marketplace keeps and ships this stock itself."),
    rules.NOT_TRACKED: N_("Not pushed: Shopify does not track the stock of this product."),
    rules.NOT_READ: N_("Not pushed yet: the stock of this product has not been read."),
}


@dataclass(frozen=True, slots=True)
class Side:
    """Price or stock: here by the rules, there as it was read last; `why` it is not ours to set."""

    here: Any
    there: Any
    why: str

    @property
    def differs(self) -> bool:
        """Whether both are known and not the same."""
        return self.here is not None and self.there is not None and self.here != self.there


@dataclass(frozen=True, slots=True)
class Pushed:
    """One line of the history."""

    at: datetime
    price: tuple[Money | None, Money | None]
    stock: tuple[int | None, int | None]
    tone: str
    badge: str
    words: str


def of_shop(s: Session, listing_id: int) -> Listing:
    """The shop's listing, 404 for any other."""
    row = s.scalars(select(Listing).where(Listing.shop_id == g.shop_id, Listing.id == listing_id)).one_or_none()
    if row is None:
        abort(404)
    return row


def gather(s: Session, listing_id: int) -> dict[str, Any]:
    """All that the page shows."""
    row, shop = of_shop(s, listing_id), current_shop(s)
    account = s.get_one(Account, row.account_id)
    site = select(AccountSite.name).where(AccountSite.account_id == account.id, AccountSite.site == row.site)
    found, wanted = rules.of(s, account.id), wish.of_row(s, row)
    return {
        "listing": row,
        "account": account,
        "channel": wording.channel_name(account.channel),
        "site": s.scalars(site).first() or row.site,
        "variant": row.variant,
        "price": _price(row, shop, wanted),
        "stock": _stock(row, found, wanted),
        "unlinked": reason(row),
        "off": rules.OFF in (wanted.no_quantity, wanted.no_price),
        "cause": _cause(s, row),
        "standing": standing(s, row, shop, found),
        "question": brake.open_question(s, account.id) if _held(row) else None,
        "pushable": found.on and row.variant_id is not None and row.live,
        "watched": row.due_at is not None and row.version > row.acked_version,
        "pushes": [_pushed(one, row.currency) for one in _history(s, row)],
        "dry_run": found.dry_run,
    }


def _price(row: Listing, shop: Shop, wanted: rules.Want) -> Side:
    here = Money(wanted.price_minor, row.currency) if wanted.price_minor is not None else None
    if here is None and row.variant is not None and row.variant.price_minor is not None and shop.currency:
        here = Money(row.variant.price_minor, shop.currency)
    there = Money(row.there_price_minor, row.currency) if row.there_price_minor is not None and row.currency else None
    return Side(here, there, _(WHY[wanted.no_price]) if wanted.no_price else "")


def _stock(row: Listing, found: rules.Rules, wanted: rules.Want) -> Side:
    here = wanted.quantity
    counted = row.variant is not None and row.variant.gone_at is None and row.variant.tracked and row.variant.levels
    if here is None and row.variant is not None and counted and not row.by_channel:
        here = rules.available(row.variant, found)
    return Side(here, row.there_quantity, _(WHY[wanted.no_quantity]) if wanted.no_quantity else "")


def standing(s: Session, row: Listing, shop: Shop, found: rules.Rules) -> str:
    """Where the newest wish stands, in a sentence; "" when there is nothing to say."""
    if row.status == ListingStatus.UPDATE_ERROR:
        return _("The marketplace refused the last push. Nothing is pushed by itself until you press Update.")
    if row.version == row.acked_version:
        return ""
    if shop.paused_at is not None:
        return _("Everything is paused; it is pushed when you resume.")
    if _held(row) and brake.open_question(s, row.account_id) is not None:
        return _("It is sold out here. So many are that we ask first, and push nothing until you answer.")
    if row.sent_version == row.version:
        return _("The newest price and stock were sent; the marketplace has not said yet that they hold.")
    return _("The newest price and stock wait to be sent.")


def _held(row: Listing) -> bool:
    """Whether the brake holds its newest wish."""
    return row.urgent and row.due_at is None and row.version > row.acked_version


def _cause(s: Session, row: Listing) -> wording.Wording | None:
    if row.status != ListingStatus.UPDATE_ERROR or not row.cause:
        return None
    params = {**outcome.naming(s, row), **(row.cause_params or {}), "cause": row.cause}
    return wording.describe(language(), outcome.FAILED, params, row.cause_words, outcome.subject(row))


def _history(s: Session, row: Listing) -> list[ListingPush]:
    mine = select(ListingPush).where(ListingPush.listing_id == row.id, ListingPush.version <= row.version)
    return list(s.scalars(mine.order_by(ListingPush.version.desc()).limit(SHOWN)))


def _pushed(push: ListingPush, currency: str) -> Pushed:
    def money(minor: int | None) -> Money | None:
        return Money(minor, currency) if minor is not None and currency else None

    tone, badge = PUSHES[push.state]
    price = (money(push.old_price_minor), money(push.price_minor))
    return Pushed(push.at, price, (push.old_quantity, push.quantity), tone, _(badge), push.words)


@blueprint.get("/listings/<int:listing_id>")
def page(listing_id: int) -> str:
    """One listing."""
    with db.reading() as s:
        shown = gather(s, listing_id)
    return render_template("listings/listing.html", **shown)


@blueprint.get("/listings/<int:listing_id>/live")
def live(listing_id: int) -> str:
    """The page's content, asked by the page every few seconds until the push has settled."""
    with db.reading() as s:
        shown = gather(s, listing_id)
    return render_template("listings/content.html", **shown)


@blueprint.post("/listings/<int:listing_id>/update")
def update(listing_id: int) -> AnyResponse:
    """*Update*: push the newest price and stock, also out of Update Error."""
    with db.writing() as s:
        made = outcome.again(s, g.shop_id, [of_shop(s, listing_id).id], g.visitor.user_id)
    made.ring()
    return redirect(f"/listings/{listing_id}?done={_toast(made)}", 303)


@blueprint.post("/listings/update")
def update_many() -> AnyResponse:
    """*Update* for the listings named by `listing`, or for `all` in Update Error (of one `account`, if given)."""
    ids = [number for one in request.form.getlist("listing")[:MOST] if (number := whole(one))]
    with db.writing() as s:
        if "all" in request.form:
            made = outcome.again_all(s, g.shop_id, g.visitor.user_id, chosen(request.form.get("account", "")))
        else:
            made = outcome.again(s, g.shop_id, ids, g.visitor.user_id)
    made.ring()
    back = "status=pending" if made.wishes else "status=update_error"
    return redirect(f"/listings?{back}&done={_toast(made)}", 303)


def _toast(made: wish.Made) -> str:
    return "update_queued" if made.wishes else "update_off"
