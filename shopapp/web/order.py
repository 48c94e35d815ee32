"""One order: where it stands, what happens next, its lines, its totals, its story. *Retry now* queues, nothing is sent here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, abort, g, redirect, render_template
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from marketplaces.data import Money
from marketplaces.data import Order as Sale
from shopapp import clock
from shopapp.alerts import wording
from shopapp.i18n import N_
from shopapp.orders import accept, mirror, outcome, retry, stored
from shopapp.records import db
from shopapp.records.models import Account, AccountSite, HeldReason, Order, OrderState, Shop
from shopapp.runtime import config
from shopapp.web import positions
from shopapp.web.accounts import channel_of, journal_of
from shopapp.web.events import Line
from shopapp.web.presentation import HELD_REASONS, _, language
from shopapp.web.reasons import FETCHED_LATER, HOW, words
from shopapp.web.session import current_shop
from shopapp.web.shipments import gather as packages_of
from shopapp.work import bell

blueprint = Blueprint("order", __name__)
SOON = timedelta(minutes=2)  # what is due within it is watched by the page until it settles


@dataclass(frozen=True, slots=True)
class Standing:
    """Where it stands in a sentence, what happens next and when; `watched`: the page looks again by itself."""

    text: str
    next: str
    at: datetime | None
    watched: bool


def standing(row: Order, shop: Shop) -> Standing:
    """The state and what follows from it."""
    due, soon = row.due_at, row.due_at is not None and row.due_at <= clock.now() + SOON
    match row.state:
        case OrderState.RECEIVED:
            return Standing(_("It waits to be created in Shopify."), _("Create the order in Shopify"), due, soon)
        case OrderState.SENDING:
            said = _("It was sent to Shopify, and we wait for a clear answer.")
            return Standing(said, _("Look whether Shopify has it"), due, True)
        case OrderState.HELD if row.held_reason == HeldReason.ACCEPTANCE and row.accept_asked_at is not None:
            said, what = N_("It is being accepted at the marketplace."), N_("Look whether the marketplace has gone on")
            first = row.accepted_at is None
            return Standing(_(said), _(N_("Accept it at the marketplace") if first else what), due, soon and first)
        case OrderState.HELD:
            return Standing(_(HELD_REASONS[HeldReason(row.held_reason)]), "", None, False)
        case OrderState.FAILED if soon:
            return Standing(_("It could not be created. The next try begins now."), _("Try again"), due, True)
        case OrderState.FAILED:
            return Standing(_("It could not be created. It is tried again by itself."), _("Try again"), due, False)
        case OrderState.IGNORED:
            unknown = N_("The marketplace marks it as not for this app.")
            return Standing(_(words(row.ignore_reason) or unknown), "", None, False)
        case OrderState.CANCELLED:
            return Standing(_("It was cancelled on the marketplace before it was created in Shopify."), "", None, False)
        case _:
            return _imported(row, soon)


def _imported(row: Order, soon: bool) -> Standing:
    how = _(HOW.get(row.bound_how, HOW["created"])) + "."
    if row.cancelled_at is None:
        return Standing(how, "", None, False)
    if mirror.asks(row):
        return Standing(_("It was cancelled on the marketplace, and waits for your answer."), "", None, False)
    if row.cancel_mirrored_at is None:
        return Standing(_("It was cancelled on the marketplace."), _("Cancel it in Shopify"), row.due_at, soon)
    return Standing(_("It was cancelled on the marketplace, and that was passed on to Shopify."), "", None, False)


@dataclass(frozen=True, slots=True)
class Sum:
    """One line of the totals side by side; None: not told."""

    label: str
    marketplace: Money | None
    shopify: Money | None = None


def sums(row: Order, sale: Sale | None) -> list[Sum]:
    """The totals side by side. Without the stored order only the whole is known."""
    rows: list[Sum] = []
    if sale is not None:
        rows.append(Sum(_("Items"), _sum([line.total for line in sale.lines], row.currency)))
        rows += [Sum(charge.title, charge.total) for charge in sale.charges]
        if sale.rounding is not None:
            rows.append(Sum(_("Rounding"), sale.rounding))
    there = Money(row.shopify_total_minor, row.currency) if row.shopify_total_minor is not None else None
    rows.append(Sum(_("Total"), Money(row.total_minor, row.currency) if row.currency else None, there))
    return rows


def _sum(parts: Sequence[Money], currency: str) -> Money:
    return Money(sum(part.minor for part in parts), currency)


def taxes(sale: Sale | None) -> Money | None:
    """How much tax the marketplace told, all lines and charges together."""
    if sale is None:
        return None
    told = [tax.amount for line in sale.lines for tax in line.taxes]
    told += [tax.amount for charge in sale.charges for tax in charge.taxes]
    return _sum(told, sale.currency) if told else None


def admin_order(shop: Shop, gid: str) -> str:
    """The address of a Shopify order in the admin, "" without one."""
    number = gid.rpartition("/")[2]
    return f"{config()['ADMIN_ORIGIN']}/store/{shop.handle}/orders/{number}" if number.isdigit() else ""


def of_shop(s: Session, order_id: int) -> Order:
    """The shop's order, 404 for any other."""
    row = s.scalars(select(Order).where(Order.shop_id == g.shop_id, Order.id == order_id)).one_or_none()
    if row is None:
        abort(404)
    return row


def gather(s: Session, order_id: int) -> dict[str, Any]:
    """All that the page shows."""
    row, shop = of_shop(s, order_id), current_shop(s)
    account = s.get_one(Account, row.account_id)
    site = select(AccountSite.name).where(AccountSite.account_id == account.id, AccountSite.site == row.site)
    sale, now, packages = _sale(row), standing(row, shop), packages_of(s, row)
    return {
        "order": row,
        "account": account,
        "channel": wording.channel_name(row.channel),
        "site": s.scalars(site).first() or row.site,
        "standing": now,
        "packages": packages,
        "watched": now.watched or packages.watched,
        "cause": _cause(s, row),
        "accepts": accept.asks(row) and channel_of(account).accepts,
        "older": row.state == OrderState.IGNORED and row.ignore_reason in FETCHED_LATER,
        "lines": list(row.lines),
        "positions": positions.shown(s, row),
        "flags": [_(text) for flag in (sale.flags if sale else ()) if (text := words(flag))],
        "sums": sums(row, sale),
        "taxes": taxes(sale),
        "differs": row.shopify_total_minor is not None and row.shopify_total_minor != row.total_minor,
        "timeline": _timeline(s, row, now),
        "admin_url": admin_order(shop, row.shopify_gid),
        "remote_url": sale.url if sale and sale.url.startswith("https://") else "",
        "kept": json.dumps(row.payload, indent=2, ensure_ascii=False) if row.payload else "",
    }


def _sale(row: Order) -> Sale | None:
    try:
        return stored.unpack(row.payload) if row.payload else None
    except (KeyError, ValueError, TypeError):
        return None  # kept by another version of the app


def _cause(s: Session, row: Order) -> wording.Wording | None:
    if row.state != OrderState.FAILED or not row.cause:
        return None
    params = {**outcome.naming(s, row), **(row.cause_params or {}), "cause": row.cause}
    return wording.describe(language(), outcome.FAILED, params, row.cause_words, outcome.subject(row))


def _timeline(s: Session, row: Order, now: Standing) -> list[Line]:
    told = list(reversed(journal_of(s, outcome.subject(row))))
    if now.next and now.at is not None:
        told.append(Line(now.at, _("Next: %(what)s", what=now.next), "", "next"))
    return told


@blueprint.get("/orders/<int:order_id>")
def page(order_id: int) -> str:
    """One order."""
    with db.reading() as s:
        shown = gather(s, order_id)
    return render_template("orders/order.html", **shown)


@blueprint.get("/orders/<int:order_id>/live")
def live(order_id: int) -> str:
    """The page's content, asked by the page every few seconds until the order has settled."""
    with db.reading() as s:
        shown = gather(s, order_id)
    return render_template("orders/content.html", **shown)


@blueprint.post("/orders/<int:order_id>/retry")
def retry_now(order_id: int) -> AnyResponse:
    """*Retry now*: the order is queued; the page shows what becomes of it."""
    with db.writing() as s:
        row = of_shop(s, order_id)
        count = retry.retry(s, g.shop_id, [row.id], g.visitor.user_id)
    if not count:
        abort(409)
    bell.ring("now")
    return redirect(f"/orders/{order_id}?done=retry_queued", 303)


@blueprint.post("/orders/<int:order_id>/accept")
def accept_now(order_id: int) -> AnyResponse:
    """*Accept*: the merchant's word, where the account's rule does not give it by itself."""
    with db.writing() as s:
        agreed = accept.agree(s, of_shop(s, order_id), g.visitor.user_id)
    if not agreed:
        abort(409)
    bell.ring("now")
    return redirect(f"/orders/{order_id}?done=acceptance_queued", 303)
