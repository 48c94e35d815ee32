"""A client of the stand-in over real HTTP: what an app can do with a shop, and what a tester can switch.

For tests and scripts; the servers never import it.
"""

import json
import time
from collections.abc import Callable
from typing import Any

import requests

from tests.sandbox.schema.prune import files
from tests.sandbox.shopify.tokens import EXCHANGE, ID_TOKEN, OFFLINE

Json = dict[str, Any]


class ShopClient:
    """A fresh shop of the sandbox at `url`, made as `wish` says; `app` is the app's (key, secret)."""

    def __init__(self, url: str, session: requests.Session, wish: Json, app: tuple[str, str]) -> None:
        self.url = url
        self.session = session
        self.app = app
        self.made = self._json(session.post(f"{url}/_sandbox/shops", json=wish, timeout=10))
        self.domain: str = self.made["domain"]
        self.token: str | None = None

    @staticmethod
    def _json(answer: requests.Response) -> Any:
        assert answer.ok, answer.text
        return answer.json()

    def control(self, path: str, wish: Json, method: str = "POST") -> Any:
        """Use a switch of this shop."""
        target = f"{self.url}/_sandbox/shops/{self.domain}/{path}"
        return self._json(self.session.request(method, target, json=wish, timeout=10))

    def settings(self, **wish: Any) -> Any:
        return self.control("settings", wish)

    def product(self, **wish: Any) -> Any:
        return self.control("products", wish)

    def look(self) -> Json:
        found: Json = self._json(self.session.get(f"{self.url}/_sandbox/shops/{self.domain}", timeout=10))
        return found

    def stock(self, sku: str) -> tuple[int, int, int]:
        """available, committed, on hand of the first variant with that SKU."""
        one = next(one for one in self.look()["products"] if one["sku"] == sku)
        return one["available"], one["committed"], one["on_hand"]

    def ledger(self, effect: str) -> list[Json]:
        answer = self.session.get(f"{self.url}/_sandbox/ledger", params={"effect": effect}, timeout=10)
        return [one for one in map(json.loads, answer.text.splitlines()) if one["body"].get("shop") == self.domain]

    def id_token(self, **wish: Any) -> str:
        token: str = self.control("id_token", wish)["id_token"]
        return token

    def ask_token(self, **wish: Any) -> requests.Response:
        """Post to the token endpoint; the app's own credentials unless given."""
        body = {"client_id": self.app[0], "client_secret": self.app[1], **wish}
        target = f"{self.url}/admin/oauth/access_token"
        return self.session.post(target, json=body, headers={"Host": self.domain}, timeout=10)

    def exchange(self, id_token: str | None = None, **wish: Any) -> requests.Response:
        return self.ask_token(
            grant_type=EXCHANGE,
            subject_token=self.id_token() if id_token is None else id_token,
            subject_token_type=ID_TOKEN,
            requested_token_type=OFFLINE,
            expiring=1,
            **wish,
        )

    def refresh(self, refresh_token: str) -> requests.Response:
        return self.ask_token(grant_type="refresh_token", refresh_token=refresh_token)

    def install(self) -> "ShopClient":
        self.token = self._json(self.exchange())["access_token"]
        return self

    def post(self, query: str, variables: Json | None = None, **more: Any) -> requests.Response:
        """A raw GraphQL request; `token` and `version` may be given."""
        headers = {"Host": self.domain, "X-Shopify-Access-Token": str(more.pop("token", self.token))}
        target = f"{self.url}/admin/api/{more.pop('version', '2026-10')}/graphql.json"
        body = {"query": query, "variables": variables or {}, **more}
        return self.session.post(target, json=body, headers=headers, timeout=10)

    def ask(self, query: str, variables: Json | None = None) -> Json:
        answer: Json = self._json(self.post(query, variables))
        return answer

    def run(self, operation: str, **variables: Any) -> Json:
        """One of the named operations."""
        text = files()[operation].read_text("utf-8")
        answer: Json = self._json(self.post(text, variables, operationName=operation))
        return answer

    def create(self, **wish: Any) -> Json:
        """Create an order with one custom line unless told otherwise; answers the payload of orderCreate."""
        options = wish.pop("options", None)
        order = {"lineItems": [custom_line()], **wish}
        payload: Json = self.run("OrderCreate", order=order, options=options)["data"]["orderCreate"]
        return payload


def money(amount: str, currency: str = "EUR") -> Json:
    return {"shopMoney": {"amount": amount, "currencyCode": currency}}


def custom_line(price: str = "10.00", quantity: int = 1, **more: Any) -> Json:
    return {"title": "Lamp", "quantity": quantity, "priceSet": money(price), **more}


def reference(value: str) -> list[Json]:
    return [{"namespace": "$app", "key": "marketplace_ref", "type": "id", "value": value}]


def until(condition: Callable[[], Any], seconds: float = 5) -> Any:
    """Wait for something true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("this did not happen in time")
