"""Create, break and repair a connection at a marketplace on Mirakl, in German, by clicks and typed fields."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.chapter import Chapter, lived
from tests.browser.demo import Demo
from tests.browser.seat import Seat
from tests.sandbox.story import Story, sync

pytestmark = pytest.mark.browser
INSTANCE = "nordkauf.example"


class Stall(Chapter):
    """A shop at an instance, a shop in Shopify that is looked at in German, and what a look finds wrong."""

    name = "mirakl"

    def __init__(self, story: Story, seat: Seat) -> None:
        super().__init__(story, seat)
        made = story.control("POST", "/mirakl/sellers", {"instance": INSTANCE, "name": "Lampenboden"})
        self.number, self.key = made["seller_id"], made["key"]

    def sell(self, **wish: Any) -> str:
        path = f"/mirakl/sellers/{INSTANCE}/{self.number}/orders"
        (order_id,) = self.story.control("POST", path, {"sku": "LAMP-01", "price": "49.00", **wish})["order_ids"]
        return str(order_id)

    def state(self, **wish: Any) -> None:
        told = self.story.control("POST", f"/mirakl/sellers/{INSTANCE}/{self.number}/state", wish)
        self.key = told["key"]

    def fill(self, frame: Any, **fields: str) -> None:
        for name, value in fields.items():
            frame.locator(f"form#manual [name={name}] input").first.fill(value)
        frame.locator("form#manual s-button[type=submit]").click()


def test_create_break_and_repair_on_mirakl_in_german(demo: Demo, sit: Any) -> None:
    story = demo.story()
    live = Stall(story, sit(story.domain, "de", 1280))
    with lived(live):
        _create(live)
        _break(live)
        _repair(live)
        _activate(live)


def _create(live: Stall) -> None:
    """An address that is none and a wrong key are told beside their fields; then the first sale is in Shopify."""
    seat, story = live.seat, live.story
    seat.open("/accounts/new").locator("s-button[href='/accounts/new/mirakl']").click()
    frame = seat.lands("/accounts/new/mirakl")
    frame.get_by_text("Sie brauchen einen aktiven Shop auf einem Marktplatz, der auf Mirakl läuft").wait_for()
    live.look("new")
    live.fill(frame, instance_url="https://127.0.0.1", api_key=live.key)
    frame.locator("[name=instance_url][error^='Das ist keine Adresse']").wait_for()
    live.fill(frame, instance_url=f"https://{INSTANCE}", api_key="wrong-key-wrong-key")
    frame.locator("[name=api_key][error^='Mirakl nimmt das nicht an']").wait_for()
    live.look("wrong-key")
    live.fill(frame, instance_url=f"https://{INSTANCE}", api_key=live.key)
    frame.locator("form#import").wait_for()
    live.account = seat.at().split("?")[0].removesuffix("/import")
    day = frame.locator("s-date-field[name=since]")
    assert day.is_hidden(), "a day typed without the tick would count for nothing"
    frame.locator("s-checkbox[name=older] input").check()
    day.wait_for()
    frame.locator("s-checkbox[name=older] input").uncheck()
    day.wait_for(state="hidden")
    frame.locator("form#import s-button[type=submit]").click()
    seat.lands(f"{live.account}**").get_by_text(INSTANCE).first.wait_for()
    live.look("account")
    sold = live.sell()
    live.sync()
    story.wait("the sale is in Shopify", lambda: sold in story.created(), 60)


def _break(live: Stall) -> None:
    """Another key was generated: Home, the dialog and the inbox say so in German."""
    live.state(new_key=True)
    sync(live.story, live.account)
    live.home("critical")
    live.look("broken-home")
    live.seat.open(f"{live.account}/repair").get_by_text("Unauthorized").first.wait_for()
    live.look("repair")
    live.seat.open("/inbox")
    live.look("inbox")


def _repair(live: Stall) -> None:
    """The banner's button, the form with the address in it, the new key: green, and what was sold meanwhile arrives."""
    seat, story = live.seat, live.story
    missed = live.sell()
    frame = live.home("critical")
    frame.locator("s-banner s-button[slot=secondary-actions]").first.click()
    frame = seat.lands(live.account)
    frame.get_by_role("link", name="Zugangsdaten neu eingeben").first.click()
    frame = seat.lands(f"{live.account}/manual")
    live.look("manual")
    live.fill(frame, api_key=live.key)
    frame.locator("#connection s-badge[tone=success]").wait_for()
    live.look("green")
    live.home("")
    live.sync()
    story.wait("what was sold meanwhile arrives", lambda: missed in story.created(), 60)


def _activate(live: Stall) -> None:
    """Deactivated, then activated on Settings with a key that ended: said beside the button, mended on the account's page."""
    seat, number = live.seat, live.account.rsplit("/", 1)[-1]
    frame = seat.open("/settings")
    frame.locator(f"#deactivate-{number} s-button").click()
    frame.locator(f"#sure-{number} s-button[data-confirmed]").click()
    seat.page.locator("#toast.shown").wait_for()
    live.state(new_key=True)
    frame = seat.frame
    frame.locator(f"#activate-{number} s-button").click()
    said = frame.locator(f"#activate-{number} [data-form-error]")
    said.get_by_text("Mirakl hat den Zugriff abgelehnt").wait_for()
    assert said.evaluate("place => place === document.activeElement")
    live.look("activate-refused")
    frame.get_by_role("link", name="Mirakl Lampenboden").first.click()
    frame = seat.lands(live.account)
    frame.get_by_role("link", name="Zugangsdaten neu eingeben").click()
    frame = seat.lands(f"{live.account}/manual")
    live.fill(frame, api_key=live.key)
    frame.locator("#connection s-badge[tone=success]").wait_for()
