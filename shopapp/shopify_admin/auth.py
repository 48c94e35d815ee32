"""Who is asking: verifies ID tokens twice (both libraries) and once more (our own checks); cleans `shop` and `host`.

Both libraries let some broken tokens pass (no `exp`, foreign `dest`, issuer of another shop), each its own;
only what all three accept counts. ID tokens live in real time, so the wall's clock judges them, never ours.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shopify import session_token
from shopify.api_access import ApiAccess, ApiAccessError
from shopify.utils import shop_url
from werkzeug.wrappers import Request

from shopapp import runtime
from shopapp.records.models import Shop
from shopapp.shopify_admin.tokens import library

BOUNCE = "/session-token-bounce"
LONGEST = 600  # seconds an ID token may live; Shopify's live for 60
LONGEST_ID = 64  # characters of a person's id, as our tables hold it
TEXTS = ("iss", "dest", "sub", "aud", "jti", "sid")
TIMES = ("exp", "nbf", "iat")
_HOST = re.compile(r"admin\.shopify\.com/store/([a-z0-9][a-z0-9-]*)|([a-z0-9][a-z0-9-]*)\.myshopify\.com/admin")
_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, slots=True)
class Visitor:
    """A staff member of a shop, proven by an ID token. `by_header` tells an App Bridge fetch from a document load."""

    shop_domain: str
    user_id: str
    id_token: str
    locale: str
    host: str
    by_header: bool

    def __repr__(self) -> str:
        return f"Visitor({self.shop_domain}, user {self.user_id})"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nobody is proven. `reason` is for the log; `had_token` tells a bad token from none."""

    reason: str
    had_token: bool


def verify(request: Request) -> Visitor | Refusal:
    """The visitor of this request, from the bearer token, else from the `id_token` of the query."""
    header = request.headers.get("Authorization", "")
    token = header.removeprefix("Bearer ") if header else request.args.get("id_token", "")
    if not token:
        return Refusal("no_token", False)
    asked: Any = {"method": request.method, "headers": dict(request.headers), "url": request.url, "body": ""}
    try:
        result = library().verify_app_home_req(asked, BOUNCE)
        if not result.ok or result.id_token is None:
            return Refusal(result.log.code, True)
        claims = result.id_token.claims
        trouble = _second_opinion(result.id_token.token) or _own_checks(claims)
    except (AttributeError, TypeError, ValueError):  # both libraries take it for granted that claims are texts
        return Refusal("claim_types", True)
    if trouble:
        return Refusal(trouble, True)
    return Visitor(
        shop_domain=claims["dest"].removeprefix("https://"),
        user_id=claims["sub"],
        id_token=result.id_token.token,
        locale=_locale(request),
        host=request.args.get("host", "") if sanitise_host(request.args.get("host", "")) else "",
        by_header=bool(header),
    )


def _second_opinion(token: str) -> str:
    config = runtime.config()
    trouble = ""
    for secret in filter(None, (config["SHOPIFY_API_SECRET"], config["SHOPIFY_API_SECRET_OLD"])):
        try:
            session_token.decode_from_header(f"Bearer {token}", config["SHOPIFY_API_KEY"], secret)
            return ""
        except session_token.SessionTokenError as error:
            trouble = type(error).__name__
    return trouble or "no_secret"


def _own_checks(claims: Mapping[str, Any]) -> str:
    for name in TEXTS:
        if not isinstance(claims.get(name), str) or not claims[name].strip() or not claims[name].isprintable():
            return f"claim_{name}"
    if len(claims["sub"]) > LONGEST_ID:
        return "claim_sub"
    for name in TIMES:
        if isinstance(claims.get(name), bool) or not isinstance(claims.get(name), int):
            return f"claim_{name}"
    if not 0 < claims["exp"] - claims["iat"] <= LONGEST:
        return "claim_lifetime"
    if claims["aud"] != runtime.config()["SHOPIFY_API_KEY"]:
        return "claim_aud"
    shop = sanitise_shop(claims["dest"].removeprefix("https://"))
    if not shop or claims["dest"] != f"https://{shop}":
        return "claim_dest"
    if claims["iss"] != f"{claims['dest']}/admin":
        return "claim_iss"
    return ""


def _locale(request: Request) -> str:
    wish = request.args.get("locale") or request.headers.get("Accept-Language", "").split(",")[0].split(";")[0]
    wish = wish.strip().replace("_", "-")
    return wish[:16] if _LOCALE.fullmatch(wish) else ""


def sanitise_shop(text: str) -> str:
    """The canonical myshopify.com domain that `text` names, "" when it names none exactly."""
    name = (text or "").strip().lower()
    # The library forgives what a URL parser drops (line breaks, tabs, a path); only the plain forms may pass.
    domain = str(shop_url.sanitize_shop_domain(name) or "")
    plain = {domain, domain.removesuffix(".myshopify.com"), f"https://{domain}", f"http://{domain}"}
    return domain if domain and name in plain and len(domain) <= 255 else ""


def sanitise_host(text: str) -> str:
    """The decoded `host` parameter when it is an address of Shopify's admin, else ""."""
    try:
        raw = base64.b64decode((text or "") + "=" * (-len(text or "") % 4), altchars=b"-_", validate=True)
        decoded = raw.decode("ascii")
    except (binascii.Error, ValueError):
        return ""
    return decoded if _HOST.fullmatch(decoded) else ""


def missing_scopes(granted: str, required: str) -> list[str]:
    """The scopes of `required` that `granted` does not cover (a write scope covers its read scope), sorted."""
    try:
        given = ApiAccess(granted)
    except ApiAccessError:
        # A scope of a shape unknown to the library grants nothing that we ask for.
        given = ApiAccess([scope for scope in granted.split(",") if re.fullmatch(r"(write|read)_\w+", scope.strip())])
    return sorted(scope for scope in required.split(",") if not given.covers(ApiAccess([scope])))


def admin_url(shop: Shop | str, path: str = "") -> str:
    """The address in Shopify's admin at which the app shows `path` ("/orders/12?x=1") of `shop` (or its domain)."""
    domain = shop if isinstance(shop, str) else shop.domain
    config = runtime.config()
    handle = domain.removesuffix(".myshopify.com")
    return f"{config['ADMIN_ORIGIN']}/store/{handle}/apps/{config.app_handle}{path if path != '/' else ''}"
