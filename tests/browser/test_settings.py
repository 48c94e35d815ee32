"""The settings page in the browser: save bar, the hidden address row, a refused address, and what is there after Save."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.demo import Demo
from tests.sandbox.story import Story

pytestmark = pytest.mark.browser


@pytest.fixture
def story(demo: Demo) -> Iterator[Story]:
    """A shop of its own: these tests save."""
    made = demo.story()
    made.merchant.open("/")
    yield made
    made.merchant.close()
    made.http.close()


@pytest.mark.parametrize(("language", "width"), [("en", 1280), ("de", 390)])
def test_settings_are_changed_refused_and_saved(language: str, width: int, story: Story, sit: Any) -> None:
    seat = sit(story.domain, language, width)
    page, frame = seat.page, seat.open("/settings")
    save, address = page.locator("#savebar"), frame.locator("s-email-field[name=address]")
    shop_mail = frame.locator("s-checkbox[name=use_shop_email] input")
    assert save.is_hidden()
    assert frame.locator("#address-row").is_hidden()

    shop_mail.uncheck()
    frame.locator("#address-row").wait_for()
    save.wait_for()
    assert seat.look("settings-open", keys=False) == []
    page.locator("#discard").click()
    save.wait_for(state="hidden")
    frame.locator("#address-row").wait_for(state="hidden")

    frame.locator("s-checkbox[value=order_import_failed] input").check()
    shop_mail.uncheck()
    address.locator("input").fill("not an address")
    page.locator("#save").click()
    frame.locator("s-email-field[name=address][error]").wait_for()
    assert address.locator("input").input_value() == "not an address"
    assert frame.locator("s-checkbox[value=order_import_failed] input").is_checked()
    assert save.is_visible()
    assert frame.evaluate("document.activeElement.getAttribute('name')") == "address"
    assert frame.locator("s-banner").count() == 0
    assert seat.look("settings-refused", keys=False) == []

    address.locator("input").fill("alerts@shop.example")
    page.locator("#save").click()
    page.locator("#toast.shown").wait_for()
    save.wait_for(state="hidden")
    frame = seat.open("/settings")
    assert frame.locator("s-email-field[name=address] input").input_value() == "alerts@shop.example"
    assert frame.locator("s-checkbox[value=order_import_failed] input").is_checked()
    assert frame.locator("#address-state").get_by_text("alerts@shop.example").count() > 0
    assert seat.look("settings-saved", keys=False) == []
    assert (seat.clicks > 0, seat.typed > 0) == (True, True)


def test_a_dirty_form_is_not_left_and_enter_saves_it(story: Story, sit: Any) -> None:
    seat = sit(story.domain)
    page, frame = seat.page, seat.open("/settings")
    frame.locator("s-checkbox[name=use_shop_email] input").uncheck()
    page.locator("#savebar").wait_for()
    page.locator("#app-menu a", has_text="Orders").click()
    page.locator("#savebar.nudge").wait_for()
    assert seat.at() == "/settings"
    frame.locator("s-email-field[name=address] input").fill("enter@shop.example")
    page.keyboard.press("Enter")
    page.locator("#toast.shown").wait_for()
    page.locator("#savebar").wait_for(state="hidden")
    page.locator("#app-menu a", has_text="Orders").click()
    seat.lands("/orders")
