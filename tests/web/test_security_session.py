"""The door of the embedded app under attack: every route and method, foreign ids, forged hosts, redirects, headers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import jwt
import pytest
from sqlalchemy import select, update
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from shopapp import clock, runtime
from shopapp.records import db
from shopapp.records.models import (
    Account,
    AuditEntry,
    Backfill,
    InboxMessage,
    Incident,
    ListingRun,
    LoginAttempt,
    Order,
    RunState,
)
from shopapp.web.session import is_public
from tests.stage.selling import listed
from tests.web.desk import Desk, install

WRITES = ("POST", "PUT", "PATCH", "DELETE")
EVIL = "evil.example"


def routes(desk: Desk) -> Iterator[tuple[Rule, str]]:
    """Every guarded rule with every method it takes."""
    for rule in desk.app.url_map.iter_rules():
        if not is_public(re.sub(r"<.*", "x", rule.rule)):
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield rule, method


def path_of(rule: Rule, **values: object) -> str:
    """An address of the rule; ids are 1 unless given."""
    known = {"key": "amazon", "choice": "new", "name": "skus", **{name: str(value) for name, value in values.items()}}
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda hit: known.get(hit.group(1), "1"), rule.rule)


def forged(desk: Desk, secret: str, header: dict[str, Any], **claims: Any) -> str:
    now = int(time.time())
    base: dict[str, Any] = {
        "iss": f"https://{desk.domain}/admin",
        "dest": f"https://{desk.domain}",
        "sub": "71",
        "jti": "j",
    }
    base |= {"aud": runtime.config()["SHOPIFY_API_KEY"], "sid": "s", "exp": now + 60, "nbf": now, "iat": now}

    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    text = f"{part({'typ': 'JWT', **header})}.{part(base | claims)}"
    sign = hmac.new(secret.encode(), text.encode(), hashlib.sha512 if header.get("alg") == "HS512" else hashlib.sha256)
    mac = b"" if str(header.get("alg")).lower() == "none" else sign.digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


@pytest.mark.parametrize(
    "alg", ["none", "None", "NONE", "nOnE", "RS256", "ES256", "PS256", "HS512", "HS384", "", None, 7]
)
@pytest.mark.parametrize("where", ["header", "query"])
def test_only_the_one_kind_of_signature_opens(desk: Desk, alg: Any, where: str) -> None:
    token = forged(desk, runtime.config()["SHOPIFY_API_SECRET"], {"alg": alg})
    headers = {"Authorization": f"Bearer {token}"} if where == "header" else {"Sec-Fetch-Dest": "iframe"}
    answer = desk.client.get("/settings" if where == "header" else f"/settings?id_token={token}", headers=headers)
    assert answer.status_code == (401 if where == "header" else 302)
    assert "/session-token-bounce" in answer.headers.get("Location", "/session-token-bounce")


def test_keys_named_by_the_token_itself_do_not_count(desk: Desk) -> None:
    for extra in ({"jwk": {"kty": "oct", "k": "QUFBQQ"}}, {"jku": f"https://{EVIL}/k"}, {"kid": "../../dev/null"}):
        token = forged(desk, "AAAA", {"alg": "HS256", **extra})
        assert desk.client.get("/settings", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_an_empty_secret_signs_nothing(desk: Desk) -> None:
    token = forged(desk, "", {"alg": "HS256"})
    assert desk.client.get("/settings", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_token_is_worth_nothing_after_its_minute(desk: Desk) -> None:
    config, now = runtime.config(), int(time.time())
    claims = jwt.decode(desk.token(), options={"verify_signature": False})
    old = claims | {"exp": now - 11, "iat": now - 71, "nbf": now - 71}
    token = jwt.encode(old, config["SHOPIFY_API_SECRET"], "HS256")
    headers = desk.headers | {"Authorization": f"Bearer {token}"}
    assert desk.client.get("/settings", headers=headers).status_code == 401
    assert desk.client.post("/settings/pause", headers=headers).status_code == 401
    assert desk.shop().paused_at is None


def test_no_route_answers_a_caller_without_a_token(desk: Desk) -> None:
    seen = 0
    for rule, method in routes(desk):
        for dest in ("iframe", "document", "empty", ""):
            answer = desk.client.open(path_of(rule), method=method, headers={"Sec-Fetch-Dest": dest})
            assert answer.status_code in (302, 401), (method, rule.rule, dest)
            assert answer.status_code == 401 or answer.location.startswith("/session-token-bounce?")
            seen += 1
    assert seen > 150


def test_no_route_writes_for_a_token_in_the_address_or_the_form_or_under_another_scheme(desk: Desk) -> None:
    token = desk.token()
    before = desk.shop().paused_at
    for rule, method in routes(desk):
        if method not in WRITES:
            continue
        path = path_of(rule)
        tries: list[dict[str, Any]] = [
            {"path": f"{path}?id_token={token}"},
            {"path": path, "data": {"id_token": token}},
            {"path": f"{path}?id_token={token}", "headers": {"Authorization": "Basic YTpi"}},
            {"path": f"{path}?id_token={token}", "headers": {"Authorization": "Bearer "}},
            {"path": path, "headers": {"Authorization": f"bearer {token}"}},
            {"path": path, "headers": {"Authorization": f"Bearer  {token}"}},
            {"path": path, "headers": {"X-Shopify-Id-Token": token}},
        ]
        for one in tries:
            assert desk.client.open(method=method, **one).status_code == 401, (method, rule.rule, one)
        for name in ("id_token", "session"):  # the client drops a Cookie header given by hand
            desk.client.set_cookie(name, token)
        assert desk.client.open(path, method=method).status_code == 401, (method, rule.rule, "cookie")
    assert desk.shop().paused_at == before


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_reading_request_cannot_be_turned_into_a_writing_one(desk: Desk, name: str) -> None:
    for path in ("/settings/pause", "/settings/pause?_method=POST"):
        answer = desk.client.get(path, headers=desk.headers | {name: "POST"})
        assert answer.status_code == 405
    assert desk.shop().paused_at is None


def filled(desk: Desk) -> dict[str, Any]:
    """One row of each noun that an address can name; their ids, all far from 1."""
    account = desk.break_account()
    order = desk.order(account, "failed", cause="sku_unknown")
    now = clock.now()
    with db.writing() as s:
        message = InboxMessage(
            shop_id=desk.shop_id, kind="data_request_ready", subject="request:1", params={"orders": []}, created_at=now
        )
        old = Backfill(shop_id=desk.shop_id, account_id=account, since=now, until=now, asked_at=now, state="fetching")
        s.add_all([message, old])
        s.flush()
        incident = s.scalars(select(Incident.id).where(Incident.shop_id == desk.shop_id)).first()
        ids = {"account_id": account, "order_id": order, "message_id": message.id, "backfill_id": old.id}
        return ids | {"incident_id": incident or 0} | listed(s, desk.shop_id, account, order)


def snapshot(shop_id: int) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of a shop, to see that nothing moved."""
    with db.reading() as s:
        return {
            table.name: [tuple(row) for row in s.execute(select(table).where(table.c["shop_id"] == shop_id))]
            for table in db.Base.metadata.sorted_tables
            if "shop_id" in table.c
        }


def test_the_ids_of_another_shop_are_not_found_on_any_route_and_nothing_moves(desk: Desk) -> None:
    ids = filled(desk)
    stranger = Desk(desk.app, install("stranger.myshopify.com"), "stranger.myshopify.com")
    before, walked = snapshot(desk.shop_id), 0
    for rule, method in routes(desk):
        if not set(rule.arguments) & set(ids):
            continue
        path = path_of(rule, **ids)
        answer = stranger.client.open(path, method=method, headers=stranger.headers, data={"label": "mine now"})
        reloaded = method == "GET" and rule.rule.endswith("/continue")  # leads to the dialog, which is not found
        assert answer.status_code == (302 if reloaded else 404), (method, rule.rule, answer.status_code)
        walked += 1
    assert walked >= 25
    assert snapshot(desk.shop_id) == before


def test_an_id_with_more_behind_it_is_nobodys_on_any_route(desk: Desk) -> None:
    ids = filled(desk)
    with db.writing() as s:
        s.execute(update(ListingRun).values(state=RunState.ASKED))
    before = snapshot(desk.shop_id)
    for rule, method in routes(desk):
        for name in set(rule.arguments) & set(ids):
            for more in ("%0a", "%0d%0aX:%20y", "%20", "%00", "%e2%80%a8", "%ff", "%2e", ";a"):
                path = path_of(rule, **ids | {name: f"{ids[name]}{more}"})
                assert desk.client.open(path, method=method, headers=desk.headers).status_code == 404, (method, path)
    assert snapshot(desk.shop_id) == before


def test_foreign_ids_in_forms_filters_and_files_show_nothing(desk: Desk) -> None:
    ids = filled(desk)
    desk.order(ids["account_id"], buyer_name="Secret Buyer", remote_order_id="SECRET-1", sku="SECRET-SKU")
    stranger = Desk(desk.app, install("stranger.myshopify.com"), "stranger.myshopify.com")
    for path in (
        f"/orders?account={ids['account_id']}", "/orders?q=SECRET-1", "/orders?q=SECRET-SKU", "/orders?q=Secret",
        "/orders?q=%25", "/orders?q=_", f"/orders/export.csv?account={ids['account_id']}", "/plan/ledger.csv",
        "/orders/retried?since=1", "/inbox", "/", "/accounts", "/settings", "/plan",
    ):  # fmt: skip
        page = stranger.get(path)
        assert page.status == 200, path
        for word in ("Secret Buyer", "SECRET-1</", "SECRET-1,", desk.domain, "My Amazon"):
            assert word not in page.html, path
    assert stranger.post("/orders/retry", account=str(ids["account_id"])).goes_to.startswith("/orders?")
    whole = json.loads(stranger.post("/settings/export").html)
    assert (whole["accounts"], whole["orders"], whole["shop"]["domain"]) == ([], [], stranger.domain)


@pytest.mark.parametrize("rule", ["/accounts/linked", "/accounts/linked/new", "/accounts/linked/take-over"])
def test_the_return_of_a_login_is_worth_nothing_to_another_shop_or_person(desk: Desk, rule: str) -> None:
    token = "t" * 43
    with db.writing() as s:
        attempt = LoginAttempt(uid="u" * 32, channel="amazon", realm="eu", door="create", created_at=clock.now())
        attempt.shop_id, attempt.shop_uid, attempt.user_id = desk.shop_id, desk.shop().uid, "71"
        attempt.expires_at = clock.now().replace(year=clock.now().year + 1)
        attempt.ticket_hash = attempt.state_hash = "x" * 64
        attempt.stage, attempt.return_hash = "returned", hashlib.sha256(token.encode()).hexdigest()
        s.add(attempt)
    stranger = Desk(desk.app, install("stranger.myshopify.com"), "stranger.myshopify.com")
    if rule == "/accounts/linked":
        assert "belongs to somebody else" in stranger.get(f"{rule}?return={token}").text
    else:
        assert "belongs to somebody else" in stranger.post(rule, token=token).text
    with db.reading() as s:
        assert s.scalars(select(LoginAttempt.stage)).all() == ["returned"]
        assert s.scalars(select(Account)).unique().all() == []


# ---- hosts and redirects ----


HOSTS = [
    EVIL, f"{EVIL}:443", f"x@{EVIL}", "[", "a]b", "[::1", "bad host", "é.example", "", f"{EVIL}/..", "x" * 5000,
]  # fmt: skip


@pytest.mark.parametrize(
    "path", ["/settings", "/orders?shop=blue.myshopify.com", "/login/start?ticket=x", "/static//x"]
)
def test_a_forged_host_reaches_no_address_of_ours_and_breaks_nothing(desk: Desk, path: str) -> None:
    more = {"X-Forwarded-Host": EVIL, "X-Forwarded-Proto": "https", "X-Original-Url": f"//{EVIL}", "Forwarded": EVIL}
    for host in HOSTS:
        raw = {"HTTP_HOST": host.encode().decode("latin-1")}
        for who in (desk.headers, {"Sec-Fetch-Dest": "iframe"}, {"Sec-Fetch-Dest": "document"}):
            answer = desk.client.get(path, headers=who | more, environ_overrides=raw)
            assert answer.status_code < 500, (host, answer.text)
            assert EVIL not in str(answer.headers), host
            assert EVIL not in answer.text, host


TARGETS = [
    f"//{EVIL}", f"///{EVIL}", f"/\\{EVIL}", f"\\\\{EVIL}", f"\\/{EVIL}", f"https://{EVIL}", f"https:{EVIL}",
    f"http:///{EVIL}", "javascript:alert(1)", "data:text/html,x", f"/%2f%2f{EVIL}", f"%2f%2f{EVIL}", f"/%5c{EVIL}",
    f"/\t/{EVIL}", f"/\n/{EVIL}", f"\t//{EVIL}", f" //{EVIL}", f"/\r\nLocation: https://{EVIL}", "/x\r\nSet-Cookie: a=b",
    f"/\u2028/{EVIL}", f"/\uff0f{EVIL}", f"/\u29f8{EVIL}", f"/.//{EVIL}", f"/..//{EVIL}", f"@{EVIL}", f"/@{EVIL}",
    f".{EVIL}", f"?x=//{EVIL}", f"#//{EVIL}", f"/\x00/{EVIL}", f"/[{EVIL}", "/" + "a" * 20_000, f"/;@{EVIL}", "",
    "/session-token-bounce?shopify-reload=/session-token-bounce",
]  # fmt: skip


def lands_at_home(location: str, origin: str = "https://app.example") -> bool:
    """Where a browser goes that reads an address as the WHATWG says: back slashes are slashes, tabs do not count."""
    seen = re.sub(r"[\t\r\n]", "", location).strip().replace("\\", "/")
    return seen.startswith("/") and not seen.startswith("//") and urlsplit(origin + seen).netloc == "app.example"


def test_the_bounce_leads_to_pages_of_ours_only(desk: Desk) -> None:
    once = [quote(target, safe="") for target in TARGETS]
    for raw in [*once, *(quote(one, safe="") for one in once)]:
        path = f"/session-token-bounce?id_token={desk.token()}&shopify-reload={raw}"
        answer = desk.client.get(path, headers={"Sec-Fetch-Dest": "iframe"})
        assert answer.status_code == 302, raw
        assert lands_at_home(answer.location), answer.location
        assert "Set-Cookie" not in answer.headers
        assert not urlsplit(answer.location).path.startswith("/session-token-bounce")


def test_a_page_at_top_level_goes_to_the_shops_admin_only(desk: Desk) -> None:
    config = runtime.config()
    home = f"{config['ADMIN_ORIGIN']}/store/blue/apps/{config.app_handle}"
    for target in TARGETS:
        path = quote("/" + target.lstrip("/"), safe="/%=&")
        for query in (f"id_token={desk.token()}", f"shop={desk.domain}"):
            answer = desk.client.get(f"{path}?{query}", headers={"Sec-Fetch-Dest": "document"})
            there = answer.headers.get("Location", "/")
            if not there.startswith("/"):
                assert there == home or there.startswith((f"{home}/", f"{home}?")), there
            else:
                assert answer.status_code in (200, 302, 401, 404), target
                assert lands_at_home(there)


@pytest.mark.parametrize(
    "shop",
    [
        "*", "evil.test", "x.myshopify.com.evil.test", "x.myshopify.com; script-src *", "x.myshopify.com\r\nX: y", "'self'",
        "x.myshopify.com https://evil.test", "data:", "x.myshopify.com,evil.test", "evil.test#.myshopify.com", "-",
        "x.myshopify.com/../evil", "x@y.myshopify.com", "\u2028x.myshopify.com", "x.myshopify.com%0a",
    ],
)  # fmt: skip
def test_a_wild_shop_parameter_changes_no_header(desk: Desk, shop: str) -> None:
    for path in ("/", "/session-token-bounce", "/login/start", "/nothing"):
        answer = desk.client.get(f"{path}?shop={quote(shop)}", headers={"Sec-Fetch-Dest": "iframe"})
        policy = answer.headers["Content-Security-Policy"]
        assert "evil" not in str(answer.headers.get("Location", "")).split("shopify-reload")[0]
        assert policy.count("script-src") <= 1
        assert "frame-ancestors 'none'" in policy or "frame-ancestors https://*.myshopify.com " in policy
        assert "X" not in answer.headers


# ---- headers of every page ----


def guarded(answer: TestResponse) -> None:
    policy = answer.headers["Content-Security-Policy"]
    assert re.search(r"frame-ancestors (?:'none'|https://[a-z0-9.*-]+\.myshopify\.com http)", policy), policy
    for part in ("base-uri 'none'", "form-action '"):
        assert part in policy
    assert "unsafe-eval" not in policy
    script = re.search(r"(?:script|default)-src ([^;]*)", policy)
    assert script
    assert "unsafe-inline" not in script.group(1)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


def test_every_page_carries_the_headers_that_guard_it(desk: Desk) -> None:
    ids, seen = filled(desk), 0
    for rule, method in routes(desk):
        if method != "GET" or rule.endpoint == "static":
            continue
        answer = desk.client.get(path_of(rule, **ids), headers=desk.headers)
        assert answer.status_code < 500, rule.rule
        guarded(answer)
        if answer.mimetype == "text/html" and answer.status_code == 200:
            assert f"frame-ancestors https://{desk.domain} " in answer.headers["Content-Security-Policy"]
        seen += 1
    assert seen > 25


@pytest.mark.parametrize(
    "path",
    [
        "/login/start?ticket=x", "/login/return/amazon?state=x", "/login/amazon", "/login/other", "/login/a/b/c", "/login",
        "/mail-link/confirm/x", "/mail-link/unsubscribe/a.b.c", "/mail-link/other", "/webhooks/x", "/static/none.js",
        "/session-token-bounce", "/readyz", "/healthz", "/nothing", "/%00", "/%ff%fe",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_pages_for_anybody_are_guarded_as_well(desk: Desk, path: str, method: str) -> None:
    answer = desk.client.open(path, method=method)
    assert answer.status_code < 500 or path == "/readyz"
    if path.startswith("/static/"):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        return
    guarded(answer)


@pytest.mark.parametrize("path", ["/login/start?ticket=x", "/login/amazon", "/mail-link/confirm/x"])
def test_top_level_pages_are_never_framed(desk: Desk, path: str) -> None:
    policy = desk.client.get(path).headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy


def test_reading_a_page_leaves_no_trace_in_the_audit_log(desk: Desk) -> None:
    ids = filled(desk)
    for rule, method in routes(desk):
        if method == "GET":
            desk.client.get(path_of(rule, **ids), headers=desk.headers)
    with db.reading() as s:
        assert s.scalars(select(AuditEntry.action).where(AuditEntry.shop_id == desk.shop_id)).all() == []
        assert s.scalars(select(Order.state)).all() == ["failed"]
