"""Owns what stands before every API call: the token, its scope, the quota of the day, and faults."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, request

from tests.sandbox.ebay.answers import refusal
from tests.sandbox.ebay.users import BASE, User, Users
from tests.sandbox.world import World

API = "/ebay/api"
ZONE = ZoneInfo("America/Los_Angeles")
QUOTAS = {
    "fulfillment": 100_000,
    "inventory": 2_000_000,
    "account": 25_000,
    "identity": 10_000,
    "notification": 10_000,
}
SCOPES = {
    "fulfillment": f"{BASE}/sell.fulfillment",
    "inventory": f"{BASE}/sell.inventory",
    "account": f"{BASE}/sell.account.readonly",
    "identity": f"{BASE}/commerce.identity.readonly",
}


class Gate:
    """Lets a call in as a user, or says why not. Quotas are counted over all users, by day in California."""

    def __init__(self, world: World, users: Users) -> None:
        self.world = world
        self.users = users
        self.used: dict[str, int] = {}
        self._day = ""

    def enter(self, api: str, operation: str, do: Callable[[User], Response]) -> Response:
        """The answer to a call of `operation` for the user of its token."""
        row = self._token()
        labels = {"seller": row["user"] if row else ""}

        def execute() -> Response:
            if isinstance(refused := self._refused(api, row is not None), Response):
                return refused
            assert row is not None
            if SCOPES[api] not in row["scopes"]:
                told = "Insufficient permissions to fulfill the request."
                return refusal(403, 1100, "Access denied", "ACCESS", long=told)
            with self.world.lock:
                response = do(self.users.get(row["user"]))
            query = request.query_string.decode("latin-1")
            told_of = {"status": response.status_code, "query": query, "seller": row["user"]}
            self.world.ledger.record("ebay", f"ebay.{operation}", row["user"], told_of)
            return response

        return self.world.faults.run("ebay", operation, labels, execute, throttled=lambda: self.quota())

    def enter_as_app(self, operation: str, do: Callable[[], Response]) -> Response:
        """The answer to a call that the application makes for itself."""

        def execute() -> Response:
            known = self.users.is_app_token(self._bearer())
            return self._refused("notification", known) or do()

        return self.world.faults.run("ebay", operation, {}, execute, throttled=lambda: self.quota())

    def quota(self) -> Response:
        """The quota is used up; eBay sends no header that says until when."""
        told = "The request limit has been reached for the resource."
        return refusal(429, 2001, "Too many requests.", "ACCESS", long=told)

    def _refused(self, api: str, known: bool) -> Response | None:
        if not self._bearer():
            told = "Access token is missing in the Authorization HTTP request header."
            return refusal(401, 1002, "Missing access token", "OAuth", long=told)
        if not known:
            told = "Invalid access token. Check the value of the Authorization HTTP request header."
            return refusal(401, 1001, "Invalid access token", "OAuth", long=told)
        return None if self._count(api) else self.quota()

    def _count(self, api: str) -> bool:
        day = self.world.clock.now().astimezone(ZONE).date().isoformat()
        with self.world.lock:
            if day != self._day:
                self._day, self.used = day, {}
            self.used[api] = self.used.get(api, 0) + 1
            quotas = self.users.settings["quotas"]
            most = float(quotas[api]) if api in quotas else QUOTAS[api] * self.world.settings.bucket_factor
            return self.used[api] <= most

    def _bearer(self) -> str:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        return token.strip() if kind == "Bearer" else ""

    def _token(self) -> dict[str, Any] | None:
        return self.users.of_access(self._bearer())


def moment(text: str) -> datetime:
    """An instant of the API; ValueError when it is none."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("no zone")
    return found


def stamp(when: datetime) -> str:
    """As eBay writes it: UTC with milliseconds."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"
