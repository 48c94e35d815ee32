"""SKU mapping: what waits for a match first, then the mappings; one can be added, changed and deleted here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

from flask import Blueprint, abort, g, redirect, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from marketplaces.errors import RemoteError
from marketplaces.text import clean
from shopapp.listings import link
from shopapp.orders import retry, unmatched
from shopapp.records import db
from shopapp.records.models import Account
from shopapp.skus import browse, guess, keep, shelf
from shopapp.skus.keep import Pair, Refused
from shopapp.web.narrow import Trail, address, chosen, whole
from shopapp.web.presentation import _

blueprint = Blueprint("skus", __name__)
HOME = "/listings/skus"
SHOWN = 25  # SKUs without a match on a page
WAITING = "w"  # what their place in the address begins with; the mappings' has no such letter
ALL = ""  # the choice "for all accounts"


def labels(s: Session) -> dict[int, str]:
    """The shop's accounts by key."""
    found = select(Account.id, Account.label).where(Account.shop_id == g.shop_id).order_by(Account.label, Account.id)
    return {row[0]: row[1] for row in s.execute(found)}


def typed(name: str) -> str:
    """A field of the address or the form; the inner blanks of a SKU count."""
    return clean(request.values.get(name, ""), keep_spaces=True)


def settle(account_id: int | None, skus: Sequence[str]) -> None:
    """Mappings were saved or deleted: try the orders that wait for them, and link their listings anew."""
    retry.mapped(g.shop_id, account_id, skus)
    for at in range(0, len(skus), keep.CHUNK):
        with db.writing() as s:
            made = link.remap(s, g.shop_id, skus[at : at + keep.CHUNK])
        made.ring()


def waiting(s: Session, text: str, account: str) -> dict[str, Any]:
    """The section of what has no match: a page of it, from the row on that its part of the address names."""
    trail, rows = Trail.asked(WAITING), unmatched.unmatched(s, g.shop_id, text)
    start = read_place(trail.after)
    rest = [row for row in rows if start is None or (-row.orders, row.sku) > start]
    shown = rest[:SHOWN]
    here = partial(address, HOME, q=text, account=account, **Trail.asked().fields)
    older = trail.older(here, write_place(shown[-1]) if len(rest) > SHOWN else "")
    part = address(f"{HOME}/waiting", q=text, account=account, **Trail.asked().fields, **trail.fields)
    return {
        "waiting": shown, "all_waiting": len(rows), "labels": labels(s), "q": text,
        "waiting_newer": trail.newer(here), "waiting_older": older, "waiting_part": part,
    }  # fmt: skip


def write_place(row: unmatched.Unmatched) -> str:
    """The cursor that goes on after this SKU: how many wait for it, and the SKU, which may hold blanks."""
    return f"{row.orders}~{quote(row.sku, safe='')}"


def read_place(cursor: str) -> tuple[int, str] | None:
    """The place of a cursor in the order of the list, None when it is none of ours."""
    orders, mark, sku = cursor.partition("~")
    count = whole(orders)
    return (-count, unquote(sku)) if mark and count is not None else None


@blueprint.get(HOME)
def listing() -> str:
    """What waits for a match, and the mappings."""
    q, account, trail = typed("q"), typed("account"), Trail.asked()
    with db.reading() as s:
        page = browse.search(s, g.shop_id, q, chosen(account), trail.after)
        shown = waiting(s, q, account)
        at_once = shelf.small(s, g.shop_id)
    if at_once:
        shown |= guesses_at(shown)
    here = partial(address, HOME, q=q, account=account, **Trail.asked(WAITING).fields)
    newer, older = trail.newer(here), trail.older(here, page.after)
    return render_template("skus/list.html", **shown, page=page, account=account, newer=newer, older=older)


def guesses_at(shown: dict[str, Any]) -> dict[str, Any]:
    """The best guesses at what is shown as waiting. Network, where the table of variants is not complete."""
    wanted = {row.sku: row.title for row in shown["waiting"]}
    try:
        return {"guesses": guess.guesses(wanted, shelf.everything(g.shop_id, [*wanted, *wanted.values()]))}
    except RemoteError:
        return {"guesses": {}}  # Shopify does not answer: a guess is missed by nobody


@blueprint.get(f"{HOME}/waiting")
def guessed() -> str:
    """What waits for a match, with the best guesses; asked by the page once it is there, where they may take a while."""
    with db.reading() as s:
        shown = waiting(s, typed("q"), typed("account"))
    return render_template("skus/waiting.html", **shown, **guesses_at(shown))


def look(text: str) -> dict[str, Any]:
    """What a search for a product found, and what stood in its way."""
    try:
        return {"find": text, "products": shelf.find(g.shop_id, text), "find_error": ""}
    except RemoteError:
        return {"find": text, "products": [], "find_error": _("Shopify does not answer. Try again in a moment.")}


def _form(values: dict[str, str], errors: dict[str, str], mapping_id: int | None = None) -> str:
    found = look(typed("find"))
    with db.reading() as s:
        known = labels(s)
        sold = unmatched.unmatched(s, g.shop_id, only=[clean(values["marketplace_sku"], keep_spaces=True)])
    return render_template(
        "skus/form.html", values=values, errors={field: _(said) for field, said in errors.items()}, labels=known,
        sold=sold[0] if sold else None, mapping_id=mapping_id, **found,
    )  # fmt: skip


@blueprint.get(f"{HOME}/new")
def new() -> str:
    """A new mapping; the address may name the marketplace's SKU."""
    return _form({"marketplace_sku": typed("sku"), "store_sku": typed("store_sku"), "account": typed("account")}, {})


@blueprint.get(f"{HOME}/<int:mapping_id>")
def edit(mapping_id: int) -> str:
    """One mapping."""
    with db.reading() as s:
        row = browse.one(s, g.shop_id, mapping_id) or abort(404)
    account = ALL if row.account_id is None else str(row.account_id)
    values = {"marketplace_sku": row.marketplace_sku, "store_sku": row.store_sku, "account": account}
    return _form(values, {}, mapping_id)


@blueprint.post(HOME)
def save() -> AnyResponse | tuple[str, int]:
    """Save a mapping, and try the orders that wait for it; 422 keeps what was typed."""
    values = {name: request.form.get(name, "") for name in ("marketplace_sku", "store_sku", "account")}
    pair = Pair(chosen(values["account"]), values["marketplace_sku"], values["store_sku"])
    try:
        with db.writing() as s:
            kept = keep.save(s, g.shop_id, pair, g.visitor.user_id)
    except Refused as refused:
        return _form(values, refused.errors), 422
    settle(kept.account_id, [kept.marketplace_sku])
    return redirect(address(HOME, done="sku_mapped"), 303)


@blueprint.post(f"{HOME}/<int:mapping_id>/delete")
def delete(mapping_id: int) -> AnyResponse:
    """Delete a mapping; orders that waited because of it are tried with the SKU itself."""
    with db.writing() as s:
        was = keep.delete(s, g.shop_id, mapping_id, g.visitor.user_id) or abort(404)
    settle(was.account_id, [was.marketplace_sku])
    return redirect(address(HOME, done="sku_unmapped"), 303)
