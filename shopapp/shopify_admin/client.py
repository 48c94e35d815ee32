"""Admin GraphQL of one shop: runs named operations once and judges the answer. `userErrors` stay in the data.

ShopifyAPI's Session gives the address; its activation (leaks between shops) and its transport (no time-out) are not
used. Nothing here reads or writes the database.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import shopify

from marketplaces.errors import PermissionMissing, RateLimited, Rejected, Transient
from marketplaces.text import clean, redact
from shopapp.shopify_admin import budget, wire
from shopapp.shopify_admin.documents import Operation, compose, load
from shopapp.shopify_admin.errors import ShopAuthLost

log = logging.getLogger(__name__)
API_VERSION = "2026-10"
Renew = Callable[[str], str]


class Admin:
    """The Admin API of `shop_domain`. `renew(refused token) -> new token` is asked once when Shopify answers 401.

    Cheap to make; safe for threads. A 401 was not executed, so the call is repeated once with the new token.
    """

    def __init__(self, shop_domain: str, access_token: str, renew: Renew | None = None) -> None:
        self._session = shopify.Session(shop_domain, API_VERSION, access_token)
        self._renew = renew
        self.patient = False  # bulk work: new sales and people come first at the shop's call budget

    def __repr__(self) -> str:
        return f"Admin({self.domain})"

    @property
    def domain(self) -> str:
        """The shop's myshopify.com domain."""
        return str(self._session.url)

    def run(
        self,
        operation: str,
        variables: Mapping[str, Any] | None = None,
        *,
        interactive: bool = False,
        until: datetime | None = None,
    ) -> dict[str, Any]:
        """The `data` of the named operation. `interactive`: a person waits, so the reserve may be used.

        `until`: after this moment nothing is sent any more. Raises ShopAuthLost, ShopFrozen, RateLimited,
        Transient(maybe_done), Rejected, PermissionMissing.
        """
        return self._run(load(operation), dict(variables or {}), interactive, until)

    def run_text(
        self, text: str, name: str, variables: Mapping[str, Any], cost: int, *, interactive: bool = False
    ) -> dict[str, Any]:
        """Like `run`, for a document composed of aliases. `cost` is the expected price in points."""
        return self._run(compose(name, text, cost), dict(variables), interactive)

    def _run(
        self, operation: Operation, variables: dict[str, Any], interactive: bool, until: datetime | None = None
    ) -> dict[str, Any]:
        # The price depends on the text and on the page size, on nothing else.
        known_as = f"{operation.name}:{variables.get('first', '')}" if operation.named else ""
        cost = budget.estimate(known_as, operation.cost)
        body = wire.dumps({"query": operation.text, "variables": variables, "operationName": operation.name})
        budget.take(self.domain, cost, interactive=interactive, call=operation.name, patient=self.patient)
        try:
            answer = self._send(operation, body, until)
        finally:
            budget.settle(self.domain, cost)
        reply = answer.body if isinstance(answer.body, dict) else {}
        price = reply.get("extensions", {}).get("cost") if isinstance(reply.get("extensions"), dict) else None
        budget.learn(self.domain, known_as, price)
        return _data(operation, answer, reply, price)

    def _send(self, operation: Operation, body: bytes, until: datetime | None) -> wire.Answer:
        answer = self._post(operation, body, until)
        if answer.status == 401 and self._renew is not None:
            self._session.token = self._renew(self._session.token)
            answer = self._post(operation, body, until)
        if 200 <= answer.status < 300:
            return answer
        words = redact(clean(answer.raw[:2000].decode("utf-8", "replace"), 300))
        details: dict[str, Any] = {"status": answer.status, "call": operation.name, "request_id": answer.request_id}
        if answer.status == 401:
            raise ShopAuthLost(words, **details)
        if answer.status == 403:
            raise PermissionMissing("access scope", words, **details)
        # 400, 404, 406: refused before anything ran, and nothing about the item that is sent.
        raise Transient(words, **details)

    def _post(self, operation: Operation, body: bytes, until: datetime | None) -> wire.Answer:
        headers = {"X-Shopify-Access-Token": str(self._session.token)}
        url = f"{self._session.site}/graphql.json"
        return wire.post(url, body, headers, call=operation.name, effect=operation.mutation, until=until)


def _data(operation: Operation, answer: wire.Answer, reply: dict[str, Any], price: Any) -> dict[str, Any]:
    details: dict[str, Any] = {"status": answer.status, "call": operation.name, "request_id": answer.request_id}
    errors = reply.get("errors")
    if errors:
        _refuse(operation, errors, price, details)
    data = reply.get("data")
    if not isinstance(data, dict) or (operation.mutation and any(value is None for value in data.values())):
        raise Transient("an answer without data", maybe_done=operation.mutation, **details)
    return data


def _refuse(operation: Operation, errors: Any, price: Any, details: dict[str, Any]) -> None:
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    extensions = first.get("extensions")
    extensions = extensions if isinstance(extensions, dict) else {}
    code = str(extensions.get("code") or "")[:64]
    words = redact(clean(str(first.get("message") or errors), 300))
    details["code"] = code
    if code == "THROTTLED":
        raise RateLimited(budget.wait_for(price), words, **details)
    if code == "ACCESS_DENIED":
        raise PermissionMissing(clean(str(extensions.get("requiredAccess") or "access scope"), 200), words, **details)
    if code == "INVALID_VARIABLE":
        # Refused before anything ran, for a value that we sent: the same request can never succeed.
        raise Rejected(words, field=_path(extensions), reason="rejected_by_shopify", **details)
    raise Transient(words, maybe_done=operation.mutation, **details)


def _path(extensions: dict[str, Any]) -> str:
    problems = extensions.get("problems")
    first = problems[0] if isinstance(problems, list) and problems and isinstance(problems[0], dict) else {}
    path = first.get("path")
    return ".".join(str(part) for part in path)[:200] if isinstance(path, list) else ""
