"""Owns a merchant's seat: one browser page of one shop in one language and width, what its hands do counted, its pages judged."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.browser.demo import Demo
from tests.browser.frames import ready

# Words that no German or Swedish sentence of ours holds; the marketplace's own words are quoted and not looked at.
ENGLISH = re.compile(r"\b(the|and|of|your|you|with|is|are|this|that|from|have|been|by|not|here|when)\b")
RAW = re.compile(
    r"\bNone\b|%\(|\{\{|gid://|\d{4}-\d\d-\d\dT|\+00:00|(?<!•)\b(?!utm)[a-z]+_[a-z_]+\b|Undefined|\[object"
)
QUOTED = re.compile("“[^”]*”|„[^“]*“|”[^”]*”")
NODES = 1500
SHIFT = 0.1
TABS, STRIDE = 60, 6
WATCH_SHIFTS = """() => { window.shifted = 0; new PerformanceObserver((list) => { for (const one of list.getEntries())
    if (!one.hadRecentInput) window.shifted += one.value; }).observe({ type: 'layout-shift', buffered: true }); }"""
# Every press of a pointer and every edit of a field inside the app, told by the browser itself.
WATCH_HANDS = """() => { if (window.parent !== window) for (const kind of ['pointerdown', 'beforeinput'])
    addEventListener(kind, (event) => event.isTrusted && console.debug('hands:' + kind), true); }"""
# What a person reads: text and the attributes that Polaris shows, without quotations, raw data, fields' values.
READ = """() => { const said = []; const skip = '.quote, pre, template, script, style, [lang]:not(html), s-app-nav';
    const walk = (node) => { if (node.nodeType === 3) { said.push(node.data); return; }
      if (node.nodeType !== 1 || node.matches(skip)) return;
      for (const name of ['heading', 'label', 'details', 'error', 'accessibilitylabel', 'aria-label', 'placeholder'])
        if (node.hasAttribute(name)) said.push(node.getAttribute(name));
      said.push(' '); node.childNodes.forEach(walk); said.push(' '); };
    walk(document.body); document.querySelectorAll('s-app-nav s-link').forEach((one) => said.push(' ', one.textContent));
    return said.join(' ').replace(/\\s+/g, ' ').trim(); }"""
HAS_PRIMARY = "!!document.querySelector('s-button[variant=primary]:not([disabled]):not(s-modal *)')"
WATCH_FOCUS = """() => { window.reached = false; addEventListener('focusin', () => { const at = document.activeElement;
    window.reached ||= !!at?.closest('s-button[variant=primary]') && !at.closest('s-modal'); });
    document.getElementById('page').focus(); }"""
MEASURE = """() => ({ wide: document.scrollingElement.scrollWidth, inner: innerWidth,
    banners: document.querySelectorAll('s-banner').length, lang: document.documentElement.lang, title: document.title,
    nodes: document.querySelectorAll('*').length, shifted: window.shifted ?? 0,
    pages: document.querySelectorAll('s-page').length })"""


@dataclass
class Seat:
    """One merchant looking at one shop."""

    demo: Demo
    page: Any
    shop: str
    language: str
    axe: Callable[[Any], list[str]] | None
    clicks: int = 0
    typed: int = 0

    def __post_init__(self) -> None:
        self.page.on("console", self._hand)

    def _hand(self, said: Any) -> None:
        self.clicks += said.text == "hands:pointerdown"
        self.typed += said.text == "hands:beforeinput"

    @property
    def frame(self) -> Any:
        """The app's frame, listening."""
        return ready(self.page)

    def changes(self, language: str, width: int) -> None:
        """From the next page that is opened on: the same person in another language, the window as wide as this."""
        self.language = language
        self.page.set_viewport_size({"width": width, "height": 900})

    def open(self, path: str = "/") -> Any:
        """Open a page of the app in the admin; the frame."""
        # The admin's own language of this person, as its selector keeps it.
        self.page.context.add_cookies([{"name": "standin_locale", "value": self.language, "url": self.demo.box_url}])
        self.page.goto(f"{self.demo.box_url}/store/{self.shop}/apps/{self.demo.key}{'' if path == '/' else path}")
        return self.frame

    def log_in(self, seller: str) -> Any:
        """At the marketplace, at top level: log in, allow, come back into the admin; not counted, as agreed. The frame."""
        self.page.wait_for_url("**/amazon/sellercentral/**")
        login = self.page.locator("form.seller", has=self.page.locator(f"input[value={seller}]"))
        confirm = self.page.get_by_role("button", name="Confirm")
        login.or_(confirm).first.wait_for()
        if login.count():
            login.locator("button").click()
        confirm.click()
        self.page.wait_for_url("**/store/**")
        return self.frame

    def at(self) -> str:
        """The app's path that the admin's address shows, without its query."""
        return urlsplit(self.page.url).path.split(f"/apps/{self.demo.key}", 1)[1] or "/"

    def lands(self, path: str) -> Any:
        """Wait until the admin's address says that the app is at `path` (a pattern); the frame."""
        self.page.wait_for_url(f"**/apps/{self.demo.key}{path}")
        return self.frame

    def look(self, name: str, *, keys: bool = True, moves: bool = False) -> list[str]:
        """Everything wrong with the page as it stands, in words that name the page. `moves`: more of it comes later."""
        frame = self.frame
        if moves:
            frame.evaluate("window.shifted = 0")
        elif frame.evaluate("window.shifted ?? 0") >= SHIFT:
            # A busy machine paints now and then before the style sheet is there; what moves every time is a defect.
            self.page.reload()
            frame = self.frame
        width = self.page.viewport_size["width"]
        where = f"{name} [{self.language} {width}]"
        found = self._measured(frame) + self._read(frame)
        if self.axe is not None:
            found += [f"axe: {one}" for one in self.axe(frame)]
        if keys and frame.evaluate(HAS_PRIMARY):
            found += self._tabs(frame)
        self._picture(frame, name, width)
        return [f"{where}: {one}" for one in found]

    def _measured(self, frame: Any) -> list[str]:
        it = frame.evaluate(MEASURE)
        found = [] if it["pages"] == 1 else [f"{it['pages']} pages in one"]
        if it["wide"] > it["inner"]:
            found.append(f"scrolls sideways: {it['wide']} of {it['inner']} px")
        if self.page.main_frame.evaluate("document.scrollingElement.scrollWidth > innerWidth"):
            found.append("the admin scrolls sideways")
        if it["banners"] > 1:
            found.append(f"{it['banners']} banners")
        if it["lang"] != self.language:
            found.append(f"lang is {it['lang']!r}")
        if not it["title"].strip():
            found.append("no title")
        if it["nodes"] > NODES:
            found.append(f"{it['nodes']} nodes")
        if it["shifted"] >= SHIFT:
            found.append(f"moves while loading: {it['shifted']:.3f}")
        return found

    def _read(self, frame: Any) -> list[str]:
        text = QUOTED.sub("", frame.evaluate(READ))
        found = [f"raw value {raw.group()!r}" for raw in RAW.finditer(text)]
        if self.language != "en":
            found += [f"English: …{text[max(0, hit.start() - 40) : hit.end() + 40]}…" for hit in ENGLISH.finditer(text)]
        return found

    def _tabs(self, frame: Any) -> list[str]:
        frame.evaluate(WATCH_FOCUS)
        for _ in range(TABS // STRIDE):
            for _ in range(STRIDE):
                self.page.keyboard.press("Tab")
            if frame.evaluate("window.reached"):
                return []
        return [f"{TABS} times Tab did not reach the primary action"]

    def _picture(self, frame: Any, name: str, width: int) -> None:
        folder = os.environ.get("BROWSER_PICTURES")
        if not folder:
            return
        height = frame.evaluate("(scrollTo(0, 0), document.getElementById('page').getBoundingClientRect().height)")
        before = self.page.viewport_size
        self.page.set_viewport_size({"width": width, "height": min(4000, int(height) + 130)})
        self.page.screenshot(path=Path(folder) / f"{name}-{self.language}-{width}.png")
        self.page.set_viewport_size(before)

    def markup(self) -> str:
        """What the server sends for this page."""
        fetched = "async () => (await fetch(location.href, { headers: { Accept: 'text/html' } })).text()"
        return str(self.frame.evaluate(fetched))
