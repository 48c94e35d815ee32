"""Owns the stage of the selling story: a shop whose two sellers list its products, seen by one merchant at one seat.

What Amazon received is read from the sandbox: its ledger, and what it has of a listing. Judges pages, decides no steps.
"""

from __future__ import annotations

from typing import Any

from tests.browser import polaris_manifest
from tests.browser.chapter import Chapter
from tests.browser.demo import Demo
from tests.browser.seat import Seat
from tests.sandbox import story as told

KNOWN, STRANGE = "LAMP-03", "AMZ-77"  # a product that nobody lists; a SKU that only the marketplace knows
PUSHED, REFUSED = "LAMP-01", "LAMP-02"
THERE = ("90.00", 5)  # what Amazon has of both before anything is pushed
HERE = ("100.00", 500)
PATIENCE = 90.0
TICKED = ["fulfillment_failed", "listing_update_failed", "order_import_failed"]


class Selling(Chapter):
    """One life: its shop, its seat, the account whose listings are pushed and the one that Amazon refuses."""

    def __init__(self, demo: Demo, seat: Seat, story: told.Story, known: Any) -> None:
        super().__init__(story, seat)
        self.demo, self.known = demo, known
        self.refusing = ""  # the account
        self.second = ""  # its seller
        self.orders: list[str] = []
        self.listing = self.run = ""

    def prepare(self) -> None:
        """Over HTTP, as other tests click it: products, listings, two connections, mails ticked, two orders."""
        story = self.story
        product = {"sku": KNOWN, "title": "Wall lamp", "price": "10.00", "available": 50}
        story.control("POST", f"/shops/{story.domain}/products", product)
        story.control("POST", f"/shops/{story.domain}/settings", {"bulk_seconds": 1})
        made = story.control("POST", "/amazon/sellers", {"name": "Second Lamp Shop", "region": "eu"})
        first, self.second = story.seller, made["seller_id"]
        for seller, sku in ((first, PUSHED), (self.second, REFUSED)):
            quick = {"delays": {"patch": 1, "report_queue": 1, "report_process": 1}, "visible_lag_seconds": 1}
            story.control("POST", f"/amazon/sellers/{seller}/state", quick)
            listing = {"sku": sku, "price": THERE[0], "quantity": THERE[1], "title": f"A lamp called {sku}"}
            story.control("POST", f"/amazon/sellers/{seller}/listings", listing)
        story.merchant.open("/")
        self.account = told.connect(story)
        story.seller = self.second
        self.refusing = told.connect(story)
        story.seller = first
        settings = story.merchant.visit("/settings")
        assert story.merchant.submit(settings, "settings", notify=TICKED).status == 200
        self.orders = story.sell(2, KNOWN, "10.00")
        self.sync()

    def look(self, name: str) -> None:
        """Judge the page that is shown now, also by Polaris' manifest."""
        found = self.seat.look(f"selling-{name}", keys=False)
        self.wrong += found
        if self.known:
            self.wrong += [f"{name}: {one}" for one in polaris_manifest.findings(self.seat.markup(), self.known)]

    def until(self, what: str, holds: Any) -> None:
        """Wait for it, with the patience that a busy machine needs."""
        self.story.wait(what, holds, PATIENCE)

    def amazon_has(self, sku: str) -> tuple[str, int]:
        """Price and quantity of a listing there."""
        seller = self.second if sku == REFUSED else self.story.seller
        found = self.story.control("GET", f"/amazon/sellers/{seller}/listing/{sku}")
        (price,) = found["prices"].values()
        return price, found["quantity"]

    def received(self, effect: str, order: str) -> list[dict[str, Any]]:
        """What Amazon took about this order."""
        return [row["body"] for row in self.story.control_ledger(effect) if row["body"].get("order_id") == order]

    def mail_about(self, words: str) -> Any:
        """The newest mail to the shop that says it, None while there is none."""
        return next((mail for mail in reversed(self.story.mails()) if words in mail["text"]), None)

    def tool(self, form: str, button: str, said: str, **fields: str) -> None:
        """One of the small forms beside the frame: what happens at the shop or at the marketplace."""
        page = self.seat.page
        if not page.locator("#tools.open").count():
            page.locator("#tools-toggle").click()
        page.locator("#skus option").first.wait_for(state="attached")
        for name, value in fields.items():
            at = page.locator(f"form[data-tool={form}] [name={name}]")
            if name == "order":
                at.locator(f"option[value='{value}']").wait_for(state="attached")
                at.select_option(value)
            else:
                at.fill(value)
        page.locator(f"form[data-tool={form}] button{button}").click()
        page.locator("#tools-said", has_text=said).wait_for()
        page.locator("#tools-toggle").click()

    def choose_seller(self, seller: str) -> None:
        """Whose listings the tools speak of."""
        page = self.seat.page
        if not page.locator("#tools.open").count():
            page.locator("#tools-toggle").click()
        page.locator(f"#seller option[value={seller}]").wait_for(state="attached")
        page.locator("#seller").select_option(seller)
