"""eBay's authorisation: consent by RuName, tokens by Basic authentication, and an end that only the linking tells.

Vendor: "The authorization code grant flow", "Using a refresh token to update a User access token". eBay knows no PKCE. Its
token type is "User Access Token", which the OAuth library takes as long as it does not sign calls.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from marketplaces import login as oauth
from marketplaces.channel import AppKey, AppKeys, LoginRequest
from marketplaces.channels.ebay.sites import login_base, token_url
from marketplaces.data import Credentials
from marketplaces.errors import AuthRevoked, LoginDeclined, PermissionMissing, Transient
from marketplaces.text import clean
from marketplaces.wire import Http

LIFETIME = timedelta(days=547)  # of a refresh token: eighteen months, told once and never prolonged
LONGEST = timedelta(days=3650)
_SCOPE = "https://api.ebay.com/oauth/api_scope"
SCOPES = (
    _SCOPE,
    f"{_SCOPE}/sell.fulfillment",
    f"{_SCOPE}/sell.inventory",
    f"{_SCOPE}/sell.account.readonly",
    f"{_SCOPE}/commerce.identity.readonly",
    f"{_SCOPE}/commerce.notification.subscription",
)
_A_DAY = "[1-9][0-9]{3,8}"  # of less than a thousand calls no budget can be kept
APP_KEYS = (
    AppKey("CLIENT_ID", "App ID (Client ID) of the eBay keyset"),
    AppKey("CLIENT_SECRET", "Cert ID (Client Secret) of the eBay keyset", secret=True),
    AppKey("RUNAME", "RuName: eBay's name for our return address, not the address itself"),
    AppKey(
        "VERIFICATION_TOKEN",
        "token of 32 to 80 letters, digits, _ and - that is typed at eBay beside the address for notices",
        secret=True,
        form="[A-Za-z0-9_-]{32,80}",
    ),
    AppKey(
        "FULFILLMENT_A_DAY",
        "calls a day of the Fulfillment API, if eBay grants more (or less) than 100000",
        form=_A_DAY,
    ),
    AppKey(
        "INVENTORY_A_DAY", "calls a day of the Inventory API, if eBay grants more (or less) than 2000000", form=_A_DAY
    ),
    AppKey("API_BASE", "base of eBay's API for the sandbox"),
    AppKey("IDENTITY_BASE", "base of eBay's identity API for the sandbox; empty: EBAY_API_BASE"),
    AppKey("LOGIN_BASE", "base of eBay's consent pages for the sandbox"),
)


def login_url(request: LoginRequest) -> str:
    """The consent page. Whoever is logged in at eBay is linked without a word, so a repair asks for a login anyway."""
    extra = {"prompt": "login"} if request.force_login else {}
    return oauth.authorization_url(
        f"{login_base(request.keys)}/oauth2/authorize",
        request.keys["CLIENT_ID"],
        state=request.state,
        redirect_uri=request.keys["RUNAME"],
        scope=" ".join(SCOPES),
        **extra,
    )


def finish_login(http: Http, request: LoginRequest, answer: Mapping[str, str], now: datetime) -> Credentials:
    """From `state` and `code`, which was decoded once on its way here and is encoded once on its way on."""
    if not hmac.compare_digest(answer.get("state", "").encode(), request.state.encode()):
        raise LoginDeclined("the answer does not belong to this login")
    code = answer.get("code", "")
    if not code:
        raise LoginDeclined(clean(answer.get("error_description") or answer.get("error") or "", 300))
    token = oauth.fetch(http, endpoint(request.keys), code=code, redirect_uri=request.keys["RUNAME"])
    if not token.refresh_token:
        raise Transient("a token answer without a refresh token", maybe_done=True, call="fetchToken")
    return Credentials(
        secrets={"refresh_token": token.refresh_token},
        access_token=token.access_token,
        access_expires_at=now + _life(token),
        authorised_at=now,
        expires_at=now + _whole_life(token),
    )


def refresh(http: Http, keys: AppKeys, credentials: Credentials, now: datetime) -> Credentials:
    """New access for two hours. The answer holds neither a new refresh token nor its end: both stay as they are.

    No scope is sent, so that what was granted is granted again. Should eBay refuse it even so, only a new consent helps.
    """
    old = credentials.secrets["refresh_token"]
    try:
        token = oauth.refresh(http, endpoint(keys), old, known_end=credentials.expires_at, now=now)
    except PermissionMissing as error:
        details = {"code": error.code, "call": error.call, "request_id": error.request_id}
        raise AuthRevoked(error.words, status=error.status, **details) from error
    return replace(
        credentials,
        secrets={**credentials.secrets, "refresh_token": token.refresh_token or old},
        access_token=token.access_token,
        access_expires_at=now + _life(token),
    )


def endpoint(keys: AppKeys) -> oauth.TokenEndpoint:
    """Where tokens are made, with our keyset as Basic authentication."""
    return oauth.TokenEndpoint(token_url(keys), keys["CLIENT_ID"], keys["CLIENT_SECRET"], basic=True)


def _life(token: oauth.Token) -> timedelta:
    """How long access lasts: what is told, within reason."""
    told = 7200 if token.expires_in is None else token.expires_in
    return timedelta(seconds=min(max(told, 60), 86_400))


def _whole_life(token: oauth.Token) -> timedelta:
    """How long the refresh token lasts. Only this answer tells it."""
    told = token.extra.get("refresh_token_expires_in")
    if isinstance(told, bool) or not isinstance(told, int) or not 0 < told <= LONGEST.total_seconds():
        return LIFETIME
    return timedelta(seconds=told)
