"""Owns the shape of eBay's answers and errors."""

import json
import uuid
from typing import Any

from flask import Response


def answer(status: int, value: Any = None, **headers: str) -> Response:
    """A JSON answer; without a value an empty body."""
    text = "" if value is None else json.dumps(value, ensure_ascii=False)
    response = Response(text, status, content_type="application/json")
    response.headers["X-EBAY-C-REQUEST-ID"] = f"ri={uuid.uuid4().hex[:12]}"
    for name, one in headers.items():
        response.headers[name.replace("_", "-")] = one
    return response


def error(number: int, message: str, *, domain: str, category: str = "REQUEST", long: str = "", **told: str) -> Any:
    """One error object of the contracts."""
    made: dict[str, Any] = {"errorId": number, "domain": domain, "category": category, "message": message}
    if long:
        made["longMessage"] = long
    if told:
        made["parameters"] = [{"name": name, "value": value} for name, value in told.items()]
    return made


def refusal(status: int, number: int, message: str, domain: str, **more: str) -> Response:
    """An answer that is one error."""
    return answer(status, {"errors": [error(number, message, domain=domain, **more)]})


FULFILLMENT, INVENTORY, NOTIFICATION = "API_FULFILLMENT", "API_INVENTORY", "API_NOTIFICATION"
