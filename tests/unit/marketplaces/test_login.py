"""The shared login kinds: OAuth over real sockets, every refusal by its exact code, and typed forms."""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from marketplaces import login
from marketplaces.channel import Field
from marketplaces.errors import (
    AuthExpired,
    AuthRevoked,
    OurFault,
    PermissionMissing,
    RateLimited,
    RemoteError,
    Transient,
)
from marketplaces.wire import Http
from tests.unit.marketplaces.rawserver import RawServer, answer

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
GOOD = {"access_token": "access-1", "refresh_token": "refresh-2", "token_type": "User Access Token", "expires_in": 3600}


def refreshed(raw: bytes, *, known_end: datetime | None = None, basic: bool = False) -> tuple[login.Token, bytes]:
    with RawServer(raw) as server:
        http = Http((server.url,), now=lambda: NOW, seconds=2)
        endpoint = login.TokenEndpoint(f"{server.url}/token", "our-id", "our-s3cret", basic)
        try:
            token = login.refresh(http, endpoint, "Atzr|old-refresh", known_end=known_end, now=NOW)
        finally:
            http.close()
        return token, server.requests[0]


def test_a_refresh_sends_the_form_and_nothing_else() -> None:
    token, sent = refreshed(answer(json.dumps(GOOD).encode()))
    form = parse_qs(sent.partition(b"\r\n\r\n")[2].decode())
    assert form == {
        "grant_type": ["refresh_token"],
        "refresh_token": ["Atzr|old-refresh"],
        "client_id": ["our-id"],
        "client_secret": ["our-s3cret"],
    }
    assert b"authorization" not in sent.lower()
    assert (token.access_token, token.refresh_token, token.expires_in) == ("access-1", "refresh-2", 3600)


def test_a_refresh_with_basic_authentication_keeps_the_secret_out_of_the_form() -> None:
    _, sent = refreshed(answer(json.dumps(GOOD).encode()), basic=True)
    assert b"Authorization: Basic" in sent
    assert b"our-s3cret" not in sent


def test_no_new_refresh_token_is_told_as_none() -> None:
    given = {key: value for key, value in GOOD.items() if key != "refresh_token"}
    token, _ = refreshed(answer(json.dumps(given).encode()))
    assert token.refresh_token == ""


def test_loopback_needs_no_process_wide_switch() -> None:
    refreshed(answer(json.dumps(GOOD).encode()))
    assert "OAUTHLIB_INSECURE_TRANSPORT" not in os.environ


@pytest.mark.parametrize(
    ("status", "body", "family"),
    [
        (400, {"error": "invalid_grant"}, AuthRevoked),
        (401, {"error": "invalid_grant", "error_description": "gone"}, AuthRevoked),
        (401, {"error": "invalid_client"}, OurFault),
        (400, {"error": "unauthorized_client"}, OurFault),
        (400, {"error": "invalid_request"}, OurFault),
        (400, {"error": "unsupported_grant_type"}, OurFault),
        (400, {"error": "invalid_scope"}, PermissionMissing),
        (400, {"error": "temporarily_unavailable"}, Transient),
        (400, {"error": "server_error"}, Transient),
        (400, {"error": "something_new"}, Transient),
        (400, {"message": "invalid_grant"}, Transient),
        (200, {"error": "invalid_grant"}, Transient),
        (500, {"error": "invalid_grant"}, Transient),
        (503, {"error": "invalid_client"}, Transient),
        (429, {"error": "invalid_grant"}, RateLimited),
        (200, {"token_type": "bearer", "expires_in": 3600}, Transient),
        (200, {"access_token": "", "token_type": "bearer"}, Transient),
        (200, {"access_token": None}, Transient),
        (200, {"access_token": "a", "token_type": "bearer", "expires_in": "soon"}, Transient),
        (200, [], Transient),
        (200, None, Transient),
    ],
)
def test_only_the_exact_code_ends_an_authorisation(status: int, body: object, family: type[RemoteError]) -> None:
    with pytest.raises(RemoteError) as caught:
        refreshed(answer(json.dumps(body).encode(), status=f"{status} X"))
    assert type(caught.value) is family
    assert caught.value.call == "refreshToken"


@pytest.mark.parametrize("raw", [b"<html>invalid_grant</html>", b"", b"error=invalid_grant", b"\xff\xfe"])
@pytest.mark.parametrize("status", [200, 400, 401])
def test_nonsense_from_the_token_endpoint_is_never_the_end(raw: bytes, status: int) -> None:
    with pytest.raises(Transient):
        refreshed(answer(raw, status=f"{status} X"))


def test_a_redirecting_token_endpoint_gets_no_secret_twice() -> None:
    with pytest.raises(Transient, match="redirect"):
        refreshed(answer(b"", status="307 Temporary Redirect", headers="Location: /other\r\n"))


@pytest.mark.parametrize(("days", "family"), [(-1, AuthExpired), (1, AuthRevoked)])
def test_a_dead_token_is_expired_only_past_its_known_end(days: int, family: type[RemoteError]) -> None:
    with pytest.raises(RemoteError) as caught:
        refreshed(answer(b'{"error":"invalid_grant"}', status="400 X"), known_end=NOW + timedelta(days=days))
    assert type(caught.value) is family


def test_the_words_of_a_refusal_hold_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    body = {"error": "invalid_grant", "error_description": "Atzr|old-refresh of our-s3cret for me@example.com is dead"}
    with caplog.at_level(logging.DEBUG), pytest.raises(AuthRevoked) as caught:
        refreshed(answer(json.dumps(body).encode(), status="400 X"))
    everything = f"{caught.value!r} {caught.value.words} {caught.value.__cause__!r} {caplog.text}"
    assert "is dead" in caught.value.words
    assert not any(part in everything for part in ("old-refresh", "our-s3cret", "me@example.com"))


def test_a_code_is_exchanged_with_the_verifier_kept_by_us() -> None:
    verifier = login.new_verifier()
    with RawServer(answer(json.dumps(GOOD).encode())) as server:
        http = Http((server.url,), now=lambda: NOW)
        endpoint = login.TokenEndpoint(f"{server.url}/token", "our-id", "our-s3cret")
        login.fetch(http, endpoint, code="c#1^2", redirect_uri="https://app.example/back", verifier=verifier)
        http.close()
    form = parse_qs(server.requests[0].partition(b"\r\n\r\n")[2].decode())
    assert form["code"] == ["c#1^2"]
    assert form["code_verifier"] == [verifier]
    assert form["redirect_uri"] == ["https://app.example/back"]
    assert form["client_secret"] == ["our-s3cret"]


def test_the_challenge_is_the_one_of_the_standard() -> None:
    # The example of RFC 7636, appendix B.
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert login.challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize("base", ["https://login.example/authorize", "http://127.0.0.1:8001/authorize"])
def test_a_login_address_carries_state_and_challenge(base: str) -> None:
    url = login.authorization_url(
        base, "our-id", state="s", redirect_uri="https://app.example/b", verifier="v", scope="a b"
    )
    assert url.startswith(base)
    query = parse_qs(urlsplit(url).query)
    assert query["state"] == ["s"]
    assert query["scope"] == ["a b"]
    assert query["code_challenge"] == [login.challenge("v")]
    assert query["redirect_uri"] == ["https://app.example/b"]


FIELDS = (Field("shop", "Shop ID", "", pattern=r"\d+"), Field("token", "Token", "", secret=True, required=False))


def test_blanks_around_typed_values_are_trimmed_and_reported() -> None:
    form = login.Form.read(FIELDS, {"shop": " 12\u00a0", "token": "abc"})
    assert (form.values, form.trimmed) == ({"shop": "12", "token": "abc"}, ("shop",))


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({}, "shop"),
        ({"shop": "  "}, "shop"),
        ({"shop": "x1"}, "shop"),
        ({"shop": "1", "token": "a\nb"}, "token"),
        ({"shop": "1", "token": "x" * 2501}, "token"),  # sealed, it would be longer than what keeps it
        ({"shop": "1", "token": "é" * 600}, "token"),
        ({"shop": "9" * 2501}, "shop"),
    ],
)
def test_a_wrong_value_names_its_field(typed: dict[str, str], field: str) -> None:
    with pytest.raises(ValueError, match=r"fill in|right") as caught:
        login.Form.read(FIELDS, typed)
    assert caught.value.args[0] == field
