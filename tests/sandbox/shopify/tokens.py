"""Owns identity: ID tokens of a signed-in person, their exchange, expiring access tokens and their refresh.

ID tokens live in real time, whatever the sandbox's clock says: the libraries that check them read the system clock.
Access and refresh tokens live on the sandbox's clock.
"""

import base64
import hashlib
import hmac
import secrets
import time
from typing import Any
from urllib.parse import urlencode

import jwt
from flask import Blueprint, Response, jsonify, request

from tests.sandbox.clock import iso
from tests.sandbox.shopify.scopes import compressed
from tests.sandbox.shopify.state import Record, Shop, shops_of
from tests.sandbox.world import World

ACCESS_SECONDS = 3600
REFRESH_SECONDS = 90 * 86400
# How long a refresh token that was used may be used again, as long as its successor was not (changelog 2026-08-28).
GRACE_SECONDS = 30 * 86400
LEEWAY = 10
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
OFFLINE = "urn:shopify:params:oauth:token-type:offline-access-token"


def mint_id_token(
    world: World,
    domain: str,
    user_id: str = "1",
    seconds: int = 60,
    claims: Record | None = None,
    secret: str | None = None,
) -> str:
    """The ID token that App Bridge would hand to the app. A claim given as None is left out."""
    now = int(time.time())
    shop = f"https://{domain}"
    payload: Record = {
        "iss": f"{shop}/admin",
        "dest": shop,
        "aud": world.settings.api_key,
        "sub": str(user_id),
        "exp": now + seconds,
        "nbf": now,
        "iat": now,
        "jti": secrets.token_hex(16),
        "sid": secrets.token_hex(32),
    }
    payload |= claims or {}
    payload = {name: value for name, value in payload.items() if value is not None}
    return jwt.encode(payload, secret or world.settings.api_secret, algorithm="HS256")


def host_parameter(name: str) -> str:
    """The `host` parameter in Shopify's shape, whatever the stand-in admin's own address is."""
    return base64.b64encode(f"admin.shopify.com/store/{name}".encode()).decode().rstrip("=")


def sign_query(parameters: Record, secret: str) -> str:
    """Hex HMAC-SHA256 over the sorted `k=v` pairs, delimiters inside keys and values escaped."""

    def escaped(text: Any) -> str:
        return str(text).replace("%", "%25").replace("&", "%26")

    named = [(escaped(key).replace("=", "%3D"), escaped(value)) for key, value in sorted(parameters.items())]
    pairs = [f"{key}={value}" for key, value in named if key not in ("hmac", "signature")]
    return hmac.new(secret.encode(), "&".join(pairs).encode(), hashlib.sha256).hexdigest()


def first_load_query(world: World, shop: Shop, id_token: str, locale: str | None = None, **more: str) -> str:
    """The query string with which the admin loads the app's first document into the iframe."""
    parameters: Record = {
        "embedded": "1",
        "host": host_parameter(shop.name),
        "id_token": id_token,
        "locale": locale or shop.data["locale"],
        "session": secrets.token_hex(32),
        "shop": shop.domain,
        "timestamp": str(int(time.time())),
        **more,
    }
    parameters["hmac"] = sign_query(parameters, world.settings.api_secret)
    return urlencode(parameters)


def install(shop: Shop) -> None:
    """Managed installation: the scopes of the app's configuration are granted, nobody is asked."""
    if not shop.data["installed"]:
        shop.data |= {"installed": True, "installed_at": iso(shop.now()), "uninstalled_at": None}
        shop.save()
        shop.world.ledger.record("shopify", "app.installed", shop.domain, {"shop": shop.domain})


def uninstall(shop: Shop) -> None:
    """Every token dies at once; the shop's orders stay."""
    shop.data |= {"installed": False, "uninstalled_at": time.time(), "tokens": []}
    shop.save()
    shop.world.ledger.record("shopify", "app.uninstalled", shop.domain, {"shop": shop.domain})


def find_access(shop: Shop, token: str | None) -> Record | None:
    """The living access token of that text; its first use kills the refresh token it came from."""
    now = shop.now_seconds()
    for pair in shop.data["tokens"]:
        if token and secrets.compare_digest(pair["access"].encode(), token.encode()) and pair["access_until"] > now:
            _used(shop, pair)
            found: Record = pair
            return found
    return None


def _used(shop: Shop, pair: Record) -> None:
    if pair["used"]:
        return
    pair["used"] = True
    for older in shop.data["tokens"]:
        if older["refresh"] is not None and older["refresh"] == pair["parent"]:
            older["refresh_dead"] = True
    shop.save()


def _issue(shop: Shop, parent: str | None, expiring: bool = True) -> Record:
    now = shop.now_seconds()
    living = [one for one in shop.data["tokens"] if max(one["access_until"], one["refresh_until"]) > now]
    pair: Record = {
        "access": "shpat_" + secrets.token_hex(16),
        "refresh": "shprt_" + secrets.token_hex(16) if expiring else None,
        "access_until": now + (ACCESS_SECONDS if expiring else 100 * 365 * 86400),
        "refresh_until": now + REFRESH_SECONDS if expiring else 0.0,
        "refresh_dead": False,
        "first_refreshed": None,
        "parent": parent,
        "used": False,
    }
    shop.data["tokens"] = [*living, pair]
    shop.data["token_count"] += 1
    shop.save()
    answer: Record = {"access_token": pair["access"], "scope": ",".join(compressed(shop.data["scopes"]))}
    if expiring:
        answer |= {
            "expires_in": ACCESS_SECONDS,
            "refresh_token": pair["refresh"],
            "refresh_token_expires_in": REFRESH_SECONDS,
        }
    return answer


def _subject_is_good(world: World, shop: Shop, token: str) -> bool:
    try:
        claims = jwt.decode(
            token,
            world.settings.api_secret,
            algorithms=["HS256"],
            audience=world.settings.api_key,
            leeway=LEEWAY,
            options={"require": ["exp", "nbf", "iat", "iss", "dest", "aud", "sub"]},
        )
    except jwt.PyJWTError:
        return False
    if claims["dest"] != f"https://{shop.domain}" or claims["iss"] != f"https://{shop.domain}/admin":
        return False
    # A person who opened the app before it was uninstalled cannot install it again with that old page.
    return not (shop.data["uninstalled_at"] and claims["iat"] < int(shop.data["uninstalled_at"]))


def _refused(code: str, words: str, status: int = 400) -> Response:
    response = jsonify(error=code, error_description=words)
    response.status_code = status
    return response


def exchange(world: World, shop: Shop, wish: Record) -> Response:
    """Turn an ID token into an offline token; the first exchange of a shop installs the app."""
    if wish.get("subject_token_type") != ID_TOKEN or wish.get("requested_token_type") != OFFLINE:
        return _refused("invalid_request", "Only ID tokens can be exchanged, only for offline tokens.")
    if not _subject_is_good(world, shop, str(wish.get("subject_token") or "")):
        return _refused("invalid_subject_token", "The subject token is invalid.")
    install(shop)
    answer = _issue(shop, None, expiring=str(wish.get("expiring", "0")) == "1")
    world.ledger.record("shopify", "token.exchanged", shop.domain, {"shop": shop.domain, "scope": answer["scope"]})
    return jsonify(answer)


def refresh(world: World, shop: Shop, wish: Record) -> Response:
    """Turn a refresh token into a new pair. A used one works again only until its successor is used."""
    now = shop.now_seconds()
    text = str(wish.get("refresh_token") or "")
    pair = next((one for one in shop.data["tokens"] if text and one["refresh"] == text), None)
    if pair is None or pair["refresh_dead"] or pair["refresh_until"] <= now:
        return _refused("invalid_grant", "The refresh token is invalid, expired or was replaced.")
    repeated = pair["first_refreshed"] is not None
    if repeated and now - pair["first_refreshed"] > GRACE_SECONDS:
        return _refused("invalid_grant", "The refresh token is invalid, expired or was replaced.")
    _used(shop, pair)
    pair["first_refreshed"] = pair["first_refreshed"] if repeated else now
    answer = _issue(shop, pair["refresh"])
    world.ledger.record("shopify", "token.refreshed", shop.domain, {"shop": shop.domain, "repeated": repeated})
    return jsonify(answer)


def register(app: Blueprint, world: World) -> None:
    """Add the token endpoint; the Host header chooses the shop. Faults: operation "token", label `grant`."""

    @app.post("/admin/oauth/access_token")
    def access_token() -> Response:
        wish = request.get_json(silent=True) or request.form.to_dict()
        kind = str(wish.get("grant_type"))
        grant = {EXCHANGE: "exchange", "refresh_token": "refresh"}.get(kind, "unknown")

        def execute() -> Response:
            with world.lock:
                shop = shops_of(world).find(request.host)
                return _answer(world, shop, wish, grant)

        labels = {"shop": request.host.lower().split(":")[0], "grant": grant}
        return world.faults.run("shopify", "token", labels, execute)


def _answer(world: World, shop: Shop | None, wish: Record, grant: str) -> Response:
    if shop is None:
        return _refused("not_found", "There is no such shop.", 404)
    if wish.get("client_id") != world.settings.api_key or wish.get("client_secret") != world.settings.api_secret:
        return _refused("invalid_client", "Client authentication failed.", 401)
    match grant:
        case "exchange":
            return exchange(world, shop, wish)
        case "refresh" if not shop.data["installed"]:
            return _refused("invalid_grant", "The app is not installed.", 401)
        case "refresh":
            return refresh(world, shop, wish)
    return _refused("unsupported_grant_type", "This grant type is not supported.")
