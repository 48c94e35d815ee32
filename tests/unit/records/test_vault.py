"""Sealed columns: what was moved, flipped or sealed with a lost key does not open."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from shopapp.keys import fresh_key
from shopapp.records import vault


@dataclass
class Row:
    uid: str
    vault_shop: str
    token: str = ""
    other: str = ""
    __tablename__: str = "row"


OLD, NEW = fresh_key(), fresh_key()


@pytest.fixture(autouse=True)
def _keys() -> Iterator[None]:
    vault.configure([OLD])
    yield
    vault.configure([])


def sealed(value: str = "s3cr3t value") -> Row:
    row = Row("r1", "shop1")
    vault.seal(row, "token", value)
    return row


def test_a_sealed_value_opens_in_its_own_place_and_shows_nothing_outside() -> None:
    row = sealed()
    assert vault.unseal(row, "token") == "s3cr3t value"
    assert "s3cr3t" not in row.token
    assert base64.b64decode(row.token.partition(".")[2]).find(b"s3cr3t") == -1


def test_nothing_sealed_is_nothing_opened() -> None:
    assert vault.unseal(sealed(""), "token") == ""


@pytest.mark.parametrize("place", ["row", "column", "shop", "table"])
def test_a_ciphertext_moved_elsewhere_does_not_open(place: str) -> None:
    row = sealed()
    other = Row("r2" if place == "row" else "r1", "shop2" if place == "shop" else "shop1", row.token, row.token)
    if place == "table":
        other.__tablename__ = "other"
    with pytest.raises(vault.VaultError):
        vault.unseal(other, "other" if place == "column" else "token")


def test_every_flipped_bit_of_a_ciphertext_is_noticed() -> None:
    row = sealed("x")
    kid, _, body = row.token.partition(".")
    raw = base64.b64decode(body)
    for position in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[position // 8] ^= 1 << (position % 8)
        row.token = f"{kid}.{base64.b64encode(bytes(flipped)).decode()}"
        with pytest.raises(vault.VaultError):
            vault.unseal(row, "token")


@pytest.mark.parametrize("stored", ["garbage", "deadbeef.AAAA", ".", "a.b.c", "é.ü"])
def test_nonsense_in_the_column_fails_closed(stored: str) -> None:
    row = sealed()
    row.token = stored
    with pytest.raises(vault.VaultError):
        vault.unseal(row, "token")


def test_a_new_key_in_front_still_opens_the_old_and_seals_with_the_new() -> None:
    row = sealed()
    vault.configure([NEW, OLD])
    assert vault.unseal(row, "token") == "s3cr3t value"
    assert not vault.is_current(row.token)
    vault.seal(row, "token", vault.unseal(row, "token"))
    assert vault.is_current(row.token)
    vault.configure([OLD])
    with pytest.raises(vault.VaultError, match="not set") as failure:
        vault.unseal(row, "token")
    assert "s3cr3t" not in str(failure.value)


def test_json_objects_go_in_and_come_out() -> None:
    row = Row("r1", "shop1")
    vault.seal_json(row, "token", {"refresh_token": "a", "n": "1"})
    assert vault.unseal_json(row, "token") == {"refresh_token": "a", "n": "1"}
    assert vault.unseal_json(row, "other") == {}
