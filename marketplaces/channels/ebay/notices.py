"""What eBay sends us: an authorisation was revoked, an account was closed; and the question whether the address is ours.

Each message is signed with a key that eBay tells by its id; keys and our application's own access are kept in memory for a
while, because both are rationed. Vendor: "Marketplace account deletion", topic AUTHORIZATION_REVOCATION, getPublicKey.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from requests.auth import HTTPBasicAuth

from marketplaces.channel import AppKeys
from marketplaces.channels.ebay import calls
from marketplaces.channels.ebay.answers import check
from marketplaces.channels.ebay.login import SCOPES
from marketplaces.channels.ebay.sites import REALM, api_base, token_url
from marketplaces.data import Heard, Notice, Told
from marketplaces.errors import OurFault, Rejected, RemoteError, Transient
from marketplaces.exact import parse_json
from marketplaces.moments import moment
from marketplaces.text import clean
from marketplaces.wire import Http

CLOSED, REVOKED = "MARKETPLACE_ACCOUNT_DELETION", "AUTHORIZATION_REVOCATION"
NOT_OURS = Heard(412)  # what eBay wants to read when a signature does not fit
TAKEN = Heard(204)
KEPT = timedelta(hours=1)
MOST = 100  # keys in memory
OUR_KEYS = ("invalid_client", "unauthorized_client", "invalid_scope")  # refusals that only the operator can mend
_KID = re.compile(r"[A-Za-z0-9._-]{8,100}")
_PEM = re.compile(r"-----(BEGIN|END) PUBLIC KEY-----|\s")
_lock = threading.Lock()
_remembered: dict[tuple[str, str], tuple[datetime, Any]] = {}  # (our application, what) -> (until, value)


def hear(http: Http, keys: AppKeys, notice: Notice) -> Heard:
    """Answer the question about our address, or check a message and tell what it says."""
    if notice.method == "GET":
        return _challenged(keys, notice)
    signature = _signature(notice.headers.get("x-ebay-signature", ""))
    if signature is None:
        return NOT_OURS
    kid, signed = signature
    key = _public_key(http, keys, kid, notice.now)
    if key is None or not _fits(key, signed, notice.body):
        return NOT_OURS
    try:
        message = parse_json(notice.body)
        return Heard(TAKEN.status, events=_events(message["metadata"]["topic"], message["notification"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Heard(400)


def _challenged(keys: AppKeys, notice: Notice) -> Heard:
    """The hash of the question, our token and the address, in this order, as eBay registered it."""
    asked, token = notice.args.get("challenge_code", ""), keys.get("VERIFICATION_TOKEN")
    if not asked or len(asked) > 500 or not token:
        return Heard(400)
    answer = hashlib.sha256(f"{asked}{token}{notice.url}".encode()).hexdigest()
    return Heard(200, {"challengeResponse": answer})


def _events(topic: str, notification: Mapping[str, Any]) -> tuple[Told, ...]:
    """In our words; messages about anything else are taken without one."""
    data = notification["data"]
    user, name = clean(data.get("userId"), 120), clean(data.get("username"), 120)
    if topic == REVOKED and user:
        told = data.get("revocationDate") or notification.get("eventDate")
        return (Told("revoked", REALM, seller_id=user, words=clean(data.get("revokeReason"), 60), at=_when(told)),)
    if topic == CLOSED:
        # Orders know a buyer by name, or by id where eBay gives no names any more.
        people = dict.fromkeys(one for one in (user, name) if one)
        return tuple(Told("closed", REALM, seller_id=one if one == user else "", buyer=one) for one in people)
    return ()


def _when(raw: Any) -> datetime | None:
    try:
        return moment(raw)
    except (TypeError, ValueError):
        return None


def _signature(header: str) -> tuple[str, bytes] | None:
    """(key id, signature) of the header; None when it is none of eBay's."""
    try:
        told = parse_json(base64.b64decode(header[:4000], validate=True))
        kid, signed = told["kid"], base64.b64decode(told["signature"], validate=True)
        right = (str(told.get("alg")).casefold(), str(told.get("digest")).casefold()) == ("ecdsa", "sha1")
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        return None
    return (kid, signed) if right and isinstance(kid, str) and _KID.fullmatch(kid) else None


def _fits(key: ec.EllipticCurvePublicKey, signed: bytes, body: bytes) -> bool:
    try:
        key.verify(signed, body, ec.ECDSA(hashes.SHA1()))  # noqa: S303  # the digest that eBay signs
    except InvalidSignature:
        return False
    return True


def _public_key(http: Http, keys: AppKeys, kid: str, now: datetime) -> ec.EllipticCurvePublicKey | None:
    """The key of that id, None when eBay has none. Raises the error families."""
    ours = f"{api_base(keys)} {keys.get('CLIENT_ID')}"
    known = _recall(ours, kid, now)
    if known is not None:
        return known if isinstance(known, ec.EllipticCurvePublicKey) else None
    try:
        key = _asked(http, keys, kid, now)
    except RemoteError:
        # Whoever makes up ids of keys uses up the calls for them; a key that was proved does not change.
        proved = _recall(ours, kid, None)
        if not isinstance(proved, ec.EllipticCurvePublicKey):
            raise
        return proved
    _remember(ours, kid, now + KEPT, key or False)
    return key


def _asked(http: Http, keys: AppKeys, kid: str, now: datetime) -> ec.EllipticCurvePublicKey | None:
    """What eBay says of a key; None when it has none of that id."""
    access = _app_token(http, keys, f"{api_base(keys)} {keys.get('CLIENT_ID')}", now)
    answer = http.request(
        calls.GET_KEY.call,
        "GET",
        api_base(keys) + calls.GET_KEY.path.format(kid=kid),
        auth=calls.Bearer(access),
        bucket=calls.NOTIFICATION.bucket("ebay"),
        secrets=(access, keys.get("CLIENT_SECRET")),
    )
    try:
        told = check(answer, secrets=(access,))
    except Rejected:
        return None
    try:
        der = base64.b64decode(_PEM.sub("", str(told["key"])), validate=True)
        key = load_der_public_key(der)
    except (KeyError, ValueError) as error:
        raise Transient("a public key of an unknown shape", call=calls.GET_KEY.call) from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Transient("a public key of another kind", call=calls.GET_KEY.call)
    return key


def _app_token(http: Http, keys: AppKeys, ours: str, now: datetime) -> str:
    """Access of our application itself, for two hours."""
    known = _recall(ours, "", now)
    if known is not None:
        return str(known)
    secret = keys.get("CLIENT_SECRET")
    answer = http.request(
        "appToken",
        "POST",
        token_url(keys),
        form={"grant_type": "client_credentials", "scope": SCOPES[0]},
        auth=HTTPBasicAuth(keys.get("CLIENT_ID"), secret),
        bucket=calls.APP_TOKEN.bucket("ebay"),
        secrets=(secret,),
    )
    told = answer.object()
    if answer.status >= 400:
        refused = OurFault if told.get("error") in OUR_KEYS else Transient
        raise refused("our own access was refused", status=answer.status, call="appToken")
    token, life = told.get("access_token"), told.get("expires_in")
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise Transient("a token answer of an unknown shape", call="appToken")
    seconds = life if isinstance(life, int) and not isinstance(life, bool) else 0
    _remember(ours, "", now + timedelta(seconds=min(max(seconds - 300, 0), 7200)), token)
    return token


def _recall(ours: str, what: str, now: datetime | None) -> Any:
    """What is remembered, however long ago if `now` is None."""
    with _lock:
        until, value = _remembered.get((ours, what), (now, None))
        return value if now is None or (until is not None and until > now) else None


def _remember(ours: str, what: str, until: datetime, value: Any) -> None:
    with _lock:
        if len(_remembered) >= MOST:
            # Ids that anybody made up go first: they must not drive out what is proved.
            for one in [one for one, (_, known) in _remembered.items() if known is False] or list(_remembered):
                del _remembered[one]
        _remembered[ours, what] = (until, value)
