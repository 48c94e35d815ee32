"""Owns the shapes of SP-API answers: errors as observed live, and the headers that go with them."""

import json
import uuid
from typing import Any

from flask import Response

ENDED = "The access token you provided has expired."
INVALID = "The access token you provided is revoked, malformed or invalid."
MISSING = "Access token is missing in the request header."
SECRET_ENDED = "The LWA secret token you provided has expired."
WRONG_REGION = "The marketplaces you provided are not valid for region."


def answer(status: int, value: Any, rate: float | None = None) -> Response:
    """A JSON answer. Give a rate with 20x, 400 and 404 only: Amazon sends its header with no other."""
    response = Response(json.dumps(value, ensure_ascii=False), status, content_type="application/json")
    response.headers["x-amzn-RequestId"] = str(uuid.uuid4())
    if rate is not None:
        response.headers["x-amzn-RateLimit-Limit"] = f"{rate:.10g}"
    return response


def refusal(status: int, code: str, message: str, details: str | None, rate: float | None = None) -> Response:
    """One error; `details` None leaves the field out."""
    error = {"code": code, "message": message}
    if details is not None:
        error["details"] = details
    return answer(status, {"errors": [error]}, rate)


def denied(details: str = "") -> Response:
    """The 403 that means five things; only `details` tells them apart."""
    response = refusal(403, "Unauthorized", "Access to requested resource is denied.", details)
    response.headers["x-amzn-ErrorType"] = "AccessDeniedException"
    return response


def quota_exceeded() -> Response:
    """429, without Retry-After."""
    return refusal(429, "QuotaExceeded", "You exceeded your quota for the requested resource.", "")


class InvalidInput(ValueError):
    """A parameter that the operation does not take; the text goes into `details`."""
