"""Every page in every state, in every language, at 1280 and 390 px: sound, in one language, valid, reached by keyboard."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import polaris_manifest
from tests.browser.demo import Shops

pytestmark = pytest.mark.browser
COMBINATIONS = [("en", 1280), ("en", 390), ("de", 1280), ("de", 390), ("sv", 1280), ("sv", 390)]
ALL = os.environ.get("SHOPAPP_BROWSER") == "all"
LOOKED_AT = COMBINATIONS if ALL else [("en", 1280), ("de", 390)]
OWN = ("app.css", "relay.js")
OWN_BYTES = 30_000


@pytest.fixture(scope="session")
def pages(shops: Shops) -> list[tuple[str, str, str]]:
    """(name, state of the shop, path) of every page."""
    return [*shops_pages(shops)]


def shops_pages(shops: Shops) -> Iterator[tuple[str, str, str]]:
    """What there is to look at; the paths of orders and messages are read from the lists."""
    well, broken = shops.accounts["near"], shops.accounts["expired"]
    for state in ("empty", "near", "over", "expired"):
        yield f"home-{state}", state, "/"
    yield from (("accounts-empty", "empty", "/accounts"), ("accounts", "near", "/accounts"))
    yield from (("accounts-broken", "expired", "/accounts"), ("new", "empty", "/accounts/new"))
    yield "typed", "empty", "/accounts/new/amazon?manual=1"
    yield from (("account", "near", well), ("account-broken", "expired", broken))
    yield from (("repair", "expired", f"{broken}/repair"), ("manual", "expired", f"{broken}/manual"))
    yield from (("import", "unasked", f"{shops.accounts['unasked']}/import"), ("older", "near", f"{well}/older"))
    yield from (("orders-empty", "empty", "/orders"), ("orders", "near", "/orders"))
    yield from (("orders-failed", "near", "/orders?state=failed"), ("orders-none", "near", "/orders?q=nothing"))
    for state, where in (("failed", "near"), ("imported", "near"), ("held", "over")):
        yield f"order-{state}", where, shops.first(where, f"/orders?state={state}", "/orders")
    yield from (("skus-empty", "empty", "/listings/skus"), ("skus", "near", "/listings/skus"))
    yield from (
        ("sku", "near", "/listings/skus/new?sku=LAMP-99&find=lamp"),
        ("sku-file", "empty", "/listings/skus/import"),
    )
    failed = shops.first("near", "/orders?state=failed", "/orders")
    yield "order-product", "near", shops.first("near", failed, f"{failed}/lines", "/product") + "?find=lamp"
    yield from (("listings-empty", "empty", "/listings"), ("listings", "near", "/listings"))
    yield "listings-none", "near", "/listings?q=nothing"
    yield from (("inbox-empty", "empty", "/inbox"), ("inbox", "expired", "/inbox"))
    yield "message", "expired", shops.first("expired", "/inbox", "/inbox")
    yield from (("settings", "empty", "/settings"), ("settings-broken", "expired", "/settings"))
    yield from (("plan", "near", "/plan"), ("plan-over", "over", "/plan"))
    yield from (("help", "near", "/help"), ("missing", "near", "/accounts/999999"), ("ready", "near", "/preflight"))
    for guide in ("connections", "orders", "skus", "stock", "plan", "mails"):
        yield f"help-{guide}", "near", f"/help/{guide}"


@pytest.mark.parametrize(("language", "width"), LOOKED_AT)
def test_every_page_is_sound(
    language: str, width: int, shops: Shops, pages: list[tuple[str, str, str]], sit: Any, known: Any
) -> None:
    seats = {state: sit(story.domain, language, width) for state, story in shops.made.items()}
    found: list[str] = []
    # Where little room is, everything is looked at; where there is much, a third, unless all is asked for.
    for name, state, path in pages[:: 3 if width == 1280 and not ALL else 1]:
        seat = seats[state]
        seat.open(path)
        found += seat.look(name, keys=width == 1280)
        if known and width == 390:
            found += [f"{name}: {one}" for one in polaris_manifest.findings(seat.markup(), known)]
    assert not found, "\n".join(found)


def test_what_the_pages_are_judged_by_is_here(axe: Any, known: Any) -> None:
    missing = [name for name, there in (("AXE_JS", axe), ("POLARIS_MANIFEST", known)) if not there]
    # Where npm is, the checks' own run gets both; without it the rest of this suite is still worth running.
    if missing and "browser" in os.environ.get("SHOPAPP_REQUIRE", "") and shutil.which("npm"):
        pytest.fail(f"{' and '.join(missing)} not given")
    if missing:
        pytest.skip(f"{' and '.join(missing)} not given: pages are not judged by it")


def test_the_heaviest_pages_are_light(shops: Shops, sit: Any) -> None:
    """Bytes of our own, uncompressed: the page, the style sheet and the script."""
    static = Path(__file__).parents[2] / "static"
    own = sum(len((static / name).read_bytes()) for name in OWN)
    seat = sit(shops.made["near"].domain)
    weights = {}
    for path in ("/", "/orders", shops.accounts["near"], "/plan", "/settings"):
        seat.open(path)
        weights[path] = len(seat.markup().encode()) + own
    assert {path: weight for path, weight in weights.items() if weight > OWN_BYTES} == {}


def test_a_page_that_is_wrong_is_found_out(shops: Shops, sit: Any) -> None:
    seat = sit(shops.made["empty"].domain, "de")
    frame = seat.open("/help")
    assert seat.look("help", keys=False) == []
    frame.evaluate("""() => { const page = document.querySelector('s-page'); document.documentElement.lang = 'en';
        page.insertAdjacentHTML('beforeend', `<s-banner>The order is here</s-banner><s-banner>order_failed</s-banner>
        <div id=wide>2026-11-21T10:00 None</div>`); document.getElementById('wide').style.width = '3000px'; }""")
    found = " ".join(seat.look("help", keys=False))
    for words in ("scrolls sideways", "2 banners", "lang is 'en'", "English: …", "'order_failed'", "'None'"):
        assert words in found, words
