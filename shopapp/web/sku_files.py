"""SKU mappings by file: a CSV is read and judged first, saved only once that was looked at; all of them as CSV."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, abort, g, redirect, render_template, request
from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from marketplaces.text import clean
from shopapp import clock, i18n
from shopapp.orders import retry, unmatched
from shopapp.records import db, journal
from shopapp.records.models import Account, SkuUpload
from shopapp.skus import browse, keep, table
from shopapp.skus.keep import Pair, Refused
from shopapp.skus.table import Accounts, Told, Unreadable
from shopapp.web.presentation import _, language
from shopapp.web.skus import HOME, settle

blueprint = Blueprint("sku_files", __name__)
IMPORT = f"{HOME}/import"
SHOWN = 200  # bad lines that are shown; the number of all is told
ENVELOPE = 10_000  # bytes of a form around its file
PART = 1_000  # mappings saved in one transaction


def accounts_of(s: Session) -> Accounts:
    """How a file calls the shop's accounts."""
    found = select(Account.id, Account.label, Account.seller_id).where(Account.shop_id == g.shop_id)
    return Accounts((row[0], row[1], row[2]) for row in s.execute(found))


def _upload(s: Session, key: str) -> SkuUpload:
    """The shop's upload, if it is still the one with this key: a newer file may have taken its place."""
    row = s.scalars(select(SkuUpload).where(SkuUpload.shop_id == g.shop_id)).one_or_none()
    return row if row is not None and row.report.get("key") == key else abort(404)


def _pairs(row: SkuUpload) -> list[Pair]:
    return [Pair(account_id, sku, store_sku) for account_id, sku, store_sku in row.rows]


def _page(error: str = "") -> str:
    return render_template("skus/upload.html", error=error, columns=table.COLUMNS)


@blueprint.get(IMPORT)
def ask() -> str:
    """Which file, and what it must look like."""
    return _page()


@blueprint.post(IMPORT)
def upload() -> AnyResponse | tuple[str, int]:
    """Read a file and keep what it says until that is confirmed; 422 says why it cannot be read."""
    # More than other forms may send; the parts that are no file stay as small as those.
    request.max_content_length = table.MOST_BYTES + ENVELOPE
    if (request.content_length or 0) > request.max_content_length:
        return _page(_(table.TOO_LARGE)), 422
    try:
        given = request.files.get("file")
        data = given.stream.read(table.MOST_BYTES + 1) if given else b""
        with db.reading() as s:
            known = accounts_of(s)
        told = table.read(data, known)
    except Unreadable as error:
        return _page(_(error.why, **error.params)), 422
    name = clean(given.filename if given else "")
    with db.writing() as s:
        key = _keep(s, name, told)
    return redirect(f"{IMPORT}/{key}", 303)


def _keep(s: Session, name: str, told: Told) -> str:
    """In place of the shop's last upload; its key."""
    s.execute(delete(SkuUpload).where(SkuUpload.shop_id == g.shop_id))
    key = secrets.token_hex(8)
    bad = [{"line": one.line, "column": one.column, "why": one.why, "params": one.params} for one in told.bad[:SHOWN]]
    row = SkuUpload(
        shop_id=g.shop_id, name=name, made_at=clock.now(), made_by=g.visitor.user_id,
        rows=[[pair.account_id, pair.marketplace_sku, pair.store_sku] for pair in told.pairs],
        report={
            "key": key, "lines": told.lines, "repeated": told.repeated, "guessed": told.guessed, "bad": bad,
            "bad_lines": len({one.line for one in told.bad}),
        },
    )  # fmt: skip
    s.add(row)
    return key


def _said(line: dict[str, Any]) -> str:
    why = line["why"]  # a text of `table`, where it is marked for translation
    return _(why, **line["params"])


def report(s: Session, row: SkuUpload) -> dict[str, Any]:
    """What confirming the upload would do now."""
    pairs = _pairs(row)
    new, changed = keep.differences(s, g.shop_id, pairs)
    sold = {one.sku for one in unmatched.unmatched(s, g.shop_id)}
    touched: dict[int | None, list[str]] = {}
    for pair in (*new, *changed):
        if pair.marketplace_sku in sold:
            touched.setdefault(pair.account_id, []).append(pair.marketplace_sku)
    # An order that waits for two of them is one order.
    waiting = set[int]().union(*(retry.waiting_for(s, g.shop_id, *about) for about in touched.items()))
    bad = [{**one, "words": _said(one)} for one in row.report["bad"]]
    return {
        "upload": row, "said": row.report, "bad": bad, "new": len(new), "changed": len(changed),
        "same": len(pairs) - len(new) - len(changed), "orders": len(waiting),
        "sample": [*new, *changed][:10],
    }  # fmt: skip


@blueprint.get(f"{IMPORT}/<key>")
def judge(key: str) -> str:
    """What the file says, and what would come of it."""
    with db.reading() as s:
        shown = report(s, _upload(s, key))
    return render_template("skus/report.html", **shown)


@blueprint.post(f"{IMPORT}/<key>")
def confirm(key: str) -> AnyResponse | tuple[str, int]:
    """Save what the file says, part by part, and try the orders that wait for it. Pressed again, it goes on."""
    with db.reading() as s:
        row = _upload(s, key)
    try:
        count = sum(_save(part) for part in _parts(_pairs(row)))
    except Refused as refused:
        with db.reading() as s:
            shown = report(s, _upload(s, key))
        return render_template("skus/report.html", **shown, error=_(next(iter(refused.errors.values())))), 422
    with db.writing() as s:
        s.execute(delete(SkuUpload).where(SkuUpload.shop_id == g.shop_id, SkuUpload.id == row.id))
        changes = {"file": row.name, "mappings": count}
        journal.audit(s, g.shop_id, g.visitor.user_id, "skus_imported", "shop", **changes)
    return redirect(f"{HOME}?done=skus_imported", 303)


def _parts(pairs: list[Pair]) -> Iterator[list[Pair]]:
    for account_id in dict.fromkeys(pair.account_id for pair in pairs):
        mine = [pair for pair in pairs if pair.account_id == account_id]
        yield from (mine[at : at + PART] for at in range(0, len(mine), PART))


def _save(part: list[Pair]) -> int:
    """Save a part, all of one account; how many differ from what was there."""
    with db.writing() as s:
        other = keep.save_many(s, g.shop_id, part, g.visitor.user_id)
    if other:
        settle(other[0].account_id, [pair.marketplace_sku for pair in other])
    return len(other)


@blueprint.post(f"{IMPORT}/<key>/drop")
def drop(key: str) -> AnyResponse:
    """Not this file."""
    with db.writing() as s:
        s.delete(_upload(s, key))
    return redirect(HOME, 303)


@blueprint.get(f"{HOME}/export.csv")
def export() -> Response:
    """All mappings. Cells are separated the way that a spreadsheet of the reader's language expects."""
    with db.reading() as s:
        known = accounts_of(s)
    rows = _stream(g.shop_id, known, i18n.separator(language()))
    headers = {"Content-Disposition": 'attachment; filename="sku-mappings.csv"'}
    return Response(rows, 200, headers, content_type="text/csv; charset=utf-8")


def _stream(shop_id: int, known: Accounts, delimiter: str) -> Iterator[str]:
    with db.reading() as s:
        yield from table.write(browse.everything(s, shop_id), known, delimiter)
