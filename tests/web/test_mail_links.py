"""The pages that mails link to: opening shows a button, pressing acts; no login, no cookie, no frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine

from shopapp import clock, runtime
from shopapp.alerts import choices, links
from shopapp.config import ROOT, Config
from shopapp.records import db
from shopapp.records.models import AuditEntry, Category, Shop
from shopapp.web import mail_links
from tests.stage import tables

TYPED = "alerts@desk.test"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop whose typed address waits for confirmation."""
    runtime.setup(Config.load({"APP_URL": "https://relay.test", "SECRET_KEY": "k" * 40}, serving=False))
    engine = create_engine(f"sqlite:///{tmp_path}/links.db")
    db.use(engine)
    tables.make(engine)
    with db.writing() as s:
        made = Shop(domain="blue.myshopify.com", installed_at=clock.now(), email="owner@blue.test")
        made.use_shop_email, made.alert_address = False, TYPED
        s.add(made)
    yield made
    engine.dispose()


@pytest.fixture
def ticket(shop: Shop) -> str:
    """A fresh confirmation ticket of the shop."""
    made = links.new_ticket(clock.now())
    with db.writing() as s:
        s.get_one(Shop, shop.id).alert_address_ticket = links.ticket_hash(made)
    return made


@pytest.fixture
def client() -> FlaskClient:
    """A browser without cookies."""
    app = Flask("links", root_path=str(ROOT), template_folder="templates")
    app.testing = True
    app.register_blueprint(mail_links.blueprint)
    return app.test_client(use_cookies=False)


def _recipient(shop: Shop) -> str:
    with db.reading() as s:
        return choices.recipient(s, s.get_one(Shop, shop.id))


def _on(shop: Shop) -> bool:
    with db.reading() as s:
        return choices.enabled(s, shop.id, Category.ACCOUNT_EXPIRED)


def _path(shop: Shop) -> str:
    return links.unsubscribe_link(shop, Category.ACCOUNT_EXPIRED).removeprefix("https://relay.test")


def test_a_scanner_that_opens_the_confirmation_confirms_nothing(client: FlaskClient, shop: Shop, ticket: str) -> None:
    page = client.get(f"/mail-link/confirm/{ticket}")
    assert page.status_code == 200
    assert TYPED in page.text
    assert "<button" in page.text
    assert _recipient(shop) == "owner@blue.test"


def test_pressing_the_button_confirms_once(client: FlaskClient, shop: Shop, ticket: str) -> None:
    assert "is confirmed" in client.post(f"/mail-link/confirm/{ticket}").text
    assert _recipient(shop) == TYPED
    assert client.post(f"/mail-link/confirm/{ticket}").status_code == 404
    assert client.get(f"/mail-link/confirm/{ticket}").status_code == 404


def test_an_old_or_invented_ticket_tells_nothing(client: FlaskClient, shop: Shop, ticket: str) -> None:
    invented = client.get("/mail-link/confirm/9999999999-abc")
    assert invented.status_code == 404
    assert "blue" not in invented.text
    clock.travel(by=choices.links.CONFIRM_WITHIN)
    assert client.post(f"/mail-link/confirm/{ticket}").status_code == 404
    assert _recipient(shop) == "owner@blue.test"


def test_opening_the_unsubscribe_link_does_not_act(client: FlaskClient, shop: Shop) -> None:
    page = client.get(_path(shop))
    assert "blue.myshopify.com" in page.text
    assert "Account expired" in page.text
    assert _on(shop)


def test_one_click_unsubscribes_without_redirect_or_cookie(client: FlaskClient, shop: Shop) -> None:
    answer = client.post(_path(shop), data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert not _on(shop)
    client.post(_path(shop))  # twice is harmless
    with db.reading() as s:
        assert [(entry.action, entry.user_id) for entry in s.query(AuditEntry)] == [("unsubscribed", "")]


def test_a_forged_unsubscribe_link_changes_nothing(client: FlaskClient, shop: Shop) -> None:
    forged = _path(shop)[:-1] + ("0" if not _path(shop).endswith("0") else "1")
    assert client.post(forged).status_code == 404
    assert client.get(forged).status_code == 404
    assert _on(shop)


def test_the_pages_can_be_neither_framed_nor_stored_nor_found(client: FlaskClient, shop: Shop, ticket: str) -> None:
    for page in (
        client.get(_path(shop)),
        client.get(f"/mail-link/confirm/{ticket}"),
        client.get("/mail-link/confirm/x"),
    ):
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        nonce = page.headers["Content-Security-Policy"].split("'nonce-")[1].split("'")[0]
        assert f'nonce="{nonce}"' in page.text
        assert "<script" not in page.text


def test_hostile_names_are_escaped(client: FlaskClient, shop: Shop, ticket: str) -> None:
    with db.writing() as s:
        s.get_one(Shop, shop.id).alert_address = "<img src=x>@desk.test"
    assert "<img" not in client.get(f"/mail-link/confirm/{ticket}").text
