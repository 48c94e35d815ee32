"""Amazon's authorisation: website consent, the seller's own renewal, typed refresh tokens, and new access from them.

Vendor pages: "Website authorization workflow", "Renew authorizations", "Self-authorization", "Connect to the SP-API".
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

from marketplaces import login as oauth
from marketplaces.channel import AppKey, AppKeys, Field, LoginRequest, Renewal
from marketplaces.channels.amazon.regions import REGIONS, central_base, token_url
from marketplaces.data import Credentials
from marketplaces.errors import LoginDeclined, Transient
from marketplaces.text import clean
from marketplaces.wire import Http

LIFETIME = timedelta(days=365)
_MWS = "amzn.mws."
NO_MWS = "MWS tokens are no longer accepted: Amazon has closed MWS. Please copy the refresh token instead."
NO_REFRESH_TOKEN = "This is no refresh token: refresh tokens start with Atzr|."  # noqa: S105  # a sentence

APP_KEYS = (
    AppKey("CLIENT_ID", "LWA client id"),
    AppKey("CLIENT_SECRET", "LWA client secret", secret=True),
    AppKey("APPLICATION_ID", "SP-API application id (amzn1.sp.solution…)"),
    AppKey("DRAFT", "1 while the SP-API application is in draft state", "0", form="[01]"),
    AppKey("SECRET_UNTIL", "day (YYYY-MM-DD) on which the LWA client secret ends; the operator is warned before"),
    AppKey("API_BASE", "SP-API base for the sandbox; may hold {region}"),
    AppKey("LOGIN_BASE", "Seller Central base for the sandbox; may hold {region}"),
    AppKey("TOKEN_URL", "LWA token address for the sandbox"),
)
FIELDS = (
    Field(
        "seller_id",
        "Seller ID",
        "Seller Central: Settings, Account info, Your merchant token. It starts with A.",
        pattern=r"[A-Z0-9]{5,32}",
    ),
    Field(
        "refresh_token",
        "Refresh token",
        "Seller Central: Apps & Services, Develop Apps, Authorize app. It starts with Atzr and is shown only once.",
        secret=True,
        pattern=r"Atzr\|\S{8,}",
    ),
)


def login_url(request: LoginRequest) -> str:
    """The consent page. Amazon takes no scope, client id or PKCE: the roles of the application decide."""
    query = {
        "application_id": request.keys["APPLICATION_ID"],
        "state": request.state,
        "redirect_uri": request.redirect_uri,
    }
    if request.keys.get("DRAFT") == "1":
        query["version"] = "beta"  # without it the page of a draft application fails with MD1000
    return f"{central_base(request.keys, request.realm)}/apps/authorize/consent?{urlencode(query)}"


def finish_login(http: Http, request: LoginRequest, answer: Mapping[str, str], now: datetime) -> Credentials:
    """Amazon names its parameters in its own way: `spapi_oauth_code` is the code. It lives five minutes."""
    if not hmac.compare_digest(answer.get("state", "").encode(), request.state.encode()):
        raise LoginDeclined("the answer does not belong to this login")
    code, seller = answer.get("spapi_oauth_code", ""), clean(answer.get("selling_partner_id", ""), 64)
    if not code or not seller:
        raise LoginDeclined(clean(answer.get("error_description") or answer.get("error") or "", 300))
    token = oauth.fetch(http, _endpoint(request.keys), code=code, redirect_uri=request.redirect_uri)
    if not token.refresh_token:
        raise Transient("a token answer without a refresh token", maybe_done=True, call="fetchToken")
    return Credentials(
        secrets={"refresh_token": token.refresh_token},
        public={"seller_id": seller},
        access_token=token.access_token,
        access_expires_at=now + timedelta(seconds=_lifetime(token)),
        authorised_at=now,
        expires_at=now + LIFETIME,
    )


def typed(values: Mapping[str, str], now: datetime) -> Credentials:
    """Seller id and refresh token as the seller copied them. Their end is unknown: the token does not tell its age."""
    for key in ("refresh_token", "seller_id"):
        if values.get(key, "").strip().lower().startswith(_MWS):
            raise ValueError(key, NO_MWS)
    token = values.get("refresh_token", "").strip()
    if token and not token.startswith("Atzr|"):
        raise ValueError("refresh_token", NO_REFRESH_TOKEN)
    form = oauth.Form.read(FIELDS, values)
    return Credentials(
        secrets={"refresh_token": form.values["refresh_token"]},
        public={"seller_id": form.values["seller_id"], "way": "typed"},
        authorised_at=now,
    )


def refresh(http: Http, keys: AppKeys, credentials: Credentials, now: datetime) -> Credentials:
    """New access for an hour. Amazon gives the same refresh token back; a new one would be kept."""
    old = credentials.secrets["refresh_token"]
    token = oauth.refresh(http, _endpoint(keys), old, known_end=credentials.expires_at, now=now)
    return replace(
        credentials,
        secrets={**credentials.secrets, "refresh_token": token.refresh_token or old},
        access_token=token.access_token,
        access_expires_at=now + timedelta(seconds=_lifetime(token)),
    )


def renew_redirect(keys: AppKeys, params: Mapping[str, str]) -> Renewal:
    """Check the call of our Login URI: only a known Seller Central may be gone back to. ValueError otherwise."""
    callback = params.get("amazon_callback_uri", "")
    state, seller = params.get("amazon_state", ""), params.get("selling_partner_id", "")
    if not state or len(state) > 4000 or not seller or clean(seller, 64) != seller:
        raise ValueError("the renewal names no state or no seller")
    realm = _realm_of(keys, callback)
    return Renewal(realm, seller, callback, state, draft=params.get("version") == "beta")


def renewal_url(renewal: Renewal, state: str, redirect_uri: str) -> str:
    """Back to Amazon with both states; it then returns to `redirect_uri` with a code, as after a consent."""
    parts = urlsplit(renewal.callback)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    query |= {"amazon_state": renewal.remote_state, "state": state, "redirect_uri": redirect_uri}
    if renewal.draft:
        query["version"] = "beta"
    return parts._replace(query=urlencode(query)).geturl()


def _realm_of(keys: AppKeys, address: str) -> str:
    if len(address) > 2000 or any(ord(mark) <= 32 or mark == "\\" for mark in address):
        raise ValueError("the address to go back to is malformed")
    parts = urlsplit(address)
    if "@" in parts.netloc or parts.fragment or not parts.hostname:
        raise ValueError("the address to go back to is malformed")
    for one in REGIONS:
        if keys.get("LOGIN_BASE"):
            base = urlsplit(central_base(keys, one.key))
            inside = parts.path.startswith(base.path + "/") and ".." not in parts.path
            if (parts.scheme, parts.netloc) == (base.scheme, base.netloc) and inside:
                return one.key
        elif parts.scheme == "https" and parts.netloc.lower() in one.hosts:
            return one.key
    raise ValueError("the address to go back to is not Seller Central")


def _endpoint(keys: AppKeys) -> oauth.TokenEndpoint:
    return oauth.TokenEndpoint(token_url(keys), keys["CLIENT_ID"], keys["CLIENT_SECRET"])


def _lifetime(token: oauth.Token) -> int:
    """Seconds to count on the access token: what Amazon says, an hour if it does not, never more than a day."""
    return min(max(token.expires_in if token.expires_in is not None else 3600, 0), 86_400)
