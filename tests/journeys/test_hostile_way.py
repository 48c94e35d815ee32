"""Hostile visitors and hostile words, over the served application: GETs that write, missing tokens, markup, lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from flask import Flask
from sqlalchemy import select
from werkzeug.routing import Rule

from shopapp.records import db
from shopapp.records.models import Backfill
from shopapp.web import session
from tests.journeys.life import Life
from tests.stage.selling import listed

pytestmark = pytest.mark.journey

EVIL = 'Lamp"><script>alert(1)</script>\u202egnp.exe'
EVIL_SKU = "<img src=x onerror=alert(2)>\u2067\n=cmd"


@dataclass
class Full:
    """A shop that has one of everything, and the ids of it by the routes' argument names."""

    life: Life
    seller: str
    ids: dict[str, Any]
    words: list[str]


@pytest.fixture
def full(life: Life) -> Full:
    """A shop with one of everything."""
    return furnished(life)


def furnished(life: Life, name: str = "Victim Lamps", buyer: str = "Evangelina") -> Full:
    """An account that broke, an imported and a failed order, a message, an incident and a backfill."""
    life.tick("order_import_failed")
    life.product("A-1")
    seller = life.seller(name=name)
    account_id = life.connect(seller)
    life.merchant.submit(life.merchant.visit(f"/accounts/{account_id}"), "account", label=EVIL)
    good, bad = life.sell(seller, sku="A-1"), life.sell(seller, sku=EVIL_SKU, buyer=f"{buyer} <b>Bold</b>")
    life.work(minutes=5)
    older = life.merchant.visit(f"/accounts/{account_id}/older")
    life.merchant.submit(older, "older", since="2026-01-01")
    life.state(seller, authorisation="revoked")
    life.work(hours=2)
    life.work(minutes=1)
    with db.reading() as s:
        backfill_id = s.scalars(select(Backfill.id).where(Backfill.shop_id == life.shop_id)).one()
    ids = {
        "account_id": account_id,
        "order_id": life.order(bad[0]).id,
        "message_id": life.inbox()[0].id,
        "incident_id": life.incidents("account_expired")[0].id,
        "backfill_id": backfill_id,
    }
    with db.writing() as s:
        ids |= listed(s, life.shop_id, account_id, ids["order_id"])
    words = [seller, *good, *bad, life.domain, life.email, "alert(1)", name, buyer, "onerror"]
    return Full(life, seller, ids, words)


def _rules(app: Flask, method: str) -> Iterator[Rule]:
    """The merchant's routes that answer this method."""
    for rule in app.url_map.iter_rules():
        if method in (rule.methods or ()) and not session.is_public(rule.rule) and rule.endpoint != "static":
            yield rule


def _path(rule: Rule, ids: dict[str, Any]) -> str:
    """The rule's address with these ids; KeyError for an argument that this test does not know yet."""
    others = {"key": "amazon", "choice": "without", "name": "connections"}
    built = rule.build({name: (ids | others)[name] for name in rule.arguments})
    assert built is not None
    return built[1]


def _rows(shop_id: int | None = None) -> dict[str, list[Any]]:
    """Every row (of one shop) as it stands. Visits may note that the app was opened, nothing else."""
    found: dict[str, list[Any]] = {}
    with db.reading() as s:
        for table in db.Base.metadata.sorted_tables:
            chosen = select(*(column for column in table.c if column.name != "last_opened_at"))
            if shop_id is not None:
                if table.name != "shop" and "shop_id" not in table.c:
                    continue
                chosen = chosen.where((table.c.id if table.name == "shop" else table.c.shop_id) == shop_id)
            found[table.name] = sorted(map(repr, s.execute(chosen)))
    return found


def test_lists_exports_and_searches_show_the_own_shop_only(app: Flask, full: Full) -> None:
    stranger = full.life.another()
    for rule in _rules(app, "GET"):
        if rule.arguments & set(full.ids):
            continue
        asked = _path(rule, {})
        for query in ("", f"?q={full.words[1]}&account={full.ids['account_id']}&cause=sku_unknown&state=failed"):
            answer = stranger.merchant._fetch("GET", asked + query)
            seen = answer.text.replace(full.words[1], "") if query else answer.text  # the box repeats what was typed
            assert answer.status_code < 500, f"{asked}: {answer.status_code}"
            assert not [word for word in full.words if word in seen], asked
    export = stranger.merchant._fetch("POST", "/settings/export")
    assert export.status_code == 200
    assert not [word for word in full.words if word in export.text]


def test_looking_at_every_page_changes_nothing(app: Flask, full: Full) -> None:
    full.life.stand_still()
    before = _rows()
    for rule in _rules(app, "GET"):
        answer = full.life.merchant._fetch("GET", _path(rule, full.ids))
        assert answer.status_code < 400 or answer.status_code == 404, f"{rule}: {answer.status_code}"
    after = _rows()
    changed = {name for name in before if before[name] != after[name]}
    assert not changed, {name: (before[name], after[name]) for name in changed}


def test_a_write_without_the_scripts_token_is_refused_on_every_route(app: Flask, full: Full) -> None:
    query = full.life.merchant._token()["query"]
    full.life.stand_still()
    before = _rows()
    tried = 0
    with requests.Session() as stranger:
        for rule in _rules(app, "POST"):
            address = full.life.merchant.app_url + _path(rule, full.ids)
            for url in (address, f"{address}?{query}"):
                answer = stranger.post(url, data={"label": "x", "plan": "scale"}, timeout=30, allow_redirects=False)
                assert answer.status_code == 401, f"{rule}: {answer.status_code}"
                assert answer.headers["X-Shopify-Retry-Invalid-Session-Request"] == "1"
                tried += 1
    assert tried > 30
    assert _rows() == before


def test_hostile_names_and_skus_are_shown_escaped_and_in_one_line(app: Flask, full: Full) -> None:
    seen = ""
    for rule in _rules(app, "GET"):
        answer = full.life.merchant._fetch("GET", _path(rule, full.ids))
        page = answer.text
        if rule.rule.endswith(".csv"):  # no markup there, but it must not be shown as a page
            assert answer.headers["Content-Type"].startswith("text/csv")
            assert answer.headers["Content-Disposition"].startswith("attachment")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        else:
            assert not [one for one in ("<script>alert", "<img src=x", "<b>Bold") if one in page], rule
        assert "\u202e" not in page, rule
        assert "\u2067" not in page, rule
        seen += page
    assert "&lt;script&gt;alert(1)" in seen
    assert "&lt;img src=x onerror=alert(2)&gt;" in seen
    mails = full.life.mails()
    assert len(mails) >= 2, "neither the name nor the SKU may suppress an alert"
    for mail in mails:
        assert "\n" not in mail["subject"]
        assert "\u202e" not in mail["subject"] + mail["text"] + (mail.get("html") or "")
        assert "<script>alert" not in (mail.get("html") or "")
        assert "<img src=x" not in (mail.get("html") or "")
    sheet = full.life.merchant._fetch("GET", "/orders/export.csv").text
    assert not [line for line in sheet.splitlines() if line.startswith(("=", "+", "@"))]
