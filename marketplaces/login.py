"""The two kinds of login that channels share: OAuth 2 (code, PKCE, refresh) and typed credentials.

OAuth2Session of requests-oauthlib builds and reads the token calls and nothing else: its automatic refresh is never
used (it stampedes and leaks call arguments into the token request); our transport carries its calls within bounds.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from oauthlib.oauth2 import OAuth2Error
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from marketplaces.errors import (
    AuthExpired,
    AuthRevoked,
    OurFault,
    PermissionMissing,
    RateLimited,
    RemoteError,
    Transient,
)
from marketplaces.exact import parse_json
from marketplaces.text import clean, redact
from marketplaces.transport import LOOPBACK, Transport, WireFailure, prepare
from marketplaces.wire import Answer, Http, request_id

if TYPE_CHECKING:
    from marketplaces.channel import Field

# Both write whole token requests, secrets included, to the log at DEBUG.
for _name in ("requests_oauthlib", "oauthlib"):
    logging.getLogger(_name).setLevel(logging.INFO)

# What a form may say of one field; gettext message ids.
MISSING = "Please fill in this field."
ODD = "This does not look right. Please copy it again."

LONGEST = 2500  # characters of a token; the longest of any vendor has 2,048

_DEAD = frozenset({"invalid_grant"})
_OURS = frozenset({"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_request"})
_SCOPE = frozenset({"invalid_scope", "insufficient_scope"})


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """Where tokens are made. `basic` sends our id and secret as Basic authentication instead of in the form."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    basic: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """A token answer: `expires_in` seconds (None if not told), `refresh_token` "" if not given anew."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int | None
    extra: Mapping[str, Any] = field(repr=False)


def new_verifier() -> str:
    """A fresh PKCE verifier, to be kept by us between leaving and coming back."""
    return secrets.token_urlsafe(48)


def challenge(verifier: str) -> str:
    """The S256 challenge of `verifier` for the login address."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def authorization_url(
    base: str, client_id: str, *, state: str, redirect_uri: str, verifier: str = "", scope: str = "", **extra: str
) -> str:
    """A standard code-flow login address; with `verifier` it carries the S256 challenge."""
    if verifier:
        extra |= {"code_challenge": challenge(verifier), "code_challenge_method": "S256"}
    session = OAuth2Session(client_id, redirect_uri=redirect_uri, scope=scope or None)
    try:
        secure, plain = _secured(base)
        url, _ = session.authorization_url(secure, state=state, **extra)
    finally:
        session.close()
    return plain + str(url).removeprefix("https:") if plain else str(url)


def fetch(http: Http, endpoint: TokenEndpoint, *, code: str, redirect_uri: str = "", verifier: str = "") -> Token:
    """Exchange a code. AuthRevoked when the code is dead, OurFault, PermissionMissing, RateLimited, Transient."""

    def run(session: OAuth2Session, url: str) -> Any:
        extra = {"code_verifier": verifier} if verifier else {}
        return session.fetch_token(
            url,
            code=code,
            client_secret=endpoint.client_secret,
            include_client_id=not endpoint.basic,
            timeout=30,
            **extra,
        )

    return _talk(http, endpoint, run, "fetchToken", secret=code, redirect_uri=redirect_uri)


def refresh(
    http: Http, endpoint: TokenEndpoint, refresh_token: str, *, known_end: datetime | None, now: datetime
) -> Token:
    """New access. A refused refresh token is AuthExpired once `known_end` has passed, else AuthRevoked.

    OurFault, PermissionMissing, RateLimited and Transient as their names say; only invalid_grant ends an account.
    """

    def run(session: OAuth2Session, url: str) -> Any:
        if endpoint.basic:
            auth = HTTPBasicAuth(endpoint.client_id, endpoint.client_secret)
            return session.refresh_token(url, refresh_token=refresh_token, auth=auth, timeout=30)
        return session.refresh_token(
            url,
            refresh_token=refresh_token,
            timeout=30,
            client_id=endpoint.client_id,
            client_secret=endpoint.client_secret,
        )

    expired = known_end is not None and known_end <= now
    return _talk(http, endpoint, run, "refreshToken", secret=refresh_token, expired=expired)


def _talk(
    http: Http,
    endpoint: TokenEndpoint,
    run: Callable[[OAuth2Session, str], Any],
    call: str,
    *,
    secret: str,
    redirect_uri: str = "",
    expired: bool = False,
) -> Token:
    """Run one token call on a session of its own and translate whatever comes of it."""
    checked = _Checked(http, call, (endpoint.client_secret, secret))
    trouble: RemoteError
    session = OAuth2Session(endpoint.client_id, redirect_uri=redirect_uri or None)
    try:
        prepare(session, http.transport())
        url = _mount(session, http.transport(), endpoint.url)
        session.register_compliance_hook("access_token_response", checked)
        session.register_compliance_hook("refresh_token_response", checked)
        run(session, url)
        return _token(checked.given)
    except WireFailure as failure:
        raise Transient(failure.words, maybe_done=failure.sent, call=call) from failure
    except OAuth2Error as error:
        trouble = _family(error, checked, expired)
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as error:  # the library's, on odd values
        words = f"a token answer that makes no sense ({type(error).__name__})"
        trouble = Transient(words, maybe_done=True, status=checked.status, call=call)
    finally:
        session.adapters.clear()  # the transport is shared: closing the session must not close its pool
        session.close()
    # Out here, so that the library's error, which quotes the remote unredacted, does not travel along as its context.
    raise trouble


class _Checked:
    """Looks at the token answer before oauthlib does, whose reading of HTML and of 5xx answers would mislead."""

    def __init__(self, http: Http, call: str, hidden: tuple[str, ...]) -> None:
        self._http = http
        self.call = call
        self._hidden = hidden
        self.given: dict[str, Any] = {}
        self.status = 0
        self.request_id = ""
        self.words = ""

    def hide(self, text: str) -> str:
        """`text` without the secrets of this call."""
        return redact(text, self._hidden)

    def __call__(self, response: requests.Response) -> requests.Response:
        headers = {name.lower(): value for name, value in response.headers.items()}
        self.status, self.request_id = response.status_code, request_id(headers)
        self._http.refuse(Answer(self.call, self.status, headers, None, ""), response.content, self._hidden)
        try:
            body = parse_json(response.content)
        except ValueError:
            body = None
        known = isinstance(body, dict) and (
            "error" in body if self.status >= 400 else isinstance(body.get("access_token"), str)
        )
        if not known or not isinstance(body, dict):
            raise Transient("a token answer of an unknown shape", maybe_done=True, status=self.status, call=self.call)
        self.given = body
        self.words = self.hide(clean(str(body.get("error_description") or ""), 400))
        self.request_id = self.request_id or clean(str(body.get("request_id") or ""), 100)
        return response


def _token(given: Mapping[str, Any]) -> Token:
    lifetime = given.get("expires_in")
    renewed = given.get("refresh_token")
    return Token(
        _secret(given["access_token"]),
        "" if renewed is None or renewed == "" else _secret(renewed),
        None if lifetime is None or isinstance(lifetime, bool) else int(lifetime),
        dict(given),
    )


def _secret(value: Any) -> str:
    """A token that can be kept and sent (RFC 6749 appendix A). What is none must not take the place of what we hold."""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not 0 < len(value) <= LONGEST:
        raise ValueError("a token of an unknown shape")
    return value


def _family(error: OAuth2Error, checked: _Checked, expired: bool) -> RemoteError:
    """By the exact code that the remote gave, never by its words."""
    code = checked.hide(clean(str(checked.given.get("error") or error.error or ""), 60))
    details: dict[str, Any] = {
        "code": code,
        "status": checked.status,
        "call": checked.call,
        "request_id": checked.request_id,
    }
    if checked.status >= 400:
        if code in _DEAD:
            return (AuthExpired if expired else AuthRevoked)(checked.words, **details)
        if code in _OURS:
            return OurFault(checked.words, **details)
        if code in _SCOPE:
            return PermissionMissing("scope", checked.words, **details)
        if code == "slow_down":
            return RateLimited(None, checked.words, **details)
    return Transient(checked.words or "a token answer that makes no sense", maybe_done=True, **details)


class _Loopback(Transport):
    """Lets the library, which insists on https, speak to the loopback sandbox without a process-wide switch."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        super().__init__(inner.hosts, seconds=inner.seconds, cap=inner.cap)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """As plain http, through the shared transport, which allows it only for a configured loopback origin."""
        request.url = "http:" + (request.url or "").removeprefix("https:")
        return self._inner.send(request)


def _secured(url: str) -> tuple[str, str]:
    """(`url` as https, "http:" when it is plain loopback, else "")."""
    host = (urlsplit(url).hostname or "").lower()
    if url.startswith("http://") and host in LOOPBACK:
        return "https:" + url.removeprefix("http:"), "http:"
    return url, ""


def _mount(session: requests.Session, transport: Transport, url: str) -> str:
    secure, plain = _secured(url)
    if plain:
        session.mount(secure, _Loopback(transport))
    return secure


@dataclass(frozen=True, slots=True)
class Form:
    """Typed values after reading: `values` without outer blanks, `trimmed` names the fields that had some."""

    values: Mapping[str, str]
    trimmed: tuple[str, ...]

    @classmethod
    def read(cls, fields: tuple[Field, ...], typed: Mapping[str, str]) -> Form:
        """Check `typed` against the declared `fields`. ValueError(field key, sentence) for the first that is wrong."""
        values: dict[str, str] = {}
        trimmed: list[str] = []
        for one in fields:
            raw = typed.get(one.key, "")
            value = raw.strip().strip("\u200b\ufeff\u00a0").strip()
            if value != raw:
                trimmed.append(one.key)
            if not value and one.required:
                raise ValueError(one.key, MISSING)
            if value and one.pattern and not re.fullmatch(one.pattern, value):
                raise ValueError(one.key, ODD)
            if len(value) > LONGEST or any(ord(mark) < 32 for mark in value) or (one.secret and not value.isascii()):
                raise ValueError(one.key, ODD)
            values[one.key] = value
        return cls(values, tuple(trimmed))
