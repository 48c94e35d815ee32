"""The top-level pages of a login, over HTTP: the cookie, the ways back, the seller's own renewal, and what is said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from shopapp import clock, runtime
from shopapp.accounts import link, repair
from shopapp.config import ROOT, Config
from shopapp.records import db
from shopapp.records.models import Account, AccountStatus, AuditEntry, LoginAttempt
from shopapp.web import login
from tests.stage.box import Box
from tests.unit.accounts.conftest import stage as _stage
from tests.unit.accounts.steps import USER, Stage

stage = _stage


@pytest.fixture
def browser(stage: Stage) -> Iterator[FlaskClient]:
    """A browser on the application's login pages alone; whatever they need is on the stage."""
    app = Flask(__name__, root_path=str(ROOT), template_folder="templates")
    app.register_blueprint(login.blueprint)
    with app.test_client() as client:
        yield client


def there(url: str) -> str:
    """The part of an address of ours that the test client wants."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def start(stage: Stage, browser: FlaskClient, shop: int, account_id: int | None = None) -> TestResponse:
    """The first top-level page."""
    return browser.get(f"/login/start?ticket={stage.begin(shop, account_id)}")


def back(stage: Stage, browser: FlaskClient, left: TestResponse, seller: str) -> TestResponse:
    """Agree at the marketplace and return in this browser."""
    return browser.get(f"/login/return/amazon?{urlencode(stage.consent(left.location, seller))}")


def test_the_whole_way_ends_at_the_embedded_page_of_the_shop(stage: Stage, browser: FlaskClient) -> None:
    shop, seller = stage.shop(), stage.seller()
    left = start(stage, browser, shop)
    assert left.status_code == 302
    assert "/apps/authorize/consent?" in left.location
    arrived = back(stage, browser, left, seller)
    assert arrived.status_code == 302
    where = urlsplit(arrived.location)
    assert arrived.location.startswith(stage.box.url + "/store/blue/apps/")
    assert where.path.endswith("/accounts/linked")
    token = dict(parse_qsl(where.query))["return"]
    assert link.confirm(shop, USER, token).kind == "linked"


def test_the_cookie_is_first_party_and_out_of_reach_of_scripts(stage: Stage, browser: FlaskClient) -> None:
    cookie = start(stage, browser, stage.shop()).headers["Set-Cookie"]
    assert cookie.startswith("login=")
    for part in ("HttpOnly", "SameSite=Lax", "Path=/login", "Max-Age=600"):
        assert part in cookie
    assert "Secure" not in cookie, "the stage serves plain http on loopback"


def test_over_https_the_cookie_is_secure(stage: Stage, browser: FlaskClient) -> None:
    runtime.setup(Config({**runtime.config().env, "APP_URL": "https://app.test"}))
    assert "Secure" in start(stage, browser, stage.shop()).headers["Set-Cookie"]


def test_every_page_keeps_its_address_to_itself(stage: Stage, browser: FlaskClient) -> None:
    for answer in (start(stage, browser, stage.shop()), browser.get("/login/start?ticket=no")):
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Frame-Options"] == "DENY"


def test_a_link_checker_does_not_use_up_a_ticket(stage: Stage, browser: FlaskClient) -> None:
    url = f"/login/start?ticket={stage.begin(stage.shop())}"
    assert browser.head(url).status_code == 204
    assert browser.get(url).status_code == 302


def test_coming_back_without_the_cookie_is_a_page_that_says_what_to_do(stage: Stage, browser: FlaskClient) -> None:
    shop, seller = stage.shop(), stage.seller()
    left = start(stage, browser, shop)
    browser.delete_cookie("login", path="/login")
    answer = back(stage, browser, left, seller)
    assert answer.status_code == 400
    assert "another browser" in answer.text
    assert "go to Accounts" in answer.text
    with db.reading() as s:
        assert s.query(LoginAttempt).filter(LoginAttempt.result != "").count() == 0


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/login/start", 400, "not valid"),
        ("/login/start?ticket=made-up", 400, "not valid"),
        ("/login/return/amazon?state=made-up&spapi_oauth_code=x&selling_partner_id=A1", 400, "not valid"),
        ("/login/return/nowhere?state=made-up", 400, "not valid"),
        ("/login/nowhere", 400, "not valid"),
        ("/login/amazon", 400, "cannot be followed"),
        (
            "/login/amazon?amazon_callback_uri=https%3A%2F%2Fevil.test%2F&amazon_state=s&selling_partner_id=A1B2C3D4",
            400,
            "cannot be followed",
        ),
    ],
)
def test_nonsense_is_refused_in_words(browser: FlaskClient, path: str, status: int, says: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == status
    assert says in answer.text
    assert "Location" not in answer.headers


def test_a_page_reflects_nothing_unescaped(browser: FlaskClient) -> None:
    answer = browser.get("/login/return/%3Cscript%3Ealert(1)%3Cb%3E")
    assert answer.status_code == 400
    assert "<script>" not in answer.text


def test_a_second_tab_replaces_the_login_of_the_first(stage: Stage, browser: FlaskClient) -> None:
    shop, seller = stage.shop(), stage.seller()
    first = start(stage, browser, shop)
    second = start(stage, browser, shop)
    assert back(stage, browser, first, seller).status_code == 400
    assert back(stage, browser, second, seller).status_code == 302


# --- the seller's own renewal -----------------------------------------------------------------------------------------


def reauthorise(box: Box, seller: str) -> str:
    """Press Re-Authorize in Manage Your Apps; the address of our Login URI that Amazon opens."""
    url = f"{box.url}/amazon/sellercentral/eu/manage/reauthorize"
    answer = box.http.post(url, data={"seller": seller}, allow_redirects=False, timeout=30)
    return answer.headers["Location"]


def renew(stage: Stage, browser: FlaskClient, seller: str, **changed: str) -> TestResponse:
    """The whole renewal; `changed` parameters are tampered with in the browser."""
    left = browser.get(there(reauthorise(stage.box, seller)))
    assert left.status_code == 302, left.text
    on = stage.box.http.get(left.location, allow_redirects=False, timeout=30)
    args: dict[str, Any] = dict(parse_qsl(urlsplit(on.headers["Location"]).query))
    return browser.get(f"/login/return/amazon?{urlencode(args | changed)}")


def test_a_renewal_at_the_marketplace_renews_every_account_of_that_seller(stage: Stage, browser: FlaskClient) -> None:
    one, two, seller = stage.shop("blue"), stage.shop("red"), stage.seller()
    first = stage.linked(one, seller)
    second = link.link_without_importing(two, USER, stage.link(two, seller).token).account_id or 0
    bystander = stage.linked(one, stage.seller())
    untouched = stage.account(bystander).credentials
    stage.state(seller, authorisation="revoked")
    for account_id in (first, second):
        with db.writing() as s:
            s.execute(update(Account).where(Account.id == account_id).values(access_expires_at=clock.now()))
        repair.probe(account_id)
    assert "account_expired" in stage.open(one)
    answer = renew(stage, browser, seller)
    assert answer.status_code == 200
    assert "is renewed" in answer.text
    for account_id in (first, second):
        row = stage.account(account_id)
        assert row.status == AccountStatus.ACTIVE
        assert row.expires_at is not None
        assert row.expires_at > clock.now() + timedelta(days=364)
    assert stage.account(bystander).credentials == untouched
    assert (stage.open(one), stage.open(two)) == ({}, {})
    with db.reading() as s:
        assert {row.user_id for row in s.query(AuditEntry).filter_by(action="account_renewed")} == {""}


def test_a_renewal_leaves_a_deactivated_account_deactivated(stage: Stage, browser: FlaskClient) -> None:
    shop, seller = stage.shop(), stage.seller()
    account_id = stage.linked(shop, seller)
    with db.writing() as s:
        repair.deactivate(s, s.get_one(Account, account_id), USER)
    assert renew(stage, browser, seller).status_code == 200
    assert stage.account(account_id).status == AccountStatus.DEACTIVATED


def test_a_renewal_of_an_unknown_seller_links_nothing(stage: Stage, browser: FlaskClient) -> None:
    stage.shop()
    answer = browser.get(there(reauthorise(stage.box, stage.seller())))
    assert answer.status_code == 404
    assert "Create connection" in answer.text
    with db.reading() as s:
        assert s.query(Account).count() == 0
        assert s.query(LoginAttempt).count() == 0


def test_a_renewal_needs_the_browser_in_which_it_began(stage: Stage, browser: FlaskClient) -> None:
    shop, seller = stage.shop(), stage.seller()
    before = stage.account(stage.linked(shop, seller))
    left = browser.get(there(reauthorise(stage.box, seller)))
    on = stage.box.http.get(left.location, allow_redirects=False, timeout=30)
    browser.delete_cookie("login", path="/login")
    assert browser.get(there(on.headers["Location"])).status_code == 400
    assert stage.account(before.id).credentials == before.credentials


def test_a_renewal_cannot_be_bent_to_another_seller(stage: Stage, browser: FlaskClient) -> None:
    """The seller id comes back as a parameter of the browser: one seller's code must not land in another's account."""
    victim, attacker = stage.seller(), stage.seller()
    target = stage.account(stage.linked(stage.shop("blue"), victim))
    stage.linked(stage.shop("evil"), attacker)
    assert renew(stage, browser, attacker, selling_partner_id=victim).status_code == 409
    left = browser.get(there(reauthorise(stage.box, victim)))
    state = dict(parse_qsl(urlsplit(left.location).query))["state"]
    code = stage.consent(
        link.start(stage.begin(stage.shop("other"))).url,
        attacker,
    )["spapi_oauth_code"]
    query = urlencode({"state": state, "selling_partner_id": victim, "spapi_oauth_code": code})
    answer = browser.get(f"/login/return/amazon?{query}")
    assert answer.status_code == 502
    assert stage.account(target.id).credentials == target.credentials


def test_the_pages_speak_german_to_a_german_browser(browser: FlaskClient) -> None:
    answer = browser.get("/login/start", headers={"Accept-Language": "de-DE"})
    assert 'lang="de"' in answer.text
