"""Owns the token endpoint: code, refresh and client-credentials grants by Basic authentication, and its refusals."""

import base64
import binascii
import hmac
import json
from typing import Any

from flask import Flask, Response, request

from tests.sandbox.ebay.users import REFRESH_SECONDS, Users
from tests.sandbox.world import World

REFRESH = "the provided authorization refresh token is invalid or was issued to another client"
CODE = "the provided authorization grant code is invalid or was issued to another client"
SCOPE = "The requested scope is invalid, unknown, malformed, or exceeds the scope granted to the client"


def register(app: Flask, world: World, users: Users) -> None:
    """Add the endpoint (system "ebay", operation "token", labels grant and seller)."""

    @app.post("/ebay/api/identity/v1/oauth2/token")
    def ebay_token() -> Response:
        form = request.form.to_dict()
        labels = {"grant": form.get("grant_type", ""), "seller": users.known_refresh(form.get("refresh_token", ""))}
        return world.faults.run("ebay", "token", labels, lambda: _grant(world, users, form))


def _grant(world: World, users: Users, form: dict[str, str]) -> Response:
    if not _client_is_right(users):
        return _refused(world, 401, "invalid_client", "client authentication failed", "")
    match form.get("grant_type"):
        case "authorization_code":
            user = users.redeem(form.get("code", ""), form.get("redirect_uri", ""))
            if user is None or users.get(user)["authorisation"] != "ok":
                return _refused(world, 400, "invalid_grant", CODE, "")
            access, seconds = users.new_access(user, list(users.get(user)["scopes"]))
            world.ledger.record("ebay", "ebay.exchange", user)
            more = {"refresh_token": users.new_refresh(user), "refresh_token_expires_in": REFRESH_SECONDS}
            return _given(access, seconds, "User Access Token", more)
        case "refresh_token":
            token = form.get("refresh_token", "")
            row, known = users.of_refresh(token), users.known_refresh(token)
            if row is None:
                return _refused(world, 400, "invalid_grant", REFRESH, known)
            asked = form["scope"].split() if form.get("scope") else list(row["scopes"])
            if not set(asked) <= set(row["scopes"]):
                return _refused(world, 400, "invalid_scope", SCOPE, known)
            access, seconds = users.new_access(row["user"], asked)
            world.ledger.record("ebay", "ebay.refresh", known)
            return _given(access, seconds, "User Access Token", {})
        case "client_credentials":
            access, seconds = users.new_app_token()
            world.ledger.record("ebay", "ebay.app_token")
            return _given(access, seconds, "Application Access Token", {})
    return _refused(world, 400, "unsupported_grant_type", "grant type in request is not supported", "")


def _client_is_right(users: Users) -> bool:
    # Only the header counts: eBay takes no secret in the form.
    kind, _, told = request.headers.get("Authorization", "").partition(" ")
    try:
        pair = base64.b64decode(told, validate=True)
    except (ValueError, binascii.Error):
        return False
    wanted = f"{users.app.client_id}:{users.app.client_secret}".encode()
    return kind == "Basic" and "client_secret" not in request.form and hmac.compare_digest(pair, wanted)


def _given(access: str, seconds: int, kind: str, more: dict[str, Any]) -> Response:
    return _json(200, {"access_token": access, "expires_in": seconds, **more, "token_type": kind})


def _refused(world: World, status: int, error: str, description: str, user: str) -> Response:
    world.ledger.record("ebay", "ebay.refused", user, {"status": status, "error": error})
    return _json(status, {"error": error, "error_description": description})


def _json(status: int, value: Any) -> Response:
    response = Response(json.dumps(value), status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
