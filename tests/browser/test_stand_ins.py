"""The stand-in admin, App Bridge and Polaris with the app's relay script, on a tiny app in a cross-site frame."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.browser import polaris_manifest
from tests.browser.frames import inside, ready
from tests.browser.sample_app import KEY, SECRET, SHOP, SampleApp
from tests.sandbox.admin.scripts import polaris_script
from tests.sandbox.shopify.tokens import sign_query

pytestmark = pytest.mark.browser
NewPage = Callable[..., Any]
PAGES = ["", "/orders", "/settings", "/sync", "/gallery"]
REMEMBER_DEFINITIONS = """() => {
    window.defined = [];
    const define = customElements.define.bind(customElements);
    customElements.define = (name, kind) => { define(name, kind); defined.push([name, kind.observedAttributes]); };
}"""
FIRST_VALUES = "label=Example Trading|token=|region=na|days=30|q=|mode=now|again=on|note=|day=2026-11-20"


def shown_path(page: Any) -> str:
    """What the admin's address says about the app's page."""
    return str(page.url).split(f"/apps/{KEY}", 1)[1]


def dirty_settings(page: Any, frame: Any, address: str) -> None:
    """Type an address into the settings form and wait for the save bar."""
    frame.locator("#email input").fill(address)
    page.locator("#savebar").wait_for()


def test_first_load_is_signed_as_shopify_signs_and_carries_an_id_token(sample: SampleApp, embedded: Any) -> None:
    page, _ = embedded("/orders?state=failed")
    query = dict(parse_qsl(urlsplit(page.locator("#app-frame").get_attribute("data-src")).query))
    assert {"embedded", "hmac", "host", "id_token", "locale", "session", "shop", "timestamp", "state"} == set(query)
    signed = {name: value for name, value in query.items() if name != "hmac"}
    assert query["hmac"] == sign_query(signed, SECRET)
    assert inside(page).evaluate("location.search") == "?state=failed"


def test_a_click_on_a_link_is_a_fetch_with_a_token_and_no_second_document(sample: SampleApp, embedded: Any) -> None:
    page, frame = embedded()
    inside(page).evaluate("window.same = true")
    frame.locator("#plain").click()
    frame.get_by_role("heading", name="Orders").wait_for()
    headers = sample.asked("/orders")[-1]
    assert headers["Authorization"].startswith("Bearer ey")
    assert headers["X-Requested-With"] == "XMLHttpRequest"
    assert headers["Accept-Language"] == "en"
    assert inside(page).evaluate("window.same")
    assert inside(page).evaluate("document.activeElement.id") == "page"
    assert shown_path(page) == "/orders"


def test_a_full_load_without_a_token_comes_back_through_the_bounce(sample: SampleApp, embedded: Any) -> None:
    page, frame = embedded()
    frame.locator("#hard").click()
    frame.get_by_role("heading", name="Orders").wait_for()
    first, second = sample.asked("/orders")
    assert "Authorization" not in first
    assert second["X-Shopify-Bounce"] == "1"
    assert inside(page).evaluate("location.pathname + location.search") == "/orders?page=2"
    # The scripts ran twice in one window: one click must still be one request.
    ready(page)
    frame.locator("#order-7").click()
    frame.get_by_role("heading", name="Order 7").wait_for()
    assert len(sample.asked("/orders/7")) == 1


def test_a_refused_token_is_renewed_once(sample: SampleApp, embedded: Any) -> None:
    _, frame = embedded()
    sample.stale_tokens = 1
    frame.locator("#plain").click()
    frame.get_by_role("heading", name="Orders").wait_for()
    assert len(sample.asked("/orders")) == 2


def test_opened_outside_the_admin_it_goes_in_and_keeps_the_page(sample: SampleApp, new_page: NewPage) -> None:
    page = new_page()
    page.goto(f"{sample.admin}/store/{SHOP}/frame_url?path=/orders&user=1")
    page.goto(page.evaluate("JSON.parse(document.body.innerText).url"))
    page.wait_for_url(f"**/store/{SHOP}/apps/{KEY}/orders")
    page.frame_locator("#app-frame").get_by_role("heading", name="Orders").wait_for()


def test_the_admins_menu_visits_softly_and_back_returns(sample: SampleApp, embedded: Any) -> None:
    page, frame = embedded()
    page.locator("#app-menu a", has_text="Settings").wait_for()
    assert page.locator("#app-menu a").all_inner_texts() == ["Orders", "Settings", "Sync"]
    inside(page).evaluate("window.same = true")
    page.locator("#app-menu a", has_text="Orders").click()
    frame.locator("#order-7").click()
    frame.get_by_role("heading", name="Order 7").wait_for()
    assert inside(page).evaluate("window.same")
    # A page below /orders keeps its parent lit.
    assert page.locator("#app-menu a[aria-current]").inner_text() == "Orders"
    page.go_back()
    frame.get_by_role("heading", name="Orders").wait_for()
    ready(page)
    page.go_back()
    frame.get_by_role("heading", name="Home").wait_for()
    ready(page)
    page.wait_for_url(f"**/apps/{KEY}")
    page.go_forward()
    frame.get_by_role("heading", name="Orders").wait_for()


def test_save_bar_saves_and_tells_by_toast(sample: SampleApp, embedded: Any) -> None:
    page, frame = embedded("/settings")
    assert page.locator("#savebar").is_hidden()
    dirty_settings(page, frame, "b@example.com")
    frame.locator("s-checkbox[name=failed] input").uncheck()
    page.locator("#save").click()
    page.locator("#toast.shown").wait_for()
    assert page.locator("#toast").inner_text() == "Settings saved"
    assert page.locator("#savebar").is_hidden()
    assert sample.settings == {"email": "b@example.com", "failed": "", "shop_email": ""}


def test_discard_brings_everything_back(sample: SampleApp, embedded: Any) -> None:
    page, frame = embedded("/settings")
    dirty_settings(page, frame, "b@example.com")
    frame.locator("#shop-email input").check()
    assert frame.locator("#email-row").is_hidden()
    page.locator("#discard").click()
    page.locator("#savebar").wait_for(state="hidden")
    frame.locator("#email-row").wait_for()
    assert frame.locator("#email input").input_value() == "a@example.com"
    assert sample.posts == 0


def test_typing_back_the_old_value_takes_the_bar_away(embedded: Any) -> None:
    page, frame = embedded("/settings")
    dirty_settings(page, frame, "b@example.com")
    frame.locator("#email input").fill("a@example.com")
    page.locator("#savebar").wait_for(state="hidden")


def test_a_dirty_form_cannot_be_left(sample: SampleApp, embedded: Any) -> None:
    page, frame = embedded("/settings")
    dirty_settings(page, frame, "b@example.com")
    page.locator("#app-menu a", has_text="Orders").click()
    page.locator("#savebar.nudge").wait_for()
    assert inside(page).evaluate("window.open('http://127.0.0.1:9/', '_top')") is None
    assert frame.locator("#email input").input_value() == "b@example.com"
    assert sample.asked("/orders") == []


def test_422_keeps_values_and_save_bar_and_goes_to_the_error(sample: SampleApp, embedded: Any) -> None:
    page, frame = embedded("/settings")
    dirty_settings(page, frame, "not an address")
    page.locator("#save").click()
    frame.get_by_text("Write an address").wait_for()
    assert frame.get_by_text("Nothing was saved").is_visible()
    assert frame.locator("#email input").input_value() == "not an address"
    assert page.locator("#savebar").is_visible()
    assert inside(page).evaluate("document.activeElement.id") == "email"
    frame.locator("#email input").fill("c@example.com")
    page.locator("#save").click()
    page.locator("#toast.shown").wait_for()
    assert frame.get_by_text("Write an address").count() == 0
    assert page.locator("#savebar").is_hidden()


def test_discard_after_a_refusal_takes_the_errors_away(sample: SampleApp, embedded: Any) -> None:
    page, frame = embedded("/settings")
    dirty_settings(page, frame, "not an address")
    page.locator("#save").click()
    frame.get_by_text("Write an address").wait_for()
    page.locator("#discard").click()
    frame.get_by_text("Write an address").wait_for(state="hidden")
    assert frame.locator("[data-form-error]").inner_html() == ""
    assert frame.locator("#email input").input_value() == "a@example.com"


def test_a_second_click_on_save_sends_nothing_more(sample: SampleApp, embedded: Any) -> None:
    page, frame = embedded("/settings")
    dirty_settings(page, frame, "b@example.com")
    sample.gate.clear()
    page.locator("#save").click()
    frame.locator("s-button[type=submit][loading]").wait_for()
    page.locator("#save").click()
    sample.gate.set()
    page.locator("#toast.shown").wait_for()
    assert sample.posts == 1


def test_a_lost_network_keeps_what_was_typed_and_says_so_once(sample: SampleApp, embedded: Any) -> None:
    page, frame = embedded("/settings")
    dirty_settings(page, frame, "b@example.com")
    page.context.route("**/settings", lambda route: route.abort())
    for _ in range(2):
        page.locator("#save").click()
        frame.get_by_text("The app cannot be reached").wait_for()
        frame.locator("s-button[type=submit]:not([loading])").first.wait_for()
    assert frame.locator("s-page s-banner").count() == 1
    assert frame.locator("#email input").input_value() == "b@example.com"
    assert page.locator("#savebar").is_visible()


def test_login_leaves_the_frame_only_after_it_was_confirmed(sample: SampleApp, embedded: Any) -> None:
    page, frame = embedded("/settings")
    frame.get_by_role("button", name="Log in again").click()
    frame.get_by_role("dialog", name="Log in again?").wait_for()
    assert sample.asked("/login") == []
    frame.get_by_role("button", name="Go to Amazon").click()
    page.wait_for_url("**/mail?from=app")


def test_poll_replaces_its_part_and_stops_when_done(sample: SampleApp, embedded: Any) -> None:
    page, frame = embedded("/sync")
    frame.get_by_text("Done: 3 orders").wait_for()
    assert len(sample.asked("/sync/status")) == 2
    heard = len(sample.seen)
    page.wait_for_timeout(700)
    assert len(sample.seen) == heard


def test_an_export_is_downloaded_with_a_token(sample: SampleApp, embedded: Any) -> None:
    page, frame = embedded()
    with page.expect_download() as waiting:
        frame.locator("#csv").click()
    assert waiting.value.suggested_filename == "orders.csv"
    assert sample.asked("/export.csv")[-1]["Authorization"].startswith("Bearer ")
    assert frame.get_by_role("heading", name="Home").is_visible()


def test_a_table_row_and_the_next_page_lead_somewhere(sample: SampleApp, embedded: Any) -> None:
    _, frame = embedded("/orders")
    frame.get_by_role("button", name="Next").click()
    frame.locator("s-badge").wait_for()
    frame.locator("s-badge").click()
    frame.get_by_role("heading", name="Order 7").wait_for()
    assert len(sample.asked("/orders")) == 2


def test_every_field_takes_part_in_form_data_and_reset(embedded: Any) -> None:
    page, frame = embedded("/gallery")
    read = "[...new FormData(document.getElementById('kinds'))].map((pair) => pair.join('='))"
    at_first = inside(page).evaluate(read)
    assert "|".join(at_first) == FIRST_VALUES
    frame.locator("s-select select").select_option("eu")
    frame.get_by_role("radio", name="The last 30 days").check()
    frame.get_by_role("switch").check()
    changed = inside(page).evaluate(read)
    assert {"region=eu", "mode=all", "pause=on"} <= set(changed)
    inside(page).evaluate("document.getElementById('kinds').reset()")
    assert inside(page).evaluate(read) == at_first


def test_another_person_and_another_language_are_seen_by_the_app(sample: SampleApp, embedded: Any) -> None:
    page, frame = embedded()
    with page.expect_navigation():
        page.locator("#locale").select_option("de")
    frame.get_by_text("In de.").wait_for()
    ready(page)
    frame.locator("#plain").click()
    frame.get_by_role("heading", name="Orders").wait_for()
    assert sample.asked("/orders")[-1]["Accept-Language"] == "de"
    assert inside(page).evaluate("document.documentElement.lang") == "de"
    with page.expect_navigation():
        page.locator("#user").select_option("2")
    ready(page)
    token = "JSON.parse(atob((await shopify.idToken()).split('.')[1])).sub"
    assert inside(page).evaluate(f"(async () => {token})()") == "2"


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_scrolls_sideways_and_axe_is_content(width: int, sample: SampleApp, embedded: Any, axe: Any) -> None:
    page, _ = embedded("", width)
    for path in PAGES:
        page.goto(f"{sample.admin}/store/{SHOP}/apps/{KEY}{path}")
        ready(page)
        for frame in (inside(page), page.main_frame):
            assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
            assert axe is None or axe(frame) == []


def test_at_390_px_the_menu_opens_behind_a_button(embedded: Any) -> None:
    page, frame = embedded("", 390)
    assert page.locator("#nav").is_hidden()
    page.locator("#nav-toggle").click()
    page.locator("#app-menu a", has_text="Orders").click()
    frame.get_by_role("heading", name="Orders").wait_for()
    assert page.locator("#nav").is_hidden()
    assert frame.locator("s-table-cell").nth(2).inner_text() == "19.90 €"
    assert frame.locator("s-table-cell .label").nth(2).inner_text() == "Total"


def manifest() -> dict[str, polaris_manifest.Element]:
    """Polaris' manifest, or a skip with the reason."""
    path = polaris_manifest.manifest_path()
    if path is None:
        pytest.skip("POLARIS_MANIFEST names no manifest of @shopify/polaris-types")
    return polaris_manifest.load(path)


def test_the_stand_in_offers_nothing_the_manifest_lacks(new_page: NewPage, sample: SampleApp) -> None:
    known = manifest()
    page = new_page()
    page.goto(f"{sample.admin}/mail")
    page.evaluate(REMEMBER_DEFINITIONS)
    page.add_script_tag(content=polaris_script())
    offered = dict(page.evaluate("defined"))
    assert len(offered) > 40
    assert set(offered) <= set(known)
    for name, attributes in offered.items():
        assert set(attributes) <= set(known[name].attributes), name


def test_the_sample_pages_are_valid_polaris(sample: SampleApp, embedded: Any) -> None:
    known = manifest()
    with sample.app.test_request_context("/"):
        for name in ("home", "orders", "order", "sync", "gallery"):
            assert polaris_manifest.findings(sample.render(name).get_data(as_text=True), known) == [], name


def test_the_checker_finds_what_is_planted() -> None:
    known = manifest()
    planted = {
        "<s-card></s-card>": "there is no <s-card>",
        '<s-button tone="success">x</s-button>': "is not one of",
        '<s-button colour="red">x</s-button>': "has no attribute colour",
        '<s-checkbox name="a"></s-checkbox>': "has no label",
        '<s-checkbox label="a" checked="false"></s-checkbox>': "a boolean that is present is true",
        '<s-stack gap="12px"></s-stack>': "is not a size",
        '<s-page><div><s-link slot="breadcrumb-actions">x</s-link></div></s-page>': "only a direct child",
        '<s-page><s-link slot="primary-action">x</s-link></s-page>': "takes at most 1",
        "<s-box><s-text></s-box>": "is not closed before",
        '<p style="color:red">x</p>': "strict content security policy",
        '<s-button icon="delete"></s-button>': "no accessibilityLabel",
        '<i id="a"></i><i id="a"></i>': "used twice",
    }
    for html, words in planted.items():
        found = polaris_manifest.findings(html, known)
        assert any(words in one for one in found), (html, found)
