"""An unknown SKU by clicks: accepted as guessed, mapped by a search, another product for one order, mappings by a file."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.browser.demo import Demo
from tests.browser.test_pages import ALL, LOOKED_AT
from tests.sandbox import story as told
from tests.sandbox.story import Story

pytestmark = pytest.mark.browser
CLICKS_TO_ACCEPT = 1
# Guesses that need more room than was kept until they came, in pixels.
OUTGROWN = """() => [...document.querySelectorAll('.guess')].filter((room) =>
    room.getBoundingClientRect().height > parseFloat(getComputedStyle(room).minBlockSize) + 1)
    .map((room) => room.getBoundingClientRect().height)"""


def failed(story: Story, account: str, *skus: str) -> list[str]:
    """An order of each SKU; they all fail."""
    sold = [story.sell(1, sku, "10.00")[0] for sku in skus]
    time.sleep(1.2)
    told.sync(story, account)
    story.wait("they failed", lambda: all(one in _list(story) for one in sold), 90)
    return sold


def _list(story: Story) -> str:
    return str(story.merchant.visit("/orders?state=failed").text)


@pytest.mark.parametrize(("language", "width"), LOOKED_AT if ALL else LOOKED_AT[1:])
def test_orders_with_unknown_skus_are_mended_by_clicks(language: str, width: int, demo: Demo, sit: Any) -> None:
    story = demo.story()
    seat = sit(story.domain, language, width)
    try:
        long = {"title": "Desk lamp, brushed steel, linen shade, foot switch, two metres cable, very long name"}
        story.control("PATCH", f"/shops/{story.domain}/variants/sku:LAMP-01", long)
        story.merchant.open("/")
        told.connect(story, story.control("POST", "/amazon/sellers", {"name": "Second", "region": "eu"})["seller_id"])
        account = told.connect(story)
        guessed, searched, single, by_file = failed(story, account, "AMZ-LAMP-01", "X-1", "X-2", "X-3")
        wrong = accept(seat) + search(seat, "X-1") + one_order(seat, story, single) + upload(seat, "X-3")
        for sold in (guessed, searched, single, by_file):
            story.wait(f"{sold} is in Shopify", lambda sold=sold: sold in story.created(), 60)  # type: ignore[misc]
    finally:
        story.merchant.close()
        story.http.close()
    assert not wrong, "\n".join(wrong)


def accept(seat: Any) -> list[str]:
    """The guess comes by itself; one click accepts it."""
    frame = seat.open("/listings/skus")
    button = frame.locator("#waiting form s-button[type=submit] .act").first
    button.wait_for()
    found = guessing(seat, "skus-guessed")
    seat.clicks = 0
    button.click()
    seat.page.locator("#toast.shown").wait_for()
    assert seat.clicks == CLICKS_TO_ACCEPT
    return found


def guessing(seat: Any, name: str) -> list[str]:
    """What is wrong with the list of SKUs.

    Until the shop's catalogue was read, guesses come a moment after the page, and with them a new table.
    """
    found: list[str] = seat.look(name, keys=False, moves=True)
    return found + [f"{name}: a guess moves what is below it: {one}" for one in seat.frame.evaluate(OUTGROWN)]


def search(seat: Any, sku: str) -> list[str]:
    """The product is looked for and mapped to."""
    frame = seat.open(f"/listings/skus/new?sku={sku}")
    frame.locator("form#find s-search-field input").fill("floor")
    frame.locator("form#find s-button[type=submit] .act").click()
    frame.locator("form.found s-button .act").wait_for()
    found: list[str] = seat.look("skus-search", keys=False)
    frame.locator("form.found s-button .act").click()
    seat.page.locator("#toast.shown").wait_for()
    return found


def one_order(seat: Any, story: Story, order: str) -> list[str]:
    """*Change product* on the order's page."""
    links = story.merchant.visit(f"/orders?q={order}").links
    frame = seat.open(links[order])
    frame.locator("s-link[href$='/product']").click()
    frame = seat.lands("/orders/*/lines/*/product**")
    frame.locator("form#find s-search-field input").fill("LAMP-01")
    frame.locator("form#find s-button[type=submit] .act").click()
    frame.locator("form.found s-button .act").first.click()
    seat.lands("/orders/**")
    seat.page.locator("#toast.shown").wait_for()
    return []


def upload(seat: Any, sku: str) -> list[str]:
    """A file is refused with a reason, the next one is read, looked at and saved."""
    frame = seat.open("/listings/skus/import")
    files = frame.locator("input[type=file]")
    files.set_input_files({"name": "bad.csv", "mimeType": "text/csv", "buffer": b"a;b\n1;2\n"})
    frame.locator("form#upload s-button[type=submit] .act").click()
    frame.locator("[data-form-error] s-banner").wait_for()
    found: list[str] = seat.look("skus-file-refused", keys=False)
    text = f"marketplace_sku;store_sku\n{sku};LAMP-02\n;x\n"
    files.set_input_files({"name": "mine.csv", "mimeType": "text/csv", "buffer": text.encode()})
    frame.locator("form#upload s-button[type=submit] .act").click()
    frame = seat.lands("/listings/skus/import/**")
    frame.locator("form#confirm").wait_for()
    found += seat.look("skus-report", keys=False)
    frame.locator("form#confirm s-button[type=submit] .act").click()
    seat.page.locator("#toast.shown").wait_for()
    found += guessing(seat, "skus-mapped")
    return found
