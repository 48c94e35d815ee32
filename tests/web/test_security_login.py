"""The top-level login under attack: where it leads, whose cookie counts, and what a secret is worth the second time."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from flask.testing import FlaskClient

from marketplaces.channel import AppKeys
from marketplaces.channels.amazon import login as amazon
from shopapp import clock, create_app, runtime
from shopapp.accounts import line, repair
from shopapp.records import db
from shopapp.records.models import Account, LoginAttempt
from shopapp.work import bell
from tests.stage import tables
from tests.stage.box import Box
from tests.stage.queue import Queue
from tests.stage.settings import settings_for
from tests.web.desk import Desk, Page, install
from tests.web.login_desk import LoginDesk, open_login_desk

EVIL = "evil.example"
REAL = "https://sellercentral.amazon.de/apps/authorize/confirm/amzn1.sp.solution.x"
KEYS = AppKeys({"CLIENT_ID": "c", "CLIENT_SECRET": "s", "APPLICATION_ID": "a"})


@pytest.fixture
def desk(queue: Queue, box: Box, tmp_path: Path) -> Iterator[LoginDesk]:
    yield from open_login_desk(queue, box, tmp_path)


def ticket_of(desk: LoginDesk) -> str:
    """A ticket as the page hands it to the relay."""
    top = desk.post("/accounts/new/amazon/login", realm="eu").response.headers["X-Relay-Top"]
    return parse_qs(urlsplit(top).query)["ticket"][0]


def with_cookie(desk: LoginDesk, value: str | None) -> FlaskClient:
    """Another browser, with this login cookie."""
    browser = desk.app.test_client()
    if value is not None:
        browser.set_cookie("login", value, path="/login")
    return browser


def stages() -> list[str]:
    with db.reading() as s:
        return [one.stage for one in s.query(LoginAttempt).order_by(LoginAttempt.id)]


CALLBACKS = [
    f"https://{EVIL}/", f"https://sellercentral.amazon.de@{EVIL}/", f"https://{EVIL}#sellercentral.amazon.de",
    f"https://sellercentral.amazon.de.{EVIL}/", f"https://{EVIL}/sellercentral.amazon.de",
    f"https://{EVIL}?x=https://sellercentral.amazon.de", f"https://{EVIL}\\@sellercentral.amazon.de/",
    f"https://sellercentral.amazon.de\\.{EVIL}/", f"https://sellercentral.amazon.de\t.{EVIL}/",
    f"https://sellercentral.amazon.de%2f@{EVIL}/", f"https://sellercentral.amazon.de%00.{EVIL}/",
    "https://sellercentral.amazon.de:8443/", "https://sellercentral.amazon.de:443/", "https://user@sellercentral.amazon.de/",
    "https://user:pw@sellercentral.amazon.de/", "http://sellercentral.amazon.de/", "//sellercentral.amazon.de/",
    "ftp://sellercentral.amazon.de/", "javascript://sellercentral.amazon.de/%0aalert(1)", "https:sellercentral.amazon.de/",
    "https:///sellercentral.amazon.de/", "https://ѕellercentral.amazon.de/", "https://sellercentral。amazon。de/",
    "https://sellercentral.amazon.de./", "https://sellercentral.amazon.de⁄.evil.example/", "https://[::1]/", "https://[",
    "https://amazon.de/", "https://xsellercentral.amazon.de/", "https://sellercentral.amazon.de/#x", "", "x" * 3000,
    f"{REAL}\r\nSet-Cookie: a=b", f" {REAL}", f"{REAL} ",
]  # fmt: skip


@pytest.mark.parametrize("callback", CALLBACKS)
def test_a_renewal_goes_back_to_a_known_seller_central_only(callback: str) -> None:
    asked = {"amazon_callback_uri": callback, "amazon_state": "s", "selling_partner_id": "A1"}
    with pytest.raises(ValueError, match=r"address|scheme|IPv6|URL|netloc"):
        amazon.renew_redirect(KEYS, asked)


def test_the_address_that_is_gone_back_to_keeps_its_host_whatever_else_it_holds() -> None:
    for more in (
        "?redirect_uri=https://evil.example&state=theirs&amazon_state=x",
        "/../..//evil.example",
        ";@evil.example",
    ):
        asked = {"amazon_callback_uri": REAL + more, "amazon_state": "s&state=x", "selling_partner_id": "A1"}
        url = amazon.renewal_url(amazon.renew_redirect(KEYS, asked), "ours", "https://app.example/login/return/amazon")
        query = parse_qs(urlsplit(url).query)
        assert urlsplit(url).netloc == "sellercentral.amazon.de"
        assert query["state"] == ["ours"]
        assert query["redirect_uri"] == ["https://app.example/login/return/amazon"]
        assert query["amazon_state"] == ["s&state=x"]


def test_the_login_address_of_the_channel_never_leads_elsewhere(desk: LoginDesk) -> None:
    seller = desk.seller()
    desk.connect(seller)
    base = runtime.config()["AMAZON_LOGIN_BASE"].replace("{region}", "eu")
    evil = [*CALLBACKS, base.replace("http://", f"http://x@{EVIL}/"), f"{base}.{EVIL}/", f"{base}/../../../admin", base]
    for callback in evil:
        args = {"amazon_callback_uri": callback, "amazon_state": "s", "selling_partner_id": seller}
        answer = desk.browser.get(f"/login/amazon?{urlencode(args)}")
        assert answer.status_code == 400, callback
        assert "Set-Cookie" not in answer.headers
        assert "Location" not in answer.headers
        assert EVIL not in answer.text


@pytest.mark.parametrize("path", ["amazon", "nobody", "amazon/../x", "%00", "é", "x" * 3000])
def test_a_foreign_state_gets_a_page_and_nothing_else(desk: LoginDesk, path: str) -> None:
    for args in (
        {},
        {"state": "x" * 43},
        {"state": "\x00", "error": "<script>alert(1)</script>"},
        {"state": ["a", "b"]},
    ):
        query = urlencode(args, doseq=True)
        answer = with_cookie(desk, "y" * 43).get(f"/login/return/{path}?{query}")
        assert answer.status_code in (400, 404)
        assert "Location" not in answer.headers
        assert "<script>alert" not in answer.text


def test_a_ticket_works_once_and_for_ten_minutes(desk: LoginDesk) -> None:
    ticket = ticket_of(desk)
    assert desk.browser.head(f"/login/start?ticket={ticket}").status_code == 204
    assert desk.browser.get(f"/login/start?ticket={ticket}").status_code == 302
    assert desk.app.test_client().get(f"/login/start?ticket={ticket}").status_code == 400
    late = ticket_of(desk)
    clock.travel(by=timedelta(minutes=10, seconds=1))
    assert desk.browser.get(f"/login/start?ticket={late}").status_code == 400


def test_the_way_back_needs_the_cookie_of_the_same_browser_and_works_once(desk: LoginDesk) -> None:
    seller = desk.seller()
    consent = desk.consent_page(desk.post("/accounts/new/amazon/login", realm="eu"))
    sent = desk.box.http.post(consent, data={"seller": seller}, allow_redirects=False, timeout=30)
    back = urlsplit(sent.headers["Location"])
    path = f"{back.path}?{back.query}"
    cookie = desk.browser.get_cookie("login", path="/login")
    assert cookie is not None
    for stolen in (None, secrets.token_urlsafe(32), ""):
        answer = with_cookie(desk, stolen).get(path)
        assert (answer.status_code, answer.headers.get("Location")) == (400, None)
    assert desk.browser.get(path.replace("/amazon", "/nobody")).status_code == 400
    assert stages() == ["started"]
    arrived = with_cookie(desk, cookie.value).get(path)
    assert arrived.status_code == 302
    assert arrived.location.startswith(runtime.config()["ADMIN_ORIGIN"] + "/store/")
    assert with_cookie(desk, cookie.value).get(path).status_code == 400
    assert stages() == ["returned"]


def test_a_cookie_planted_beforehand_is_never_taken_over(desk: LoginDesk) -> None:
    planted = "planted" + "x" * 36
    browser = desk.app.test_client()
    browser.set_cookie("login", planted, path="/login")
    given = browser.get(f"/login/start?ticket={ticket_of(desk)}")
    values = [one.split(";")[0] for one in given.headers.getlist("Set-Cookie")]
    assert values
    assert f"login={planted}" not in values


def test_the_login_of_one_merchant_cannot_be_finished_by_another(desk: LoginDesk) -> None:
    seller, other = desk.seller(), desk.neighbour()
    path = desk.come_back(desk.post("/accounts/new/amazon/login", realm="eu"), seller)
    assert "belongs to somebody else" in other.get(path).text
    token = parse_qs(urlsplit(path).query)["return"][0]
    for choice in ("new", "take-over", "without"):
        assert "belongs to somebody else" in other.post(f"/accounts/linked/{choice}", token=token).text
    assert other.rows() == []
    assert desk.get(path).status == 302
    assert [one.seller_id for one in desk.rows()] == [seller]
    assert desk.get(path).status == 302
    assert len(desk.rows()) == 1


def back_as(desk: LoginDesk, own: str, claimed: str) -> Page:
    """Log in as `own` and come back with the id of the seller `claimed` in the address; the embedded page."""
    consent = desk.consent_page(desk.post("/accounts/new/amazon/login", realm="eu"))
    sent = desk.box.http.post(consent, data={"seller": own}, allow_redirects=False, timeout=30)
    query = dict(parse_qsl(urlsplit(sent.headers["Location"]).query)) | {"selling_partner_id": claimed}
    arrived = desk.browser.get(f"/login/return/amazon?{urlencode(query)}")
    return desk.get(f"/accounts/linked?{urlsplit(arrived.location).query}")


def renew_at_the_marketplace(desk: LoginDesk, seller: str) -> int:
    """The seller presses Renew at the marketplace; the status of the page where that ends."""
    pressed = f"{desk.box.url}/amazon/sellercentral/eu/manage/reauthorize"
    ours = urlsplit(desk.box.http.post(pressed, data={"seller": seller}, allow_redirects=False).headers["Location"])
    left = desk.browser.get(f"{ours.path}?{ours.query}")
    back = urlsplit(desk.box.http.get(left.location, allow_redirects=False).headers["Location"])
    return desk.browser.get(f"{back.path}?{back.query}").status_code


@pytest.mark.parametrize("imported", [True, False])
def test_whoever_claims_to_be_another_seller_never_gets_that_sellers_access(desk: LoginDesk, imported: bool) -> None:
    """The id comes back as a parameter of the browser, and a renewal that the seller begins reaches all his accounts."""
    victim, thief, own = desk.seller(), desk.neighbour(), desk.seller()
    if imported:
        mine = desk.connect(victim)
    page = back_as(thief, own, victim)
    for field in page.tags("input", name="token"):
        thief.post("/accounts/linked/without", token=field["value"])
    if not imported:
        mine = desk.connect(victim)
    assert renew_at_the_marketplace(desk, victim) == 200
    (row,) = thief.rows()
    kept = line.stored(row).secrets if row.credentials else {}
    assert set(kept.values()).isdisjoint(line.stored(desk.row(mine)).secrets.values())
    assert row.worked_at is None
    assert thief.importing(row.id) == set()


def test_another_sellers_id_is_not_believed_when_the_first_check_finds_no_answer(desk: LoginDesk) -> None:
    victim, thief, own = desk.seller(), desk.neighbour(), desk.seller()
    fault = desk.box.fault("amazon", "status", "getMarketplaceParticipations", params={"status": 503})
    back_as(thief, own, victim)
    desk.box.delete(f"/faults/{fault}")
    (row,) = thief.rows()
    repair.probe(row.id)
    (row,) = thief.rows()
    assert row.worked_at is None
    thief.post(f"/accounts/{row.id}/activate")
    thief.post(f"/accounts/{row.id}/continue")
    assert [one.worked_at for one in thief.rows()] == [None]


def test_only_digests_of_the_ways_secrets_are_stored(desk: LoginDesk) -> None:
    ticket = ticket_of(desk)
    left = desk.browser.get(f"/login/start?ticket={ticket}")
    state = parse_qs(urlsplit(left.location).query)["state"][0]
    cookie = desk.browser.get_cookie("login", path="/login")
    assert cookie is not None
    with db.reading() as s:
        rows = [dict(row) for row in s.execute(LoginAttempt.__table__.select()).mappings()]
        attempt = s.query(LoginAttempt).one()
        assert not any(secret in repr(attempt) for secret in (ticket, state, cookie.value))
    text = repr(rows)
    for secret in (ticket, state, cookie.value):
        assert secret not in text


@pytest.mark.parametrize(("address", "secure"), [("https://app.example", True), ("http://localhost:9", False)])
def test_the_cookie_is_for_this_way_only(queue: Queue, box: Box, tmp_path: Path, address: str, secure: bool) -> None:
    queue.clear()
    url = f"sqlite:///{tmp_path / 'c.db'}"
    app = create_app(settings_for(tmp_path, url, queue.url, box, APP_URL=address))
    tables.make(db.engine())
    domain = "cookie.myshopify.com"
    desk = Desk(app, install(domain), domain)
    top = desk.post("/accounts/new/amazon/login", realm="eu").response.headers["X-Relay-Top"]
    assert top.startswith(f"{address}/login/start?ticket=")
    answer = app.test_client().get("/login/start?" + urlsplit(top).query, headers={"Host": EVIL})
    (cookie,) = answer.headers.getlist("Set-Cookie")
    parts: Any = {part.strip().split("=")[0].lower() for part in cookie.split(";")}
    assert {"httponly", "samesite", "path", "max-age"} <= parts
    assert "domain" not in parts
    assert ("secure" in parts) is secure
    assert "SameSite=Lax" in cookie
    assert "Path=/login" in cookie
    assert parse_qs(urlsplit(answer.location).query)["redirect_uri"] == [f"{address}/login/return/amazon"]
    with app.app_context():
        db.db.session.remove()
        db.engine().dispose()
    bell.connection().close()
    bell.connection.cache_clear()


def test_a_stranger_cannot_fill_the_table_of_logins(desk: LoginDesk) -> None:
    seller = desk.seller()
    desk.connect(seller)
    base = runtime.config()["AMAZON_LOGIN_BASE"].replace("{region}", "eu") + "/apps/authorize/confirm/x"
    before = len(stages())
    for count in range(60):
        known = seller if count % 2 else f"AUNKNOWN{count}"
        args = {"amazon_callback_uri": base, "amazon_state": "s", "selling_partner_id": known}
        assert desk.browser.get(f"/login/amazon?{urlencode(args)}").status_code in (302, 400, 404)
        desk.browser.get(f"/login/start?ticket={count}")
        desk.browser.get(f"/login/return/amazon?state={count}")
    assert len(stages()) - before <= 20
    with db.reading() as s:
        assert s.query(Account).count() == 1
