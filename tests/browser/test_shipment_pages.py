"""Shipments by clicks: shipped with the sandbox's own buttons, refused, told on Home, mended, accepted; in both languages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.chapter import Chapter, lived
from tests.browser.demo import Demo
from tests.browser.test_story import first_order

pytestmark = pytest.mark.browser


def pack(live: Chapter, tracking: str, act: str = "") -> None:
    """At the admin's packing table: the number, and one of its buttons."""
    page = live.seat.page
    if not page.locator("#tools.open").count():
        page.locator("#tools-toggle").click()
    page.locator("#ship-orders option").first.wait_for(state="attached")
    form = page.locator("form[data-tool=ship]")
    form.locator("[name=tracking]").fill(tracking)
    form.locator(f"button[value={act}]" if act else "button:not([name])").click()
    page.locator("#tools-said", has_text="." if act else "Fulfilled").wait_for()


@pytest.mark.parametrize(("language", "width"), [("en", 1000)])
def test_shipped_refused_mended_accepted(language: str, width: int, demo: Demo, sit: Any) -> None:
    story = demo.story()
    live = Chapter(story, sit(story.domain, language, width))
    with lived(live):
        first_order(live)
        pack(live, "??")
        story.wait("Home tells of it", lambda: "/orders?shipment=failed" in story.merchant.open("/").html, 60)
        frame = live.seat.open("/")
        live.look("shipment-attention")
        frame.locator("#attention s-link").first.click()
        frame = live.seat.lands("/orders?**")
        frame.locator("s-table-row s-link").first.click()
        frame = live.seat.lands("/orders/*")
        frame.locator("#shipments s-badge[tone=critical]").wait_for()
        live.look("shipment-refused")
        frame.locator("form#send-tracking s-button").click()
        live.seat.page.locator("#toast.shown").wait_for()
        pack(live, "GOOD-1", "change")
        live.seat.frame.locator("#shipments s-badge[tone=success]").wait_for(timeout=60_000)
        live.look("shipment-accepted")
        account = story.merchant.visit(live.account)
        assert story.merchant.submit(account, "shipping", restock="ask").status == 200
        live.seat.open(live.account).locator("form#shipping").wait_for()
        live.look("shipment-rules")
