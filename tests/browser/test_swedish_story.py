"""Create, break and repair a connection at Tradera, in Swedish, by clicks.

Clicks and typed fields are counted; the login at the marketplace is not, as it is the marketplace's.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.chapter import Chapter, lived
from tests.browser.demo import Demo
from tests.browser.seat import Seat
from tests.sandbox.story import Story, sync

pytestmark = pytest.mark.browser
CLICKS_TO_CONNECT = 4  # Home, the marketplace, the login, the import
CLICKS_TO_GREEN = 2  # the banner's button, Save account


class Seller(Chapter):
    """A member of Tradera, a shop that is looked at in Swedish, and what a look finds wrong."""

    name = "swedish"

    def __init__(self, story: Story, seat: Seat) -> None:
        super().__init__(story, seat)
        self.id: str = story.control("POST", "/tradera/sellers", {"name": "Lampboden"})["seller_id"]

    def log_in(self) -> Any:
        """At Tradera, at top level: log in, allow, come back into the admin; the frame."""
        page = self.seat.page
        page.wait_for_url("**/tradera/token-login**")
        login = page.locator("form.seller", has=page.locator(f"input[value='{self.id}']"))
        allow = page.get_by_role("button", name="Allow", exact=True)
        login.or_(allow).first.wait_for()
        if login.count():
            login.locator("button").click()
        allow.click()
        page.wait_for_url("**/store/**")
        return self.seat.frame

    def sell(self, **wish: Any) -> str:
        (order_id,) = self.story.control("POST", f"/tradera/sellers/{self.id}/orders", wish)["order_ids"]
        return str(order_id)


def test_create_break_and_repair_at_tradera_in_swedish(demo: Demo, sit: Any) -> None:
    story = demo.story()
    live = Seller(story, sit(story.domain, "sv", 1280))
    with lived(live):
        _create(live)
        _break(live)
        _repair(live)


def _create(live: Seller) -> None:
    """From Home to the first sale in Shopify: an auction waits for its buyer, a paid item does not."""
    seat, story = live.seat, live.story
    frame = seat.open("/")
    frame.locator("s-button[slot=primary-action][variant=primary]").click()
    seat.lands("/accounts/new").locator("s-button[href='/accounts/new/tradera']").click()
    frame = seat.lands("/accounts/new/tradera")
    frame.get_by_text("Du behöver ett Tradera-konto som säljer.").wait_for()
    live.look("new")
    frame.locator("#login s-button[type=submit]").click()
    frame = live.log_in()
    frame.locator("form#import").wait_for()
    live.account = seat.at().removesuffix("/import")
    live.look("import")
    frame.locator("form#import s-button[type=submit]").click()
    seat.lands(f"{live.account}**")
    assert (seat.clicks, seat.typed) == (CLICKS_TO_CONNECT, 0)
    bought, won = live.sell(sku="LAMP-01", price=100), live.sell(sku="LAMP-02", price=50, type="auction")
    live.sync()
    story.wait("the paid sale is in Shopify", lambda: bought in story.created(), 60)
    assert won not in story.created()
    seat.open("/orders?state=held").get_by_role("link", name=won).click()
    seat.lands("/orders/*").get_by_text("Köparen har inte betalat").first.wait_for()
    live.look("unpaid")


def _break(live: Seller) -> None:
    """The time of the access is over: Home, the account's page and the inbox say so in Swedish."""
    story = live.story
    story.control("POST", f"/tradera/sellers/{live.id}/state", {"authorisation": "expired"})
    sync(story, live.account)
    live.home("critical")
    live.look("broken-home")
    live.seat.open(f"{live.account}/repair").get_by_text("The user token is invalid or has expired.").wait_for()
    live.look("repair")
    live.seat.open("/inbox")
    live.look("inbox")


def _repair(live: Seller) -> None:
    """The banner's button, Save account, the login: green, and what was sold meanwhile arrives."""
    seat, story = live.seat, live.story
    missed = live.sell(sku="LAMP-01", price=10)
    frame = live.home("critical")
    seat.clicks = 0
    frame.locator("s-banner s-button[slot=secondary-actions]").first.click()
    frame = seat.lands(live.account)
    live.look("account")
    frame.locator("form#account s-button[type=submit]").click()
    frame = live.log_in()
    frame.locator("#connection s-badge[tone=success]").wait_for()
    assert (seat.clicks, seat.typed) == (CLICKS_TO_GREEN, 0)
    live.look("green")
    live.home("")
    live.sync()
    story.wait("what was sold meanwhile arrives", lambda: missed in story.created(), 60)
