"""Owns what eBay sends to the app: signed messages, the key that proves them, and the question about the address."""

import base64
import hashlib
import json
import secrets
import uuid
from typing import Any

import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask, Response

from tests.sandbox.ebay.answers import NOTIFICATION, answer, refusal
from tests.sandbox.ebay.gate import API, Gate, stamp


def register(app: Flask, gate: Gate) -> None:
    """Add getPublicKey, which only the application itself may call."""

    @app.get(f"{API}/commerce/notification/v1/public_key/<kid>")
    def ebay_key(kid: str) -> Response:
        return gate.enter_as_app("getPublicKey", lambda: _told(gate, kid))


def _told(gate: Gate, kid: str) -> Response:
    if kid != _key(gate)["kid"]:
        return refusal(404, 195001, "The specified key id is invalid.", NOTIFICATION)
    gate.world.ledger.record("ebay", "ebay.getPublicKey", kid)
    # The PEM comes without line breaks.
    return answer(200, {"key": _key(gate)["public"], "algorithm": "ECDSA", "digest": "SHA1"})


def _key(gate: Gate) -> dict[str, str]:
    """The signing key of this stand-in, made once."""
    kept: dict[str, str] = gate.users.part.setdefault("key", {})
    if not kept:
        made = ec.generate_private_key(ec.SECP256R1())
        private = made.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = made.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        kept |= {"kid": str(uuid.uuid4()), "private": private.decode(), "public": public.decode().replace("\n", "")}
        gate.users.touch()
    return kept


def send(gate: Gate, topic: str, data: dict[str, Any], *, forged: bool = False) -> int:
    """Send a message of `topic` about `data` to the app; the status of its answer. `forged`: the signature does not fit."""
    now = stamp(gate.world.clock.now())
    body = json.dumps(
        {
            "metadata": {"topic": topic, "schemaVersion": "1.0", "deprecated": False},
            "notification": {
                "notificationId": f"{uuid.uuid4()}_{uuid.uuid4()}",
                "eventDate": now,
                "publishDate": now,
                "publishAttemptCount": 1,
                "data": data,
            },
        }
    ).encode()
    key = _key(gate)
    private = serialization.load_pem_private_key(key["private"].encode(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    signed = private.sign(body + (b" " if forged else b""), ec.ECDSA(hashes.SHA1()))
    told = {"alg": "ecdsa", "kid": key["kid"], "signature": base64.b64encode(signed).decode(), "digest": "SHA1"}
    header = base64.b64encode(json.dumps(told).encode()).decode()
    headers = {"x-ebay-signature": header, "Content-Type": "application/json"}
    answered = requests.post(_address(gate), data=body, headers=headers, timeout=30)
    gate.world.ledger.record("ebay", "notice.sent", topic, {"status": answered.status_code, **data})
    return answered.status_code


def ask(gate: Gate) -> bool:
    """Ask the app whether the address is its own, as eBay does when it is registered."""
    code = secrets.token_hex(16)
    answered = requests.get(_address(gate), params={"challenge_code": code}, timeout=30)
    wanted = hashlib.sha256(f"{code}{gate.users.app.verification_token}{_address(gate)}".encode()).hexdigest()
    plain = answered.headers.get("Content-Type", "").startswith("application/json")
    return answered.status_code == 200 and plain and answered.json() == {"challengeResponse": wanted}


def _address(gate: Gate) -> str:
    return f"{gate.world.settings.app_url}/notices/ebay"
