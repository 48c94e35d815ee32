"""Rotating keys while everything serves: nothing newer is lost, and what does not open is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine

from shopapp import clock
from shopapp.cli import upkeep
from shopapp.keys import fresh_key
from shopapp.records import db, vault
from shopapp.records.models import Shop
from tests.stage.postgres import Postgres

OLD, NEW = fresh_key(), fresh_key()
COLUMNS = ("access_token", "refresh_token")


@pytest.fixture
def shop(postgres: Postgres) -> Iterator[int]:
    with postgres.database(tables=True) as url:
        engine = create_engine(url)
        db.use(engine)
        vault.configure([OLD])
        with db.writing() as s:
            row = Shop(domain="a.myshopify.com", installed_at=clock.now(), uid=vault.new_uid())
            vault.seal(row, "refresh_token", "first")
            s.add(row)
        yield row.id
        engine.dispose()


@pytest.mark.postgres
def test_a_token_that_is_refreshed_meanwhile_is_kept(shop: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refresh token is good once: what overwrites the new one by the old one cuts the shop off."""
    vault.configure([NEW, OLD])
    opening, unseal = threading.Event(), vault.unseal

    def refresh() -> None:
        opening.wait(10)
        with db.writing() as s:
            row = db.fetch(s, Shop, shop, lock=True)
            vault.seal(row, "refresh_token", "second")

    def slowly(row: Shop, column: str) -> str:
        found = unseal(row, column)
        opening.set()
        other.join(1)
        return found

    other = threading.Thread(target=refresh)
    other.start()
    monkeypatch.setattr(vault, "unseal", slowly)
    assert upkeep._renew(Shop, COLUMNS, 0, 200) == (1, [], None)
    monkeypatch.undo()
    other.join(10)
    with db.reading() as s:
        assert vault.unseal(s.get_one(Shop, shop), "refresh_token") == "second"


@pytest.mark.postgres
def test_what_does_not_open_is_told_and_keeps_nothing_else_from_being_renewed(shop: int) -> None:
    with db.writing() as s:
        row = Shop(domain="b.myshopify.com", installed_at=clock.now(), uid=vault.new_uid())
        vault.configure([fresh_key()])
        vault.seal(row, "refresh_token", "lost")
        s.add(row)
    vault.configure([NEW, OLD])
    changed, lost, last = upkeep._renew(Shop, COLUMNS, 0, 1)
    assert (changed, lost, last) == (1, [], shop)
    changed, lost, last = upkeep._renew(Shop, COLUMNS, shop, 1)
    assert changed == 0
    assert lost[0].endswith("which is not set")
