"""Tradera's token login: a redirect with a key of one use, after which the token is fetched with that key.

Vendor: "Token authorization". There is no OAuth state: ours travels in `ruparams`, which Tradera hands back. The
addresses of return are fixed in the Developer Center, both to ours; one that names no user is a refusal.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode
from uuid import UUID

from marketplaces.channel import LoginRequest
from marketplaces.channels.tradera.answers import as_family, check, nonsense
from marketplaces.channels.tradera.calls import TOKEN, send_as_application
from marketplaces.channels.tradera.market import login_base
from marketplaces.data import Credentials
from marketplaces.errors import AuthRevoked, LoginDeclined, PermissionMissing, Rejected, Transient
from marketplaces.moments import moment
from marketplaces.text import clean
from marketplaces.wire import Answer, Http

LONGEST = 2500  # characters of a token
NOT_THERE = "Tradera has not made the token yet"


def login_url(request: LoginRequest) -> str:
    """The page where the seller logs in and allows the application."""
    query = {
        "appId": request.keys["APP_ID"],
        "pkey": request.keys["PUBLIC_KEY"],
        "skey": secret_key(request),
        "ruparams": urlencode({"state": request.state}),
    }
    return f"{login_base(request.keys)}/token-login?{urlencode(query)}"


def secret_key(request: LoginRequest) -> str:
    """The key of this one login, a UUID as the vendor wants it, made from the verifier that only we keep."""
    return str(UUID(bytes=hashlib.sha256(b"tradera" + request.verifier.encode()).digest()[:16], version=4))


def state_of(args: Mapping[str, str]) -> str:
    """Our state: handed back as a parameter of its own, or inside `ruparams` as it left."""
    inside = parse_qs(args.get("ruparams", "")[:1000]).get("state", [""])
    return args.get("state", "") or inside[0]


def finish_login(http: Http, request: LoginRequest, answer: Mapping[str, str], now: datetime) -> Credentials:
    """From `userId` of the way back. Transient without `maybe_done` while the token is not there yet."""
    if not hmac.compare_digest(state_of(answer).encode(), request.state.encode()):
        raise LoginDeclined("the answer does not belong to this login")
    user = answer.get("userId", "")
    if not (user.isascii() and user.isdigit() and len(user) < 19):
        raise LoginDeclined(clean(answer.get("error_description") or answer.get("error") or "", 300))
    key = secret_key(request)
    body = {"userId": int(user), "secretKey": key}
    told = _token(send_as_application(http, request.keys, TOKEN, "/auth/token", body), (request.keys["APP_KEY"], key))
    return Credentials(
        secrets={"token": told["authToken"]},
        public={"seller_id": str(int(user))},
        authorised_at=now,
        expires_at=_end(told.get("hardExpirationTime")),
    )


def _token(answer: Answer, secrets: tuple[str, ...]) -> dict[str, Any]:
    try:
        told = check(answer, secrets=secrets)
    except PermissionMissing as error:  # the key is not, or no longer, that of a login of this user
        raise as_family(AuthRevoked, error) from error
    except Rejected as error:
        if error.reason == "not_found":
            raise Transient(NOT_THERE, status=error.status, call=TOKEN) from error
        raise
    if not isinstance(told, dict) or "authToken" not in told:
        raise nonsense(TOKEN, "a token answer", maybe_done=True)
    token = told["authToken"]
    if token is None or token == "":
        raise Transient(NOT_THERE, call=TOKEN)
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or len(token) > LONGEST:
        raise nonsense(TOKEN, "a token", maybe_done=True)
    return told


def _end(raw: Any) -> datetime | None:
    """The end that Tradera tells; None for what is no time: then it is unknown."""
    try:
        return moment(raw)
    except (TypeError, ValueError):
        return None
