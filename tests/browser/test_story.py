"""The story by clicks: install, first order, a failure, the plan's limit, an expired account; in two languages and widths.

Clicks and typed fields are counted; the login at the marketplace is not, as it is the marketplace's.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.chapter import Chapter, lived
from tests.browser.demo import BAD_SKU, Demo
from tests.browser.test_pages import ALL, LOOKED_AT
from tests.sandbox.story import Story, sync

pytestmark = pytest.mark.browser
CLICKS_TO_THE_FIRST_ORDER = 6
CLICKS_TO_GREEN = 2


@pytest.mark.parametrize(("language", "width"), LOOKED_AT)
def test_from_install_to_green_again(language: str, width: int, demo: Demo, sit: Any) -> None:
    story = demo.story()
    live = Chapter(story, sit(story.domain, language, width))
    if not ALL and (language, width) != LOOKED_AT[0]:
        live.seat.axe = None  # once for each state: axe is what a look costs, and test_pages asks it in both languages
    with lived(live):
        first_order(live)
        failure(live)
        limit(live)
        expired(live)


def first_order(live: Chapter) -> None:
    """Opened for the first time; connected; the first sale is in Shopify and on the page."""
    seat, story = live.seat, live.story
    frame = seat.open("/")
    live.look("first")
    frame.locator("s-button[slot=primary-action][variant=primary]").click()
    seat.lands("/accounts/new").locator("s-button[href='/accounts/new/amazon']").click()
    frame = seat.lands("/accounts/new/amazon")
    live.look("new")
    frame.locator("#login s-button[type=submit]").click()
    frame = seat.log_in(story.seller)
    frame.locator("form#import").wait_for()
    live.account = seat.at().removesuffix("/import")
    live.look("import")
    frame.locator("form#import s-button[type=submit]").click()
    frame = seat.lands(f"{live.account}**")
    seat.page.locator("#toast.shown").wait_for()
    (sold,) = story.sell(1, "LAMP-01", "100.00")
    story.wait("the first order is in Shopify by itself", lambda: sold in story.created(), 60)
    seat.frame.locator(f"s-button[href='/orders?account={live.account.rsplit('/', 1)[-1]}']").click()
    seat.lands("/orders?account=**").get_by_role("link", name=sold).wait_for()
    live.look("orders")
    assert seat.typed == 0
    assert 0 < seat.clicks <= CLICKS_TO_THE_FIRST_ORDER, seat.clicks


def failure(live: Chapter) -> None:
    """A sale with an unknown SKU fails, is named on Home and leads to its page; with the product it is created by itself."""
    seat, story = live.seat, live.story
    (bad,) = story.sell(1, BAD_SKU, "10.00")
    live.sync()
    story.wait("it failed", lambda: bad in story.merchant.visit("/orders?state=failed").text, 60)
    frame = live.home("")
    frame.locator("#attention s-link").first.click()
    seat.lands("/orders?**").get_by_role("link", name=bad).click()
    frame = seat.lands("/orders/*")
    frame.get_by_text(BAD_SKU).first.wait_for()
    live.look("failed")
    product = {"sku": BAD_SKU, "title": "New lamp", "price": "10.00", "available": 5}
    story.control("POST", f"/shops/{story.domain}/products", product)
    story.wait("it is created by itself", lambda: bad in story.created(), 60)


def limit(live: Chapter) -> None:
    """Near the limit, over it, and on after a bigger plan was chosen."""
    seat, story = live.seat, live.story
    story.sell(7, "LAMP-01", "100.00")
    live.sync()
    live.home("warning")
    live.look("near")
    story.sell(2, "LAMP-02", "100.00")
    live.sync()
    frame = live.home("critical")
    live.look("over")
    held = story.sell(2, "LAMP-02", "20.00")
    live.sync()
    story.wait("they are held", lambda: _shown(story, "held", held), 60)
    assert not set(held) & set(story.created())
    frame.locator("s-banner s-button[slot=secondary-actions]").first.click()
    seat.lands("/plan").locator("#choose-starter s-button").click()
    seat.page.locator("#toast.shown").wait_for()
    live.look("bigger")
    story.wait("the held orders are created", lambda: set(held) <= set(story.created()), 60)


def expired(live: Chapter) -> None:
    """The seller takes the access away: banner, Save account, log in, green; two clicks."""
    seat, story = live.seat, live.story
    story.control("POST", f"/amazon/sellers/{story.seller}/state", {"authorisation": "revoked"})
    sync(story, live.account)
    frame = live.home("critical")
    live.look("expired")
    seat.clicks = 0
    frame.locator("s-banner s-button[slot=secondary-actions]").first.click()
    frame = seat.lands(live.account)
    live.look("broken")
    frame.locator("form#account s-button[type=submit]").click()
    frame = seat.log_in(story.seller)
    frame.locator("#connection s-badge[tone=success]").wait_for()
    assert (seat.clicks, seat.typed) == (CLICKS_TO_GREEN, 0)
    live.look("green")
    live.home("")
    missed = story.sell(1, "LAMP-01", "10.00")
    live.sync()
    story.wait("what is sold now arrives", lambda: set(missed) <= set(story.created()), 60)


def _shown(story: Story, state: str, orders: list[str]) -> bool:
    text = story.merchant.visit(f"/orders?state={state}").text
    return all(one in text for one in orders)
