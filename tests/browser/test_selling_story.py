"""Both directions by clicks: shipped and told, refused and mended, switched on and undone, Update Error, a SKU mapped.

Every step looks at the page and at what Amazon received. One life is lived, each step in English or in German and in
another width than the one before; the same person may change both. `SHOPAPP_BROWSER=all` lives every combination from
beginning to end, side by side, so that one's clicks fill the time that the others wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.browser.demo import Demo
from tests.browser.selling import HERE, KNOWN, PUSHED, REFUSED, STRANGE, THERE, Selling
from tests.browser.test_pages import ALL, LOOKED_AT

pytestmark = pytest.mark.browser
TOO_LOW = "The price is below the minimum that you set."
NEW_PRICE = "120.00"


@pytest.fixture
def lives(demo: Demo, sit: Any, known: Any) -> Iterator[list[Selling]]:
    """A shop, two sellers and a seat for each combination, prepared side by side."""
    lived = LOOKED_AT if ALL else LOOKED_AT[:1]
    stories = [demo.story() for _ in lived]
    made = [
        Selling(demo, sit(story.domain, language, width), story, known)
        for story, (language, width) in zip(stories, lived, strict=True)
    ]
    try:
        with ThreadPoolExecutor(len(made)) as pool:
            for done in [pool.submit(live.prepare) for live in made]:
                done.result()
        yield made
    finally:
        for story in stories:
            story.merchant.close()
            story.http.close()


def test_both_directions_are_lived_by_clicks(lives: list[Selling]) -> None:
    steps = (
        read_again, shipped, not_accepted, refused_listing, updated, switched_on, price_changed, undone, mapped, linked
    )  # fmt: skip
    for number, step in enumerate(steps):
        for live in lives:
            if not ALL:
                live.seat.changes(*LOOKED_AT[number % len(LOOKED_AT)])
            try:
                step(live)
            except BaseException as error:
                error.add_note(f"in {step.__name__} in {live.seat.language} at {live.seat.page.viewport_size}")
                raise
    wrong = [one for live in lives for one in live.wrong]
    assert not wrong, "\n".join(wrong)


def read_again(live: Selling) -> None:
    """*Read again* reads the listings of both accounts; the page says how far it is."""
    frame = live.seat.open("/listings")
    live.look("unread")
    frame.locator("form#read-again s-button .act").click()
    live.seat.page.locator("#toast.shown").wait_for()
    live.seat.open("/listings").locator("#reading s-spinner").first.wait_for()
    live.look("reading")


def open_order(live: Selling, order: str) -> Any:
    """The order's page by way of the list's search; the frame."""
    live.until(f"{order} is in Shopify", lambda: order in live.story.created())
    frame = live.seat.open(f"/orders?q={order}")
    frame.get_by_role("link", name=order).click()
    return live.seat.lands("/orders/*")


def name_in_shopify(live: Selling, order: str) -> str:
    shop = live.story.control("GET", f"/shops/{live.story.domain}")
    return next(str(one["name"]) for one in shop["orders"] if one["source_identifier"] == order)


def shipped(live: Selling) -> None:
    """Fulfilled in Shopify: the order's page says accepted, Amazon has it once."""
    order = live.orders[0]
    frame = open_order(live, order)
    live.tool("ship", ":not([name])", "Fulfilled", order=name_in_shopify(live, order), tracking="TRACK-1001")
    live.until("Amazon has it", lambda: live.received("shipment.confirmed", order))
    frame = live.seat.open(live.seat.at())
    frame.locator("#shipments s-badge[tone=success]").wait_for()
    assert frame.get_by_text("TRACK-1001").first.is_visible()
    live.look("shipped")
    (package,) = live.received("shipment.confirmed", order)
    assert (package["trackingNumber"], len(package["packageItems"])) == ("TRACK-1001", 1)


def not_accepted(live: Selling) -> None:
    """Refused because the order is on hold there: told on Home and by mail, mended, *Send tracking again*, accepted."""
    order = live.orders[1]
    there = f"/amazon/sellers/{live.story.seller}/orders/{order}"
    live.story.control("POST", there, {"status": "PENDING"})
    open_order(live, order)
    live.tool("ship", ":not([name])", "Fulfilled", order=name_in_shopify(live, order), tracking="TRACK-1002")
    live.until("the mail about it", lambda: live.mail_about(order))
    assert live.received("shipment.confirmed", order) == []
    frame = live.seat.open("/")
    live.look("home-not-accepted")
    frame.locator("#attention s-link[href*='shipment=failed']").first.click()
    frame = live.seat.lands("/orders?**")
    frame.get_by_role("link", name=order).click()
    frame = live.seat.lands("/orders/*")
    frame.locator("#shipments s-badge[tone=critical]").wait_for()
    live.look("not-accepted")
    live.story.control("POST", there, {"status": "UNSHIPPED"})
    frame.locator("form#send-tracking s-button .act").click()
    live.seat.page.locator("#toast.shown").wait_for()
    live.seat.frame.locator("#shipments s-badge[tone=success]").wait_for(timeout=60_000)
    live.seat.open(live.seat.at())
    live.look("accepted")
    (package,) = live.received("shipment.confirmed", order)
    assert package["trackingNumber"] == "TRACK-1002"
    assert "shipment=failed" not in live.story.merchant.open("/").html


def refused_listing(live: Selling) -> None:
    """The second account's prices are pushed, and Amazon refuses: Update Error, in the mailbox with SKU and words."""
    refusal = {"sku": REFUSED, "field": "price", "message": TOO_LOW}
    live.story.control("POST", f"/amazon/sellers/{live.second}/refusals", refusal)
    merchant = live.story.merchant
    live.until("all is linked", lambda: merchant.visit("/listings?status=linked").text.count("A lamp called") == 2)
    asked = merchant.submit(merchant.visit(live.refusing), "pushing", stock="1", price="1")
    run = asked.url.split("?")[0]
    live.until("the difference", lambda: any(form.id == "yes" for form in merchant.visit(run).forms))
    merchant.submit(merchant.visit(run), "yes")
    live.until("the mail about it", lambda: live.mail_about(REFUSED))
    assert live.amazon_has(REFUSED) == THERE


def updated(live: Selling) -> None:
    """From the mail to the listing; mended at Amazon; *Update* brings the newest values there."""
    page = live.seat.page
    live.seat.open("/listings?status=update_error").get_by_role("link", name=REFUSED).wait_for()
    live.look("update-error")
    page.goto(f"{live.demo.box_url}/mail")
    mail = live.mail_about(REFUSED)
    page.locator(f"a[href='/mail/{mail['n']}']").click()
    letter = page.frame_locator("iframe")
    assert letter.get_by_text(TOO_LOW).first.is_visible()
    letter.locator("a[href*='/listings/']").first.click()
    page.wait_for_url("**/store/**/listings/*")
    frame = live.seat.frame
    live.listing = live.seat.at()
    assert frame.get_by_text(TOO_LOW).first.is_visible()
    live.look("listing-refused")
    live.choose_seller(live.second)
    live.tool("listing", "[value=allow]", f"takes changes of {REFUSED} again", sku=REFUSED)
    frame.locator("#cause form#update s-button .act").click()
    page.locator("#toast.shown").wait_for()
    live.until("Amazon has it", lambda: live.amazon_has(REFUSED) == HERE)
    live.seat.open(live.listing).locator("#listing s-spinner").wait_for()
    live.look("listing-updated")


def switched_on(live: Selling) -> None:
    """The section of the account's page, the difference, the yes: Amazon has the values, and had none before."""
    frame = live.seat.open(live.account)
    live.look("prices-and-stock")
    frame.locator("form#pushing s-checkbox[name=stock] input").check()
    frame.locator("form#pushing s-checkbox[name=price] input").check()
    frame.locator("form#pushing s-button[type=submit] .act").click()
    frame = live.seat.lands("/listings/runs/**")
    live.run = live.seat.at()
    frame.locator("form#yes").wait_for(timeout=60_000)
    row = frame.locator("s-table-row", has_text=PUSHED)
    assert f"{THERE[1]} → {HERE[1]}" in row.inner_text()
    live.look("difference")
    assert live.amazon_has(PUSHED) == THERE
    frame.locator("form#yes s-button .act").click()
    live.seat.page.locator("#toast.shown").wait_for()
    live.until("Amazon has it", lambda: live.amazon_has(PUSHED) == HERE)
    frame = live.seat.open(live.run)
    frame.locator("form#undo").wait_for()
    live.look("pushed")


def price_changed(live: Selling) -> None:
    """A new price in Shopify is at Amazon, the rest is left alone."""
    live.tool("change", "[value=change]", NEW_PRICE, sku=PUSHED, price=NEW_PRICE)
    live.until("Amazon has the price", lambda: live.amazon_has(PUSHED) == (NEW_PRICE, HERE[1]))


def undone(live: Selling) -> None:
    """*Undo this run*: Amazon has what it had, and nothing is pushed any more."""
    frame = live.seat.open(live.run)
    frame.locator("form#undo s-button .act").click()
    live.seat.lands("/listings/runs/**")
    live.seat.page.locator("#toast.shown").wait_for()
    live.until("Amazon has the old values", lambda: live.amazon_has(PUSHED) == THERE)
    live.seat.open(live.seat.at())
    live.look("undoing")
    frame = live.seat.open(live.run)
    frame.locator("s-link[href^='/listings/runs/']").wait_for()
    assert frame.locator("form#undo").count() == 0
    live.look("undone")
    frame = live.seat.open(live.account)
    assert not frame.locator("form#pushing s-checkbox[name=stock] input").is_checked()
    live.look("switched-off")


def mapped(live: Selling) -> None:
    """A SKU that the shop does not know: told on Home, mapped on the page, its order in Shopify within a minute."""
    (order,) = live.story.sell(1, STRANGE, "10.00")
    live.sync()
    live.until("it failed", lambda: order in live.story.merchant.visit("/orders?state=failed").text)
    frame = live.seat.open("/")
    live.look("home-unmatched")
    frame.locator("#attention s-link[href='/listings/skus']").first.click()
    frame = live.seat.lands("/listings/skus")
    row = frame.locator("#waiting s-table-row", has_text=STRANGE)
    row.locator("s-button[href*='/skus/new'] .act").click()
    frame = live.seat.lands("/listings/skus/new?**")
    live.look("map")
    frame.locator("form#mapping s-text-field[name=store_sku] input").fill(KNOWN)
    frame.locator("form#mapping s-button[type=submit] .act").click()
    live.seat.page.locator("#toast.shown").wait_for()
    live.look("mapped")
    live.story.wait("it is in Shopify", lambda: order in live.story.created(), 60)
    assert live.story.created().count(order) == 1


def linked(live: Selling) -> None:
    """What was updated is seen there some time later: Linked, and nothing needs the merchant any more."""
    frame = live.seat.open(live.listing)
    frame.locator("#listing > s-section:first-child s-badge[tone=success]").wait_for(timeout=90_000)
    frame = live.seat.open(live.listing)
    assert frame.locator("#cause").count() == 0
    assert frame.get_by_text(TOO_LOW).first.is_visible(), "what was refused once stays in the history"
    live.look("listing-linked")
    assert live.amazon_has(REFUSED) == HERE
    assert "update_error" not in live.story.merchant.open("/").html
    live.seat.open("/listings")
    live.look("listings")
