"""Owns who may call the REST API: the application's keys, the day's calls of each method, the member's token, his rights.

Refusals have the shape of the vendor's documents; the sentences are invented, because no document tells them.
"""

import json
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from flask import Response, request

from tests.sandbox.tradera.members import APP_ID, APP_KEY, Member, Members
from tests.sandbox.world import World

DAY = 86_400.0
DAILY_CALLS = 100  # of one method in 24 hours, as the vendor's pages say
CODES = {
    400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 429: "TooManyRequests",
    500: "InternalServerError",
}  # fmt: skip
ANYBODY, SELLER, SHOP = "user", "seller", "shop"  # what a member must be for a method
Work = Callable[[Member], Response]


class Wrong(ValueError):
    """A call that makes no sense; the text is told with the status."""

    def __init__(self, text: str, status: int = 400) -> None:
        self.status = status
        super().__init__(text)


def answer(value: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(json.dumps(value, ensure_ascii=False), status, content_type="application/json; charset=utf-8")


def refusal(status: int, message: str) -> Response:
    """A refusal as every method tells it."""
    return answer({"error": {"code": CODES[status], "message": message}}, status)


def limit_reached() -> Response:
    """The day's calls of a method are used up."""
    return refusal(429, "Call limit reached.")


class Gate:
    """The gate in front of every method, with the calls of the last 24 hours."""

    def __init__(self, world: World, members: Members) -> None:
        self.world = world
        self.members = members
        self._lock = threading.Lock()
        self._calls: dict[str, deque[float]] = {}

    @property
    def daily_calls(self) -> int:
        """Calls of each method in 24 hours, of all members together."""
        told = self.members.settings.get("daily_calls")
        return int(told) if told else max(10, int(DAILY_CALLS * self.world.settings.bucket_factor))

    def forget(self) -> None:
        """Every method has all its calls again."""
        with self._lock:
            self._calls.clear()

    def spent(self) -> dict[str, int]:
        """Calls of the last 24 hours by method."""
        with self._lock:
            return {operation: len(calls) for operation, calls in self._calls.items()}

    def call(self, operation: str, right: str, work: Work) -> Response:
        """Run one method for a member, with faults, and record it with its status."""
        named = request.headers.get("X-User-Id", "")

        def execute() -> Response:
            told = self._for_member(operation, right, named, work)
            self._record(operation, named, told)
            return told

        return self.world.faults.run("tradera", operation, {"seller": named}, execute, limit_reached)

    def call_as_application(self, operation: str, named: str, work: Callable[[], Response]) -> Response:
        """Run one method that needs no member's token."""

        def execute() -> Response:
            told = self._application(operation) or _tried(work)
            self._record(operation, named, told)
            return told

        return self.world.faults.run("tradera", operation, {"seller": named}, execute, limit_reached)

    def _record(self, operation: str, named: str, told: Response) -> None:
        facts = {"status": told.status_code, "query": request.query_string.decode()}
        self.world.ledger.record("tradera", f"tradera.{operation}", named, facts)

    def _application(self, operation: str) -> Response | None:
        given = (request.headers.get("X-App-Id"), request.headers.get("X-App-Key"))
        if given != (APP_ID, APP_KEY) or self.members.settings["app_refused"]:
            return refusal(401, "Invalid application credentials.")
        return None if self._counted(operation) else limit_reached()

    def _for_member(self, operation: str, right: str, named: str, work: Work) -> Response:
        refused = self._application(operation)
        if refused is not None:
            return refused
        member = self.members.holder(named, request.headers.get("X-User-Token", ""))
        if member is None:
            return refusal(403, "The user token is invalid or has expired.")
        if right != ANYBODY and not member["active"]:
            return refusal(403, "The user is not a seller.")
        if right == SHOP and not member["has_shop"]:
            return refusal(403, "Method requires a Tradera shop.")
        return _tried(lambda: work(member))

    def _counted(self, operation: str) -> bool:
        """Count this call; False when the last 24 hours have had all of them."""
        now = self.world.clock.timestamp()
        with self._lock:
            calls = self._calls.setdefault(operation, deque())
            while calls and not now - DAY < calls[0] <= now:
                calls.popleft()  # a clock that was set back must not keep calls of the future
            if len(calls) >= self.daily_calls:
                return False
            calls.append(now)
            return True


def _tried(work: Callable[[], Response]) -> Response:
    try:
        return work()
    except Wrong as wrong:
        return refusal(wrong.status, str(wrong))


def body() -> dict[str, Any]:
    """The request's JSON object."""
    try:
        told = json.loads(request.get_data() or b"null")
    except ValueError as error:
        raise Wrong("The body is no JSON.") from error
    if not isinstance(told, dict):
        raise Wrong("The body must be an object.")
    return told


def number(value: Any, name: str) -> int:
    """A whole number of a JSON body."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Wrong(f"{name} must be a whole number.")
    return value
