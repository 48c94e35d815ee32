"""Tiles of channels: an icon beside each account, said only where the name is not there, an initial for one without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import render_template_string

from marketplaces.channels import registry
from shopapp.web import presentation
from tests.web.desk import Desk

TILED = '{% from "macros.html" import tile, tiled with context %}'


@pytest.fixture(autouse=True)
def _read_anew() -> Iterator[None]:
    presentation.icon.cache_clear()
    yield
    presentation.icon.cache_clear()


def drawn(desk: Desk, source: str, **values: Any) -> str:
    """A piece of a template, rendered by the application."""
    with desk.app.test_request_context():
        return render_template_string(TILED + source, **values)


def test_every_list_and_page_of_an_account_shows_whose_it_is(desk: Desk) -> None:
    paths = ["/", "/accounts", "/orders", "/settings"]
    for key in ("amazon", "ebay"):
        account = desk.account(channel=key, label="Lamps", realm="eu" if key == "amazon" else key)
        order = desk.order(account, channel=key)
        paths += [f"/accounts/{account}", f"/orders/{order}"]
    for path in paths:
        shown = [tile["src"] for tile in desk.get(path).tags("img")]
        for key in ("amazon", "ebay") if path in paths[:4] else ("amazon",) if path in paths[4:6] else ("ebay",):
            assert presentation.icon(key) in shown, (path, key)


def test_a_tile_says_the_name_only_where_it_does_not_stand_beside_it(desk: Desk) -> None:
    desk.order(desk.account(label="Lamps"))
    assert [tile["alt"] for tile in desk.get("/orders").tags("img")] == ["Amazon"]
    assert [tile["alt"] for tile in desk.get("/accounts").tags("img")] == [""]
    assert {(tile["width"], tile["height"]) for tile in desk.get("/accounts").tags("img")} == {("20", "20")}


def test_each_choice_of_a_marketplace_has_its_tile(desk: Desk) -> None:
    shown = [tile["src"] for tile in desk.get("/help/connections").tags("img")]
    assert len(set(shown)) == len(shown) > 0
    assert set(shown) <= {presentation.icon(key) for key in registry()}


def test_an_icon_is_given_out_as_a_picture_that_nothing_can_be_guessed_from(desk: Desk) -> None:
    answer = desk.client.get(presentation.icon("amazon"))
    assert answer.status_code == 200
    assert answer.mimetype == "image/svg+xml"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    answer.close()


def test_a_channel_without_an_icon_has_a_tile_with_its_initial(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "static").mkdir()
    monkeypatch.setattr(presentation, "ROOT", tmp_path)
    assert drawn(desk, "{{ tile('ebay') }}") == '<span class="tile" aria-hidden="true">E</span>'
    assert drawn(desk, "{{ tile('ebay', 'eBay') }}") == '<span class="tile" role="img" aria-label="eBay">E</span>'


def test_what_stands_beside_a_tile_is_escaped(desk: Desk) -> None:
    assert "&lt;b&gt;" in drawn(desk, "{{ tiled('ebay', label) }}", label="<b>")
