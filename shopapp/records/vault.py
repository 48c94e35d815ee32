"""Encryption of stored secrets: AES-256-GCM bound to table, column, row and shop. Fails closed.

A ciphertext is `kid.base64(nonce + data)`. The binding is authenticated, so a ciphertext that was flipped, or moved to
another row, column or shop, does not open. Rows that hold secrets carry a random `uid` and the shop's `uid`.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shopapp.keys import key_id, parse_key


class Sealable(Protocol):
    """A row that may hold sealed columns."""

    __tablename__: str
    uid: str

    @property
    def vault_shop(self) -> str:
        """The uid of the shop that owns the row."""


class VaultError(Exception):
    """A ciphertext does not open: wrong key, damaged, or moved from another row. Never holds the content."""


ID = 8  # signs at the beginning of a ciphertext that name its key
_keys: dict[str, AESGCM] = {}
_current = ""


def configure(keys: Iterable[str]) -> None:
    """Use these keys (base64, newest first)."""
    global _current
    _keys.clear()
    ids = []
    for text in keys:
        raw = parse_key(text)
        _keys[key_id(raw)] = AESGCM(raw)
        ids.append(key_id(raw))
    _current = ids[0] if ids else ""


def _binding(row: Sealable, column: str) -> bytes:
    return "|".join((row.__tablename__, column, row.uid, row.vault_shop)).encode()


def seal(row: Sealable, column: str, value: str) -> None:
    """Set `row.column` to the ciphertext of `value` ("" stays "")."""
    if not _current:
        raise VaultError("no encryption key is set")
    nonce = secrets.token_bytes(12)
    data = _keys[_current].encrypt(nonce, value.encode(), _binding(row, column))
    setattr(row, column, f"{_current}.{base64.b64encode(nonce + data).decode()}" if value else "")


def unseal(row: Sealable, column: str) -> str:
    """The content of `row.column`, "" when nothing is stored; VaultError when it does not open."""
    stored = getattr(row, column) or ""
    if not stored:
        return ""
    kid, _, body = stored.partition(".")
    if kid not in _keys:
        raise VaultError(f"{row.__tablename__}.{column} of row {row.uid} needs the key {kid[:8]}, which is not set")
    try:
        raw = base64.b64decode(body, validate=True)
        return _keys[kid].decrypt(raw[:12], raw[12:], _binding(row, column)).decode()
    except (InvalidTag, ValueError):
        raise VaultError(f"{row.__tablename__}.{column} of row {row.uid} does not open") from None


def seal_json(row: Sealable, column: str, value: dict[str, Any]) -> None:
    """Like `seal`, for a JSON object."""
    seal(row, column, json.dumps(value, separators=(",", ":"), default=str) if value else "")


def unseal_json(row: Sealable, column: str) -> dict[str, Any]:
    """Like `unseal`, for a JSON object; {} when nothing is stored."""
    text = unseal(row, column)
    return json.loads(text) if text else {}


def known() -> set[str]:
    """The names of the keys that are set."""
    return set(_keys)


def is_current(stored: str) -> bool:
    """Whether this ciphertext already uses the newest key."""
    return not stored or stored.partition(".")[0] == _current


def new_uid() -> str:
    """A fresh row identity for bindings and for ids shown outside."""
    return secrets.token_hex(16)
