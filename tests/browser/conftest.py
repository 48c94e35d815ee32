"""Owns the browser of this suite: Chromium from PATH through playwright, with no cookie for third parties.

Without Chromium or playwright the suite is skipped with the reason; SHOPAPP_REQUIRE=browser turns that into a failure.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import polaris_manifest
from tests.browser.demo import Demo, Shops, running_demo
from tests.browser.frames import ready
from tests.browser.sample_app import KEY, SECRET, SHOP, SampleApp
from tests.browser.seat import WATCH_HANDS, WATCH_SHIFTS, Seat
from tests.sandbox.server import create_sandbox
from tests.sandbox.shopify.state import shops_of

HERE = Path(__file__).parent
FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--test-third-party-cookie-phaseout",
]
PATIENCE_MS = 8000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder that drives the browser carries the marker."""
    for item in items:
        if HERE in item.path.parents and "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)


def _missing(reason: str) -> None:
    if "browser" in os.environ.get("SHOPAPP_REQUIRE", ""):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One running Chromium for the session (a playwright Browser)."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        _missing("no Chromium on PATH")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("playwright is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """A function (width, height, language) -> a fresh page of its own context.

    The test fails when the page's scripts raised an error or a strict CSP refused something.
    """
    contexts: list[Any] = []
    complaints: list[str] = []

    def open_page(width: int = 1280, height: int = 900, language: str = "en-GB") -> Any:
        context = chromium.new_context(viewport={"width": width, "height": height}, locale=language)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.extend([said.text] if "Content Security" in said.text else []))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def axe() -> Callable[[Any], list[str]] | None:
    """A function frame -> violations found by axe-core, or None unless AXE_JS names its script (dev only)."""
    path = os.environ.get("AXE_JS")
    if not path:
        return None
    source = Path(path).read_text("utf-8")
    run = """async () => {
        const rules = ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'];
        const { violations } = await axe.run(document, { runOnly: rules, resultTypes: ['violations'] });
        return violations.map((one) => one.id + ': ' + one.nodes.map((node) => node.target.join(' ')).join(' | '));
    }"""

    def check(frame: Any) -> list[str]:
        if not frame.evaluate("Boolean(window.axe)"):  # a page that was fetched softly is in the same window
            frame.evaluate(source)
        found: list[str] = frame.evaluate(run)
        return found

    return check


@pytest.fixture(scope="session")
def running_sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleApp]:
    """The sample app with a sandbox that embeds it in the shop `relay-test`, once for the session."""
    given = {"data": tmp_path_factory.mktemp("sample"), "app_url": "", "api_key": KEY, "api_secret": SECRET}
    with SampleApp() as app, create_sandbox(given | {"app_url": app.url}) as sandbox:
        shops_of(sandbox.world).create({"name": SHOP})
        app.admin = sandbox.url
        yield app


@pytest.fixture
def sample(running_sample: SampleApp) -> SampleApp:
    """The sample app as newly started. What the admin keeps of a person is in the browser, which is another each time."""
    running_sample.forget()
    return running_sample


@pytest.fixture
def embedded(sample: SampleApp, new_page: Callable[..., Any]) -> Callable[..., tuple[Any, Any]]:
    """A function (path, width) -> the admin's page and the app's frame, loaded."""

    def go(path: str = "", width: int = 1280) -> tuple[Any, Any]:
        page = new_page(width)
        page.goto(f"{sample.admin}/store/{SHOP}/apps/{KEY}{path}")
        frame = page.frame_locator("#app-frame")
        ready(page)
        return page, frame

    return go


@pytest.fixture(scope="session")
def demo(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The whole product in real processes, once for the session."""
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture(scope="session")
def shops(demo: Demo) -> Iterator[Shops]:
    """Shops in the states a merchant meets; only to be looked at."""
    made = Shops(demo)
    yield made
    made.close()


@pytest.fixture(scope="session")
def known() -> dict[str, polaris_manifest.Element] | None:
    """Polaris' manifest, None when it cannot be had."""
    path = polaris_manifest.manifest_path()
    return polaris_manifest.load(path) if path else None


@pytest.fixture
def sit(demo: Demo, chromium: Any, axe: Any) -> Iterator[Callable[..., Seat]]:
    """A function (shop's domain, language, width) -> a merchant's seat. Fails on script errors and refused content.

    The browser itself speaks English: it is the admin's language that counts.
    """
    contexts: list[Any] = []
    complaints: list[str] = []

    def hear(said: Any) -> None:
        # A refused form and a missing page are told by their status: the browser mentions these in its console. A letter
        # in the sandbox's mailbox lets no script in, not even what watches our pages.
        meant = ("status of 404", "status of 422", "in 'about:srcdoc' because")
        if said.type == "error" and not any(words in said.text for words in meant):
            complaints.append(said.text)

    def sit_down(domain: str, language: str = "en", width: int = 1280) -> Seat:
        context = chromium.new_context(viewport={"width": width, "height": 900}, locale="en-GB")
        context.set_default_timeout(2 * PATIENCE_MS)
        for watch in (WATCH_SHIFTS, WATCH_HANDS):
            context.add_init_script(f"({watch})()")
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", hear)
        return Seat(demo, page, domain.split(".", maxsplit=1)[0], language, axe)

    yield sit_down
    for context in contexts:
        context.close()
    assert complaints == []
