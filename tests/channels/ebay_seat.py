"""A seller at the sandbox's eBay, and our channel linked to it: both speak over real HTTP, and every exchange is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from flask import Response, request

from marketplaces.channel import AppKeys, Line, LoginRequest
from marketplaces.channels import registry
from marketplaces.channels.ebay import Ebay
from marketplaces.data import Credentials, OrderPage, OrderQuery
from marketplaces.wire import Http
from tests.sandbox.server import Sandbox, create_sandbox

STATE = "state-of-this-login"


@dataclass(frozen=True)
class Exchange:
    """A call of ours and the sandbox's answer."""

    method: str
    path: str
    query: str
    sent: Any
    status: int
    told: Any
    headers: dict[str, str]


@dataclass
class Seat:
    """The sandbox, its switches, and the channel under test."""

    sandbox: Sandbox
    session: requests.Session
    http: Http
    keys: AppKeys
    channel: Ebay
    exchanges: list[Exchange] = field(default_factory=list)

    def now(self) -> datetime:
        """The sandbox's time."""
        return self.sandbox.world.clock.now()

    def control(self, path: str, /, **value: Any) -> Any:
        """Press a switch."""
        answer = self.session.post(f"{self.sandbox.url}/_sandbox/{path}", json=value, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    def seller(self, **wish: Any) -> str:
        """A new user; its id."""
        return str(self.control("ebay/sellers", **wish)["user_id"])

    def state(self, seller: str, **wish: Any) -> None:
        """Change a user."""
        self.control(f"ebay/sellers/{seller}/state", **wish)

    def orders(self, seller: str, **wish: Any) -> list[str]:
        """Put orders, bought ten minutes ago unless said otherwise."""
        wish = {"created_at": (self.now() - timedelta(minutes=10)).isoformat(), **wish}
        ids: list[str] = self.control(f"ebay/sellers/{seller}/orders", **wish)["order_ids"]
        return ids

    def change(self, seller: str, order_id: str, **wish: Any) -> None:
        """Change an order now."""
        self.control(f"ebay/sellers/{seller}/orders/{order_id}", **wish)

    def listing(self, seller: str, sku: str, **wish: Any) -> str:
        """An item with its offer; the offer's id."""
        return str(self.control(f"ebay/sellers/{seller}/listings", sku=sku, **wish)["offerId"])

    def request(self, **more: Any) -> LoginRequest:
        """A login under way."""
        return LoginRequest(self.keys, "ebay", STATE, "http://localhost:8000/login/return/ebay", **more)

    def browser(self, url: str, **form: str) -> dict[str, str]:
        """What the redirect at `url` brings back: its query."""
        answer = self.session.request("POST" if form else "GET", url, data=form, allow_redirects=False, timeout=10)
        assert answer.status_code == 302, answer.text
        return {key: value[0] for key, value in parse_qs(urlsplit(answer.headers["Location"]).query).items()}

    def linked(self, seller: str, *sites: str) -> Line:
        """Log in as `seller` by the consent page."""
        back = self.browser(self.channel.login_url(self.request()), seller=seller)
        return self.line(seller, self.channel.finish_login(self.http, self.request(), back, self.now()), *sites)

    def line(self, seller: str, credentials: Credentials, *sites: str) -> Line:
        """A line with these credentials."""
        return Line(self.http, self.keys, "ebay", seller, sites or ("EBAY_DE",), credentials, self.now)

    def poll(self, line: Line, **more: Any) -> OrderPage:
        """A page of what changed in the last days."""
        since = self.now() - timedelta(days=30)
        return self.channel.search_orders(line, OrderQuery(line.sites, updated_since=since, **more))

    def keep(self, response: Response) -> Response:
        """Remember an exchange with the API."""
        if request.path.startswith("/ebay/api/"):
            text, told = request.get_data(as_text=True), response.get_data(as_text=True)
            sent = request.get_json(silent=True) if request.is_json else text
            answered = json.loads(told) if told.startswith(("{", "[")) else told
            query = request.query_string.decode()
            path = request.path.removeprefix("/ebay/api")
            self.exchanges.append(
                Exchange(request.method, path, query, sent, response.status_code, answered, dict(response.headers))
            )
        return response


@contextmanager
def seated(data: Path, *, app_url: str = "") -> Iterator[Seat]:
    """A running sandbox whose clock nearly stands still, and everything else of a Seat."""
    channel = registry()["ebay"]
    assert isinstance(channel, Ebay)
    wish: dict[str, object] = {"data": data, "time_scale": 0.001} | ({"app_url": app_url} if app_url else {})
    sandbox = create_sandbox(wish)
    seats: list[Seat] = []
    sandbox.wsgi.after_request(lambda response: seats[0].keep(response) if seats else response)
    with sandbox, requests.Session() as session:
        told = session.get(f"{sandbox.url}/_sandbox/app_settings", timeout=10).json()
        keys = AppKeys({name.removeprefix("EBAY_"): value for name, value in told.items() if name.startswith("EBAY_")})
        http = Http(channel.hosts(keys), now=sandbox.world.clock.now, seconds=5)
        seats.append(Seat(sandbox, session, http, keys, channel))
        try:
            yield seats[0]
        finally:
            http.close()
