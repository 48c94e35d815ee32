"""Encryption keys as the operator writes them: 32 random bytes in base64, each known by a short id."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets


def parse_key(text: str) -> bytes:
    """The 32 bytes of a key; ConfigError (one sentence, without the value) when it is none or plainly not random."""
    from shopapp.config import ConfigError

    try:
        raw = base64.b64decode(text, altchars=b"-_" if ("-" in text or "_" in text) else None, validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError("ENCRYPTION_KEY must be base64 of 32 random bytes.") from None
    if len(raw) != 32:
        raise ConfigError("ENCRYPTION_KEY must be base64 of exactly 32 bytes.")
    if len(set(raw)) < 12:
        raise ConfigError("ENCRYPTION_KEY looks like an example value; make a random one.")
    return raw


def key_id(raw: bytes) -> str:
    """Eight hex digits that name a key in a ciphertext without telling anything about it."""
    return hashlib.sha256(b"shopapp key id" + raw).hexdigest()[:8]


def fresh_key() -> str:
    """A new random key as the setting wants it."""
    return base64.b64encode(secrets.token_bytes(32)).decode()
