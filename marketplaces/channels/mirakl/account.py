"""Whose key it is and in what state the shop is: A01, asked when somebody connects or repairs and once a day, not oftener.

Between these the list of orders is the probe. At set-up alone (no seller is known yet) the address may be to blame.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any, NoReturn

from marketplaces.channel import Line
from marketplaces.channels.mirakl import calls, carriers
from marketplaces.data import Seller, Site
from marketplaces.errors import AccountInactive, PermissionMissing, Rejected, RemoteError, Transient
from marketplaces.text import clean

PATH = "/api/account"
SITE = "shop"
CALL = calls.GET_ACCOUNT.operation
# A shop that its seller has closed for a holiday (CLOSE) still has orders to ship.
_WORKS = frozenset({"OPEN", "CLOSE"})
_UNPROVED = frozenset({"REFUSED", "PENDING_SUBMISSION", "PENDING_APPROVAL"})
_OTHER_TRADE = frozenset({"DROPSHIP"})  # there offers hold purchasing prices, and orders are the operator's
_ADDRESS = frozenset({"host_refused", "not_public", "unknown_host", "redirect"})


def identify(line: Line) -> Seller:
    """The shop of the key. AccountInactive with the instance's words when it cannot be used.

    Rejected "wrong_address" or "seller_mismatch" beside the field, when a seller connects.
    """
    if line.seller_id:
        with suppress(PermissionMissing):  # the account says why
            told = calls.get(line, calls.LIST_ORDERS, "/api/orders", {"max": "1"})
            if not isinstance(told.get("orders"), list):
                raise Transient("an order page of an unknown shape", call=calls.LIST_ORDERS.operation)
        return replace(look(line), about=carriers.about(line))
    try:
        seller = look(line)
    except Transient as error:
        if error.code in _ADDRESS or error.status in (200, 404):
            _nobody_there(error)
        raise
    except Rejected as error:
        if error.reason == "not_found":
            _nobody_there(error)
        raise
    return replace(seller, about=carriers.about(line))


def look(line: Line) -> Seller:
    """The shop as A01 tells it."""
    body = calls.get(line, calls.GET_ACCOUNT, PATH)
    try:
        shop_id, state = clean(body["shop_id"], 64), clean(body["shop_state"], 40)
        name = clean(body.get("shop_name"), 100)
        trouble = _trouble(body, state)
    except (KeyError, TypeError, AttributeError) as error:
        words = f"an account of an unknown shape ({type(error).__name__})"
        raise Transient(words, status=200, call=CALL) from error
    if not shop_id or not state:
        raise Transient("an account without id or state", status=200, call=CALL)
    if trouble:
        raise AccountInactive(trouble, code=state, call=CALL)
    wanted = line.credentials.public.get(calls.SHOP_ID, "")
    if wanted and wanted != shop_id:
        words = f"The key belongs to the shop {shop_id}, not to {wanted}."
        raise Rejected(words, field=calls.SHOP_ID, reason="seller_mismatch", call=CALL)
    return Seller(line.realm, shop_id, name, (Site(SITE, line.realm),))


def _trouble(body: dict[str, Any], state: str) -> str:
    """Why the shop cannot be used, in the instance's own words; "" when it can."""
    kyc = body.get("kyc") or {}
    proof, model = clean(kyc.get("status"), 40), clean(body.get("model"), 40)
    told = []
    if state and state not in _WORKS:
        told.append(f"shop_state {state}")
        told += [f"suspension_type {clean(body['suspension_type'], 60)}"] if body.get("suspension_type") else []
    if proof in _UNPROVED:
        reason = clean(kyc.get("reason"), 200)
        told.append(f"kyc {proof}" + (f": {reason}" if reason else ""))
    if model in _OTHER_TRADE:
        told.append(f"model {model}")
    return ", ".join(told)


def _nobody_there(error: RemoteError) -> NoReturn:
    known: dict[str, Any] = {"code": error.code, "status": error.status, "call": error.call}
    raise Rejected(error.words, field=calls.ADDRESS, reason="wrong_address", **known) from error
