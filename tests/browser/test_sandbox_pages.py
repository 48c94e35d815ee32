"""The pages a person of the demo uses outside the app: start page, tools beside the frame, the shop's own lists."""

import json
import urllib.request
from typing import Any

import pytest

from tests.browser.sample_app import KEY, SampleApp

pytestmark = pytest.mark.browser


def told(sample: SampleApp, path: str) -> Any:
    """What the control API says."""
    with urllib.request.urlopen(f"{sample.admin}/_sandbox/{path}") as answer:
        return json.load(answer)


def test_a_new_shop_is_created_and_opens_the_app(sample: SampleApp, new_page: Any, axe: Any) -> None:
    page = new_page()
    page.goto(sample.admin)
    page.locator("#new-shop input[name=name]").fill("fresh-shop")
    page.get_by_role("button", name="Create a shop").click()
    entry = page.locator("li", has_text="fresh-shop.myshopify.com")
    entry.wait_for()
    assert axe is None or axe(page.main_frame) == []
    entry.get_by_role("link", name="Open the app").click()
    page.wait_for_url(f"**/store/fresh-shop/apps/{KEY}")
    page.frame_locator("#app-frame").get_by_role("heading", name="Home").wait_for()


def test_the_tools_make_a_product_orders_and_a_dead_login(sample: SampleApp, new_page: Any, embedded: Any) -> None:
    start = new_page()
    start.goto(sample.admin)
    start.locator("#new-seller input[name=name]").fill("Example Trading")
    start.get_by_role("button", name="Create a seller").click()
    start.locator("#sellers li", has_text="Example Trading").wait_for()
    mine = next(one["seller_id"] for one in told(sample, "amazon/sellers") if one["name"] == "Example Trading")
    page, _ = embedded()
    page.get_by_role("button", name="Sandbox").click()
    page.locator("#seller option", has_text="Example Trading").wait_for(state="attached")
    page.locator("#seller").select_option(mine)
    said = page.locator("#tools-said")
    page.get_by_role("button", name="Add product").click()
    said.get_by_text("Added MUG-BLUE").wait_for()
    page.locator("#skus option[value=MUG-BLUE]").wait_for(state="attached")
    page.get_by_role("button", name="New order").click()
    said.get_by_text("with SKU MUG-BLUE").wait_for()
    page.get_by_role("button", name="… with an unknown SKU").click()
    said.get_by_text("with SKU UNKNOWN-").wait_for()
    page.get_by_role("button", name="Expire login").click()
    said.get_by_text("now: expired").wait_for()
    seller = next(one for one in told(sample, "amazon/sellers") if one["seller_id"] == mine)
    assert (seller["orders"], seller["authorisation"]) == (2, "expired")


def test_the_tools_change_a_product_and_make_amazon_refuse_it(sample: SampleApp, new_page: Any, embedded: Any) -> None:
    start = new_page()
    start.goto(sample.admin)
    start.locator("#new-seller input[name=name]").fill("Refusing Trading")
    start.get_by_role("button", name="Create a seller").click()
    start.locator("#sellers li", has_text="Refusing Trading").wait_for()
    seller = next(one["seller_id"] for one in told(sample, "amazon/sellers") if one["name"] == "Refusing Trading")
    page, _ = embedded()
    page.get_by_role("button", name="Sandbox").click()
    page.locator("#seller option", has_text="Refusing Trading").wait_for(state="attached")
    page.locator("#seller").select_option(seller)
    said = page.locator("#tools-said")
    page.locator("[data-tool=product] input[name=sku]").fill("JUG-1")
    page.get_by_role("button", name="Add product").click()
    said.get_by_text("Added JUG-1").wait_for()
    for form in ("listing", "change"):
        page.locator(f"[data-tool={form}] input[name=sku]").fill("JUG-1")
    page.get_by_role("button", name="List it at Amazon").click()
    said.get_by_text("Amazon lists JUG-1 now.").wait_for()
    page.locator("[data-tool=change] input[name=available]").fill("0")
    page.locator("[data-tool=change] input[name=price]").fill("7.5")
    page.get_by_role("button", name="Change it").click()
    said.get_by_text("JUG-1: stock 0, price 7.50.").wait_for()
    page.get_by_role("button", name="Refuse its changes").click()
    said.get_by_text("Amazon refuses every change of JUG-1").wait_for()
    assert [one["sku"] for one in told(sample, f"amazon/sellers/{seller}/refusals")] == ["JUG-1"]
    page.get_by_role("button", name="Take them again").click()
    said.get_by_text("Amazon takes changes of JUG-1 again.").wait_for()
    page.get_by_role("button", name="What Amazon has").click()
    said.get_by_text("Amazon has JUG-1 at 19.90, quantity 10.").wait_for()
    page.get_by_role("button", name="Delete it").click()
    said.get_by_text("Deleted JUG-1.").wait_for()


def test_the_shops_own_lists_show_what_is_in_it(sample: SampleApp, new_page: Any, axe: Any) -> None:
    def make(address: str, wish: dict[str, Any]) -> None:
        told = {"Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(address, json.dumps(wish).encode(), told)).close()

    make(f"{sample.admin}/_sandbox/shops", {"name": "lists"})
    cup = {"sku": "CUP-1", "title": "Cup", "price": "7.50", "available": 3}
    make(f"{sample.admin}/_sandbox/shops/lists.myshopify.com/products", cup)
    page = new_page(390)
    page.goto(f"{sample.admin}/store/lists/products")
    row = page.locator("#listing tbody tr")
    row.wait_for()
    assert row.locator("td").all_inner_texts() == ["CUP-1", "Cup", "€7.50", "3"]
    assert axe is None or axe(page.main_frame) == []
    page.goto(f"{sample.admin}/store/lists/orders")
    page.get_by_text("No orders yet.").wait_for()


def test_an_unknown_shop_is_not_found(sample: SampleApp, new_page: Any) -> None:
    page = new_page()
    assert page.goto(f"{sample.admin}/store/nobody/apps/{KEY}").status == 404
