"""Hostile inputs of people who may be there: search, cursors, days, ids, forms, files, and what a spreadsheet runs."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask import Flask
from sqlalchemy import select

from shopapp import clock, create_app
from shopapp.alerts import letters
from shopapp.records import db
from shopapp.records.models import Account, Incident, Mail, Shop, UsageEntry
from shopapp.work import bell
from tests.stage import tables
from tests.stage.box import Box
from tests.stage.queue import Queue
from tests.stage.settings import settings_for
from tests.web.conftest import Merchant, add_account, add_order, merchant_of
from tests.web.desk import HOSTILE, Desk

WILD = [
    "%", "_", "%%%%", "\\", "\\%", "'", "' OR 1=1 --", '"; DROP TABLE "order"; --', "\x00", "a\x00b", "\ud7ff", "🦊" * 300,
    "\u202e", "x" * 10_000, "%" * 5000, "\r\nX: y", "[a-z]", "*", "{{7*7}}", "%(text)s", "${x}", "\ufffe", "İ", "ß" * 255,
]  # fmt: skip
MOMENTS = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01T00:00:00", "now", "-1"]
DAYS = [
    "0001-01-01",
    "9999-12-31",
    "9999-12-30",
    "2026-02-30",
    "20261121",
    "2026-W01-1",
    "\x00",
    "٢٠٢٦-٠١-٠١",
    "x" * 9999,
]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def merchant(request: pytest.FixtureRequest, queue: Queue, box: Box, tmp_path: Path) -> Iterator[Merchant]:
    """Some orders, on both databases: what reaches a driver is tried on both, because SQLite takes a NUL."""
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path / 'test.db'}"
        if request.param == "postgres":
            url = stack.enter_context(request.getfixturevalue("postgres").database(tables=True))
        app = create_app(settings_for(tmp_path, url, queue.url, box))
        tables.make(db.engine())
        made = merchant_of(app, box)
        account = add_account(made.shop_id)
        add_order(made.shop_id, account, "304-1", state="failed", cause="sku_unknown")
        add_order(made.shop_id, account, "304-2", buyer_name="100% Wool_Shop")
        yield made
        with app.app_context():
            db.db.session.remove()
            db.engine().dispose()
        bell.connection().close()
        bell.connection.cache_clear()


def test_no_text_of_a_search_or_filter_breaks_a_page(merchant: Merchant) -> None:
    for name in (
        "q",
        "cause",
        "account",
        "state",
        "held",
        "since",
        "until",
        "after",
        "trail",
        "retried",
        "done",
        "page",
    ):
        for text in [*WILD, *MOMENTS, *DAYS, *(f"{one}~1" for one in MOMENTS), "1" * 4500, "-9" * 40, "1e999"]:
            for path in ("/orders", "/orders/export.csv") if name in ("q", "cause", "after") else ("/orders",):
                answer = merchant.get(f"{path}?{name}={quote(text)}")
                assert answer.status_code == 200, (path, name, text[:40], answer.status_code)
    for name in ("since", "retried", "page"):
        for text in ("\x00", "9" * 4500, "-1", "1.5", "NaN", "٣"):
            assert merchant.get(f"/orders/retried?{name}={quote(text)}").status_code == 200
            assert merchant.get(f"/inbox?{name}={quote(text)}").status_code == 200


def test_no_cursor_or_filter_breaks_the_lists_of_listings_and_mappings(merchant: Merchant) -> None:
    numbers = ["0", "2147483647", "2147483648", "9" * 17, "9" * 4500, "-1", "٣"]
    for name in ("account", "after", "wafter", "wtrail"):
        for text in [*WILD[:9], *numbers, *(f"{one}~x" for one in numbers)]:
            for path in ("/listings", "/listings/skus"):
                answer = merchant.get(f"{path}?{name}={quote(text)}")
                assert answer.status_code == 200, (path, name, text[:40], answer.status_code)


def test_no_name_in_an_address_breaks_a_page(merchant: Merchant) -> None:
    for name in ("%00", "a%00b", "%ED%A0%80", "%F0%9F%A6%8A" * 50, "x" * 3000, "%25", "%27"):
        for path in ("/listings/runs/{}", "/listings/runs/{}/live", "/listings/skus/import/{}", "/help/{}"):
            assert merchant.get(path.format(name)).status_code == 404, (path, name)
        for path in ("/listings/runs/{}/yes", "/listings/runs/{}/no", "/listings/runs/{}/undo"):
            assert merchant.post(path.format(name)).status_code == 404, (path, name)


def test_wildcards_find_only_themselves(merchant: Merchant) -> None:
    def found(text: str) -> set[str]:
        return set(re.findall(r"304-\d", merchant.page(f"/orders?q={quote(text)}")))

    assert found("%") == found("_") == found("0%") == found("'") == found("%4-1") == set()
    assert found("100%") == {"304-2"}
    assert found("100% wool_") == {"304-2"}
    assert found("304") == {"304-1", "304-2"}


def test_wild_forms_change_nothing_they_should_not_and_break_nothing(merchant: Merchant) -> None:
    account = add_account(merchant.shop_id, take_over_at=None)
    forms: dict[str, tuple[str, ...]] = {
        f"/accounts/{account}": ("label", "sites", "with_sites", "importing", "take_over"),
        f"/accounts/{account}/import": ("older", "since"),
        f"/accounts/{account}/older": ("since",),
        f"/accounts/{account}/deactivate": ("from",),
        "/settings": ("notify", "address", "use_shop_email", "language"),
        "/accounts/new/amazon/login": ("realm",),
        "/accounts/new/amazon/manual": ("realm", "seller_id", "refresh_token", "label"),
        "/accounts/linked/new": ("token",),
        "/orders/retry": ("q", "cause", "account", "since", "after"),
        "/plan": ("plan",),
        "/inbox/1/read": ("read",),
    }
    for path, names in forms.items():
        for text in ("\x00", "a\x00b", "'", "x" * 10_000, "\u202e", "🦊" * 100, "%", HOSTILE, "\r\nBcc: x@y.test", ""):
            form = dict.fromkeys(names, text)
            answer = merchant.post(path, form)
            assert answer.status_code in (200, 303, 400, 404, 409, 422), (path, text[:20], answer.status_code)
            assert "<script>alert" not in answer.text


@pytest.mark.parametrize(
    "number", ["0", "-1", "2147483648", "9223372036854775808", "9" * 400, "1.0", "１", "1%00", "0x1"]
)
def test_a_number_that_no_row_has_is_not_found(desk: Desk, number: str) -> None:
    for path in (
        "/orders/{}",
        "/accounts/{}",
        "/inbox/{}",
        "/accounts/{}/repair",
        "/accounts/1/older/{}",
        "/orders/{}/live",
    ):
        assert desk.get(path.format(quote(number, safe="%"))).status == 404
    assert desk.post(f"/banner/{quote(number, safe='%')}/dismiss").status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static/..\\app.py", "/static//etc/passwd",
        "/static/....//app.py", "/static/%00", "/static/app.css%00.png", "/static/.%00./app.py", "/static/", "/static",
        "/static/../templates/base.html", "/static/%252e%252e/app.py", "/static/~root", "/help/../base", "/help/..%2fbase",
        "/help/index", "/help/macros", "/accounts/new/..%2f..", "/login/return/..%2f..%2fetc",
    ],
)  # fmt: skip
def test_no_file_beside_the_static_ones_is_given_out(desk: Desk, path: str) -> None:
    answer = desk.client.get(path, headers=desk.headers)
    assert answer.status_code in (400, 404)
    assert "create_app" not in answer.text
    assert "root:" not in answer.text


def test_very_many_fields_or_parts_are_answered_in_time_or_refused(desk: Desk) -> None:
    began = clock.wall()
    fields = "&".join(f"n{count}=1" for count in range(200_000))
    headers = desk.headers | {"Content-Type": "application/x-www-form-urlencoded"}
    assert desk.client.post("/settings", data=fields, headers=headers).status_code == 413
    many = desk.client.post("/settings", data={f"n{count}": "1" for count in range(3000)}, headers=desk.headers)
    assert many.status_code in (303, 413, 422)
    parts = (
        "".join(f'--b\r\nContent-Disposition: form-data; name="n{n}"\r\n\r\n1\r\n' for n in range(5000)) + "--b--\r\n"
    )
    headers = desk.headers | {"Content-Type": "multipart/form-data; boundary=b"}
    assert desk.client.post("/settings", data=parts, headers=headers).status_code == 413
    deep = '{"a":' * 100_000
    for sort in ("application/json", "text/plain", "application/x-www-form-urlencoded; charset=utf-7", "nonsense"):
        headers = desk.headers | {"Content-Type": sort}
        assert desk.client.post("/settings/pause", data=deep, headers=headers).status_code in (303, 413)
    assert clock.wall() - began < 20


# ---- what is shown, mailed and exported ----

FORMULAS = [
    "=1+1", "+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x",
    "x;=1+1", "x,=1+1", "x\t=1+1", "x|@SUM(1)", "; =cmd", 'x";=1', "x;;-1",
]  # fmt: skip
STARTS = re.compile(r"[=+\-@＝＋－＠]")


def runs(text: str) -> list[str]:
    """Cells of `text` that a spreadsheet calculates, whichever mark it takes for the border between two cells."""
    found = []
    for mark in ",;\t|":
        for row in csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), delimiter=mark):
            found += [cell for cell in row if STARTS.match(cell.strip(' "'))]
        for line in text.splitlines():
            found += [cell for cell in line.split(mark) if STARTS.match(cell.strip(' "'))]
    return found


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_of_a_file_is_a_formula_whatever_separates_the_cells(desk: Desk, formula: str) -> None:
    account = desk.account(label=formula)
    order = desk.order(account, "failed", cause="other", remote_order_id=formula, shopify_name=formula, site=formula)
    with db.writing() as s:
        entry = UsageEntry(shop_id=desk.shop_id, order_id=order, at=clock.now(), amount_minor=100, currency="EUR")
        s.add(entry)
    assert runs(desk.get("/orders/export.csv").html) == []
    assert runs(desk.get("/plan/ledger.csv").html) == []
    assert runs(letters.cell(formula)) == []


def hostile_shop(desk: Desk) -> dict[str, int]:
    """A shop in which every text that somebody else controls is an attack."""
    desk.change(name=HOSTILE, email=f"owner@{'x' * 20}.test", status_words=HOSTILE)
    account = desk.break_account(label=HOSTILE[:100], words=HOSTILE, seller_name=HOSTILE, cause_call=HOSTILE[:60])
    healthy = desk.account(label=HOSTILE[:99], seller_id=HOSTILE[:30], seller_name=HOSTILE)
    texts = {"buyer_name": HOSTILE, "cause_words": HOSTILE, "remote_state": HOSTILE[:30], "shopify_name": HOSTILE[:30]}
    order = desk.order(
        account, "failed", cause="sku_unknown", cause_params={"skus": [HOSTILE]}, remote_order_id=HOSTILE[:60],
        sku=HOSTILE, payload={"x": HOSTILE}, site=HOSTILE[:30], **texts,
    )  # fmt: skip
    params = {"order_id": order, "remote_order_id": HOSTILE, "account": HOSTILE, "channel": HOSTILE, "skus": [HOSTILE]}
    desk.incident("order_import_failed", f"order:{order}", HOSTILE, **params, cause="sku_unknown")
    desk.incident("channel_outage", "channel:amazon:eu", HOSTILE, channel=HOSTILE, account=HOSTILE)
    with db.reading() as s:
        message = s.scalar(select(Incident.id).where(Incident.shop_id == desk.shop_id))
    return {"account_id": account, "healthy": healthy, "order_id": order, "message_id": message or 1}


def test_no_text_of_a_marketplace_or_merchant_becomes_markup_on_any_page(desk: Desk) -> None:
    ids = hostile_shop(desk)
    paths = [
        "/", "/orders", f"/orders?q={quote(HOSTILE)}&cause={quote(HOSTILE)}&since={quote(HOSTILE)}&after={quote(HOSTILE)}",
        f"/orders?trail={quote(HOSTILE)}&after=x&done={quote(HOSTILE)}&retried=1", f"/orders/{ids['order_id']}",
        f"/orders/{ids['order_id']}/live", "/orders/retried?since=1", "/accounts", "/accounts/new",
        "/accounts/new/amazon?manual=1",
        "/inbox", "/inbox/1", "/inbox/2", "/settings", "/plan", "/help", "/help/skus", "/preflight", f"/{quote(HOSTILE)}",
        f"/accounts/linked?return={quote(HOSTILE)}", f"/accounts/new/{quote(HOSTILE)}",
        *(f"/accounts/{ids[one]}{more}" for one in ("account_id", "healthy")
          for more in ("", "/repair", "/manual", "/import", "/older", "/sync", "/days")),
    ]  # fmt: skip
    shown = 0
    for path in paths:
        for language in ("en", "de"):
            desk.language = language
            page = desk.get(path)
            assert page.status in (200, 302, 404), (path, page.status)
            assert not page.tags("s-banner", heading="y"), path
            assert "alert('x')" not in re.sub(r"&[#\w]+;", "", page.html), path
            assert "<script>" not in page.html, path
            assert not [tag for tag in page.tags("script") if not tag.get("src")], path
            assert not [link for link in page.links if not link.startswith(("/", "https://", "http://127.0.0.1", "#"))]
            shown += "alert(" in page.html
    assert shown > 20


def test_no_text_of_a_marketplace_or_merchant_becomes_markup_or_a_header_in_a_mail(desk: Desk) -> None:
    hostile_shop(desk)
    bad = HOSTILE + "\r\nBcc: victim@evil.test\u2028\u202e\x00"
    with db.writing() as s:
        for one in s.scalars(select(Incident)):
            one.params = {**one.params, "label": bad, "remote_order_id": bad}
    with db.reading() as s:
        shop = s.get_one(Shop, desk.shop_id)
        found = list(s.scalars(select(Incident).where(Incident.category != "")))
    assert found
    for some in (found[:1], found):
        for category in ("account_expired", "order_import_failed"):
            letter = letters.alert(shop, category, some)
            assert not re.search(r"[\r\n\x00\u2028\u202e]", letter.subject)
            assert not any(re.search(r"[\r\n]", value) for value in letter.headers.values())
            assert "<script" not in letter.html
            assert "<s-banner" not in letter.html
            assert not re.search(r"^Bcc:", letter.text, re.MULTILINE)


def test_the_language_of_a_page_is_never_taken_as_it_comes(desk: Desk) -> None:
    for wish in (HOSTILE, 'de"><script>', "../../etc", "x" * 5000, "\r\nX: y", "*", "de;q=\x00"):
        page = desk.client.get(f"/settings?{urlencode({'locale': wish})}", headers=desk.headers)
        assert page.status_code == 200
        assert re.search(r'<html lang="(en|de)">', page.text)
    assert len(desk.shop().locale) <= 16


# ---- files and secrets ----


def test_the_file_of_all_data_holds_the_own_rows_and_no_secret(app: Flask, box: Box) -> None:
    mine, other = merchant_of(app, box), merchant_of(app, box)
    seller = box.post("/amazon/sellers", {"region": "eu"})["seller_id"]
    refresh = box.post(f"/amazon/sellers/{seller}/self_authorise")["refresh_token"]
    typed = {"realm": "eu", "seller_id": seller, "refresh_token": refresh}
    assert mine.post("/accounts/new/amazon/manual", typed).status_code == 303
    add_order(other.shop_id, add_account(other.shop_id, label="Foreign"), "FOREIGN-1", buyer_name="Foreign Buyer")
    text = mine.post("/settings/export").text
    whole: dict[str, Any] = json.loads(text)
    assert len(whole["accounts"]) == 1
    assert "Foreign" not in text
    assert "FOREIGN" not in text
    with db.reading() as s:
        sealed = [one for row in s.scalars(select(Account)).unique() for one in (row.credentials,) if one]
        sealed += [one for row in s.scalars(select(Shop)) for one in (row.access_token, row.refresh_token)]
        mails = s.scalars(select(Mail.secret)).all()
    for secret in (refresh, refresh[5:40], *sealed, *filter(None, mails), box.api_secret):
        assert secret not in text
    for path in (
        "/accounts",
        f"/accounts/{whole['accounts'][0]['id']}",
        f"/accounts/{whole['accounts'][0]['id']}/manual",
    ):
        page = mine.page(path)
        assert refresh[5:40] not in page
        assert refresh[:-4] not in page
