"""Owns Login with Amazon's token endpoint: code and refresh grants, and its refusals."""

import hmac
import json
import uuid
from typing import Any

from flask import Flask, Response, request

from tests.sandbox.amazon.sellers import Sellers
from tests.sandbox.world import World

REVOKED = (
    "The request has an invalid grant parameter : refresh_token. User may have revoked or didn't grant the permission."
)
DEAD_CODE = "The request has an invalid grant parameter : code"


def register(app: Flask, world: World, sellers: Sellers) -> None:
    """Add POST /amazon/auth/o2/token (system "lwa", operation "token", labels grant and seller)."""

    @app.post("/amazon/auth/o2/token")
    def token() -> Response:
        form = request.form.to_dict()
        labels = {"grant": form.get("grant_type", ""), "seller": sellers.known_refresh(form.get("refresh_token", ""))}
        return world.faults.run("lwa", "token", labels, lambda: _grant(world, sellers, form))


def _grant(world: World, sellers: Sellers, form: dict[str, str]) -> Response:
    if not _client_is_right(world, form):
        return _refused(world, 401, "invalid_client", "Client authentication failed", "")
    match form.get("grant_type"):
        case "authorization_code":
            seller = sellers.redeem(form.get("code", ""), form.get("redirect_uri"))
            if seller is None or sellers.get(seller)["authorisation"] != "ok":
                return _refused(world, 400, "invalid_grant", DEAD_CODE, "")
            refresh, effect = sellers.new_refresh(seller), "lwa.exchange"
        case "refresh_token":
            refresh = form.get("refresh_token", "")
            seller, effect = sellers.seller_of_refresh(refresh), "lwa.refresh"
            if seller is None:
                return _refused(world, 400, "invalid_grant", REVOKED, sellers.known_refresh(refresh))
            refresh = sellers.rotated(refresh)
        case None:
            return _refused(
                world, 400, "invalid_request", "The request is missing a required parameter : grant_type", ""
            )
        case _:
            return _refused(world, 400, "unsupported_grant_type", "The authorization grant type is not supported", "")
    access, seconds = sellers.new_access(seller)
    world.ledger.record("lwa", effect, seller)
    return _json(200, {"access_token": access, "refresh_token": refresh, "token_type": "bearer", "expires_in": seconds})


def _client_is_right(world: World, form: dict[str, str]) -> bool:
    # Only the form counts: Amazon takes no Basic header here.
    pairs = (
        (form.get("client_id", ""), world.settings.amazon_client_id),
        (form.get("client_secret", ""), world.settings.amazon_client_secret),
    )
    return all(hmac.compare_digest(given.encode(), wanted.encode()) for given, wanted in pairs)


def _refused(world: World, status: int, error: str, description: str, seller: str) -> Response:
    world.ledger.record("lwa", "lwa.refused", seller, {"status": status, "error": error})
    body: dict[str, Any] = {"error": error, "error_description": description}
    if error != "invalid_client":
        body |= {"error_index": str(uuid.uuid4()), "request_id": str(uuid.uuid4())}
    return _json(status, body)


def _json(status: int, value: Any) -> Response:
    response = Response(json.dumps(value), status, content_type="application/json;charset=UTF-8")
    response.headers["Cache-Control"] = "no-store"
    response.headers["x-amzn-RequestId"] = str(uuid.uuid4())
    return response
