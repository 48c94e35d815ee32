"""A merchant at the keyboard, over plain HTTP: opens pages in the admin's frame, fills forms, logs in at the marketplace.

Does what a browser with the two scripts does: a first load carries the ID token in the address, everything after is a
fetch with the token in the header; `X-Relay-Top` leaves the frame; cookies live only at top level.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import requests

VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())  # noqa: SIM905  # readable
INPUTS = frozenset({"input", "s-date-field", "s-money-field", "s-text-area"}) | {
    f"s-{kind}-field" for kind in ("text", "email", "password", "search", "number", "url")
}


@dataclass
class Form:
    """A form of a page with the values it would post untouched, as (name, value) pairs."""

    action: str
    method: str
    id: str
    pairs: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)

    def filled(self, changes: Mapping[str, str | list[str] | None]) -> list[tuple[str, str]]:
        """The pairs with single names replaced; None removes (unticks)."""
        kept = [(name, value) for name, value in self.pairs if name not in changes]
        for name, value in changes.items():
            kept += [(name, one) for one in (value if isinstance(value, list) else [value]) if one is not None]
        return kept


class Page(HTMLParser):
    """What a person (and a script) finds on a page: text, forms, links, banners, headings."""

    def __init__(self, html: str, status: int, url: str, headers: Mapping[str, str]) -> None:
        super().__init__(convert_charrefs=True)
        self.html, self.status, self.url, self.headers = html, status, url, headers
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.banners: list[dict[str, str]] = []
        self.lang = ""
        self.toast = ""
        self._text: list[str] = []
        self._stack: list[str] = []
        self._form: Form | None = None
        self._choice = ""
        self._multiple = False
        self._button: list[str] | None = None
        self._link: tuple[str, list[str]] | None = None
        self.feed(html)
        self.close()

    @property
    def text(self) -> str:
        """Everything readable, white space folded."""
        return re.sub(r"\s+", " ", " ".join(self._text)).strip()

    def form(self, form_id: str = "", action: str = "") -> Form:
        """The form with this id or action; AssertionError names what there is instead."""
        for form in self.forms:
            if (form_id and form.id == form_id) or (action and form.action == action):
                return form
        there = [(form.id, form.action) for form in self.forms]
        raise AssertionError(f"no form {form_id or action!r} on {self.url}; there are {there}")

    def link(self, text: str) -> str:
        """The address behind the link or button that reads `text`."""
        for words, href in self.links.items():
            if words == text:
                return href
        raise AssertionError(f"no link {text!r} on {self.url}; there are {list(self.links)}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        a = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self._stack.append(tag)
        match tag:
            case "html":
                self.lang = a.get("lang", "")
            case "meta" if a.get("name") == "flash-toast":
                self.toast = a.get("content", "")
            case "form":
                self._form = Form(a.get("action", ""), a.get("method", "get").lower(), a.get("id", ""))
                self.forms.append(self._form)
            case "s-banner":
                if "template" not in self._stack:
                    self.banners.append(a)
            case _ if tag in INPUTS and a.get("name"):
                self._field(a)
            case "s-checkbox" | "s-switch":
                self._tick(a)
            case "s-choice-list" | "s-select" | "select":
                self._choice, self._multiple = a.get("name", ""), "multiple" in a
            case "s-choice" | "s-option" | "option":
                if self._form and self._choice and "selected" in a:
                    self._form.pairs.append((self._choice, a.get("value", "")))
            case "s-button" | "button":
                self._button = []
        if tag in ("a", "s-link", "s-button") and a.get("href"):
            self._link = (a["href"], [])
        for name in ("heading", "label", "details", "error", "subheading", "accessibilitylabel", "aria-label"):
            if a.get(name) and "template" not in self._stack:
                self._text.append(a[name])

    def _field(self, a: dict[str, str]) -> None:
        if self._form is None:
            return
        if a.get("type") in ("checkbox", "radio") and "checked" not in a:
            return
        self._form.pairs.append((a["name"], a.get("value", "")))
        if a.get("error"):
            self._form.errors[a["name"]] = a["error"]

    def _tick(self, a: dict[str, str]) -> None:
        if self._form is not None and a.get("name") and "checked" in a:
            self._form.pairs.append((a["name"], a.get("value", "on")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        if tag in ("s-choice-list", "s-select", "select"):
            self._choice = ""
        if tag in ("s-button", "button") and self._button is not None:
            if self._form is not None:
                self._form.buttons.append(" ".join("".join(self._button).split()))
            self._button = None
        if tag in ("a", "s-link", "s-button") and self._link is not None:
            self.links.setdefault(" ".join("".join(self._link[1]).split()), self._link[0])
            self._link = None
        while self._stack and self._stack.pop() != tag:
            continue

    def handle_data(self, data: str) -> None:
        if self._stack and self._stack[-1] in ("script", "style", "title"):
            return
        if "template" not in self._stack:
            self._text.append(data)
        if self._button is not None:
            self._button.append(data)
        if self._link is not None:
            self._link[1].append(data)


@dataclass
class Merchant:
    """One staff member of one shop, at one browser."""

    box_url: str
    app_url: str
    domain: str
    user: str = "1"
    locale: str = "en"
    clicks: int = 0
    top: requests.Session = field(default_factory=requests.Session)
    frame: requests.Session = field(default_factory=requests.Session)

    def close(self) -> None:
        """Close the browser."""
        self.top.close()
        self.frame.close()

    def _token(self) -> dict[str, Any]:
        asked = {"user": self.user, "locale": self.locale}
        answer = self.top.post(f"{self.box_url}/_sandbox/shops/{self.domain}/id_token", json=asked, timeout=20)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def open(self, path: str = "/") -> Page:
        """Open a page of the app as the admin does: a document in the frame, the ID token in its address."""
        query = self._token()["query"]
        url = f"{self.app_url}{path}{'&' if '?' in path else '?'}{query}"
        return self._page(self.frame.get(url, headers={"Sec-Fetch-Dest": "iframe"}, timeout=30, allow_redirects=False))

    def visit(self, path: str) -> Page:
        """Follow a link inside the app: a fetch with the token in the header."""
        return self._page(self._fetch("GET", path))

    def _fetch(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {
            "Authorization": f"Bearer {self._token()['id_token']}",
            "X-Requested-With": "XMLHttpRequest",
            "Accept-Language": self.locale,
            "Sec-Fetch-Dest": "empty",
        }
        url = urljoin(self.app_url, path)
        return self.frame.request(method, url, headers=headers, timeout=60, allow_redirects=False, **more)

    def _page(self, answer: requests.Response) -> Page:
        for _ in range(5):
            if answer.status_code not in (301, 302, 303, 307):
                break
            answer = self._fetch("GET", urljoin(answer.url, answer.headers["Location"]))
        return Page(answer.text, answer.status_code, answer.url, answer.headers)

    def submit(self, page: Page, form_id: str = "", action: str = "", **changes: str | list[str] | None) -> Page:
        """Press a form's button with some fields changed; the page that follows. `X-Relay-Top` is left to the caller."""
        form = page.form(form_id, action)
        path = urljoin(page.url, form.action or page.url)
        self.clicks += 1
        if form.method == "get":
            return self.visit(f"{path}?{urlencode(form.filled(changes))}")
        return self._page(self._fetch("POST", path, data=form.filled(changes)))

    def leave(self, page: Page, seller: str, *, cancel: bool = False) -> Page:
        """Leave the frame to the marketplace, log in there as `seller`, and come back into the app."""
        address = page.headers.get("X-Relay-Top", "")
        assert address, f"the answer of {page.url} ({page.status}) does not leave the frame: {page.text[:300]}"
        return self.return_from(self.log_in(address, seller, cancel=cancel))

    def log_in(self, address: str, seller: str, *, cancel: bool = False) -> str:
        """At top level: our start page, the marketplace's consent, our return; the address in the admin it ends at."""
        answer = self.top.get(address, timeout=30, allow_redirects=False)
        consent = urljoin(address, answer.headers.get("Location", ""))
        assert answer.status_code in (302, 303), f"{address}: {answer.status_code} {answer.text[:300]}"
        form = {"seller": seller} | ({"action": "cancel"} if cancel else {})
        answer = self.top.post(consent, data=form, timeout=30, allow_redirects=False)
        for _ in range(6):
            if answer.status_code not in (301, 302, 303, 307):
                break
            following = urljoin(answer.url, answer.headers["Location"])
            if urlsplit(following).path.startswith("/store/"):
                return following
            answer = self.top.get(following, timeout=60, allow_redirects=False)
        raise AssertionError(
            f"the login did not come back to the admin: {answer.status_code} {answer.url} {answer.text[:400]}"
        )

    def return_from(self, admin_address: str) -> Page:
        """The admin opens the app at the path of this address."""
        parts = urlsplit(admin_address)
        path = "/" + "/".join(parts.path.split("/")[5:])
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        return self.open(path + (f"?{urlencode(query)}" if query else ""))
