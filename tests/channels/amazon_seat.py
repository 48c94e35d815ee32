"""A seller at the sandbox's Amazon, and our channel linked to it: both speak over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from marketplaces.channel import AppKeys, Line, LoginRequest
from marketplaces.channels import registry
from marketplaces.channels.amazon import Amazon
from marketplaces.data import Credentials, OrderPage, OrderQuery
from marketplaces.wire import Http
from tests.sandbox.server import Sandbox, create_sandbox

DE, UK, US, JP = "A1PA6795UKMFR9", "A1F83G8C2ARO7P", "ATVPDKIKX0DER", "A1VC38T7YXB528"
RETURN = "http://localhost:8000/login/return/amazon"
STATE = "state-of-this-login"


@dataclass
class Seat:
    """The sandbox, its switches, and the channel under test."""

    sandbox: Sandbox
    session: requests.Session
    http: Http
    keys: AppKeys
    channel: Amazon

    def now(self) -> datetime:
        """The sandbox's time."""
        return self.sandbox.world.clock.now()

    def control(self, path: str, /, **value: Any) -> Any:
        """Press a switch."""
        answer = self.session.post(f"{self.sandbox.url}/_sandbox/{path}", json=value, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    def seller(self, **wish: Any) -> dict[str, Any]:
        """A new seller whose orders are visible at once."""
        seller: dict[str, Any] = self.control("amazon/sellers", **wish)
        self.state(seller, visible_lag_seconds=0)
        return seller

    def state(self, seller: dict[str, Any], **wish: Any) -> None:
        """Change a seller."""
        self.control(f"amazon/sellers/{seller['seller_id']}/state", **wish)

    def orders(self, seller: dict[str, Any], **wish: Any) -> list[str]:
        """Put orders, created ten minutes ago unless said otherwise."""
        wish = {"created_at": (self.now() - timedelta(minutes=10)).isoformat(), **wish}
        ids: list[str] = self.control(f"amazon/sellers/{seller['seller_id']}/orders", **wish)["order_ids"]
        return ids

    def request(self, seller: dict[str, Any]) -> LoginRequest:
        """A login under way."""
        return LoginRequest(self.keys, seller["region"], STATE, RETURN)

    def browser(self, url: str, **form: str) -> dict[str, str]:
        """What the redirect at `url` brings back: its query."""
        answer = self.session.request("POST" if form else "GET", url, data=form, allow_redirects=False, timeout=10)
        assert answer.status_code == 302, answer.text
        return {key: value[0] for key, value in parse_qs(urlsplit(answer.headers["Location"]).query).items()}

    def linked(self, seller: dict[str, Any]) -> Line:
        """Log in as `seller` by the consent page."""
        request = self.request(seller)
        back = self.browser(self.channel.login_url(request), seller=seller["seller_id"])
        return self.line(seller, self.channel.finish_login(self.http, request, back, self.now()))

    def line(self, seller: dict[str, Any], credentials: Credentials) -> Line:
        """A line with these credentials."""
        sites = tuple(seller["marketplaces"])
        return Line(self.http, self.keys, seller["region"], seller["seller_id"], sites, credentials, self.now)

    def typed(self, seller: dict[str, Any], seller_id: str = "") -> Line:
        """Self-authorised credentials of `seller`, typed by hand, with access."""
        token = self.control(f"amazon/sellers/{seller['seller_id']}/self_authorise")["refresh_token"]
        values = {"seller_id": seller_id or seller["seller_id"], "refresh_token": token}
        held = self.channel.typed(values, self.now())
        return self.line(seller, self.channel.refresh(self.http, self.keys, seller["region"], held, self.now()))

    def poll(self, line: Line, **more: Any) -> OrderPage:
        """A page of what changed in the last days."""
        return self.channel.search_orders(
            line, OrderQuery(line.sites, updated_since=self.now() - timedelta(days=30), **more)
        )

    def ledger(self, effect: str) -> list[Any]:
        """What the sandbox has recorded under `effect`."""
        url = f"{self.sandbox.url}/_sandbox/ledger"
        answer = self.session.get(url, params={"effect": effect}, timeout=10)
        return answer.text.splitlines()


@contextmanager
def seated(data: Path, *, seconds: float = 5, buckets: bool = True) -> Iterator[Seat]:
    """A running sandbox whose clock nearly stands still, and everything else of a Seat."""
    channel = registry()["amazon"]
    assert isinstance(channel, Amazon)
    with create_sandbox({"data": data, "time_scale": 0.001}) as sandbox, requests.Session() as session:
        url = f"{sandbox.url}/amazon"
        settings = sandbox.world.settings
        keys = AppKeys(
            {
                "CLIENT_ID": settings.amazon_client_id,
                "CLIENT_SECRET": settings.amazon_client_secret,
                "APPLICATION_ID": settings.amazon_application_id,
                "API_BASE": f"{url}/api/{{region}}",
                "LOGIN_BASE": f"{url}/sellercentral/{{region}}",
                "TOKEN_URL": f"{url}/auth/o2/token",
            }
        )
        http = Http(channel.hosts(keys), now=sandbox.world.clock.now, seconds=seconds)
        seat = Seat(sandbox, session, http, keys, channel)
        seat.control("amazon/settings", buckets=buckets)
        try:
            yield seat
        finally:
            http.close()
