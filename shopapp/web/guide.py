"""The set-up guide of Home: four steps that tick themselves from what is really there. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from shopapp.orders.outcome import SKU_CAUSES
from shopapp.records import tallies
from shopapp.records.models import Account, Listing, ListingStatus, NotificationChoice, OrderState, Shop
from shopapp.web.presentation import _


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what, why, whether it is done, and where it is done."""

    title: str
    why: str
    done: bool
    link: str
    action: str


@dataclass(frozen=True, slots=True)
class Guide:
    """The steps, and how many of them are done."""

    steps: list[Step]
    done: int


def guide(s: Session, shop: Shop) -> Guide | None:
    """The guide, None once everything is done or the merchant put it away."""
    if shop.guide_dismissed_at is not None:
        return None
    steps = [_connect(s, shop), _skus(s, shop), _notifications(s, shop), _first_order(s, shop)]
    done = sum(step.done for step in steps)
    return Guide(steps, done) if done < len(steps) else None


def _connect(s: Session, shop: Shop) -> Step:
    accounts = list(s.scalars(select(Account).where(Account.shop_id == shop.id).order_by(Account.id)).unique())
    done = any(one.worked_at is not None and one.take_over_at is not None for one in accounts)
    waiting = next((one for one in accounts if one.worked_at is not None and one.unstarted), None)
    link, action = "/accounts/new", _("Create connection")
    if waiting is not None and not done:
        link, action = f"/accounts/{waiting.id}/import", _("Start the import")
    return Step(
        _("Create a connection"),
        _("Log in at your marketplace, so that its orders can be fetched."),
        done,
        link,
        action,
    )


def _skus(s: Session, shop: Shop) -> Step:
    counted = tallies.totals(s, shop.id)
    waiting = any(row.state == OrderState.FAILED and row.reason in (*SKU_CAUSES, "no_sku") for row in counted)
    some = any(row.state == OrderState.IMPORTED for row in counted)
    link, action = "/help/skus", _("How SKUs are matched")
    if waiting:
        link, action = "/listings/skus", _("Open the SKU mapping")
    elif s.execute(_not_linked(shop)).first() is not None:
        link, action = "/listings?status=not_linked", _("See the listings")
    return Step(
        _("Match SKUs"),
        _("A sold article is found in your shop by its SKU: the same in both places, or mapped."),
        bool(some and not waiting),
        link,
        action,
    )


def _not_linked(shop: Shop) -> Any:
    wanted = (Listing.shop_id == shop.id, Listing.live.is_(True), Listing.status == ListingStatus.NOT_LINKED)
    return select(Listing.id).where(*wanted).limit(1)


def _notifications(s: Session, shop: Shop) -> Step:
    done = s.execute(select(exists().where(NotificationChoice.shop_id == shop.id))).scalar_one()
    return Step(
        _("Choose notifications"),
        _("Decide which troubles are mailed, and to which address."),
        bool(done),
        "/settings",
        _("Open the settings"),
    )


def _first_order(s: Session, shop: Shop) -> Step:
    done = any(row.state == OrderState.IMPORTED for row in tallies.totals(s, shop.id))
    return Step(
        _("See the first order"),
        _("It arrives by itself, a few minutes after the sale."),
        bool(done),
        "/orders",
        _("Open the orders"),
    )
