"""Which of Amazon's answers is which error. The only place that reads its error bodies.

A 403 means five things, told apart by `details` alone; the sentences were observed live (vectors: answers.json).
"""

from __future__ import annotations

from typing import Any

from marketplaces.errors import AccessStale, OurFault, PermissionMissing, Rejected, Transient
from marketplaces.text import clean, redact
from marketplaces.wire import Answer, request_id

_STALE = (
    "the access token you provided has expired",
    "the access token you provided is revoked, malformed or invalid",
    "access token is missing in the request header",
)
_OUR_SECRET = ("the lwa secret token you provided has expired",)
_REGION = ("the marketplaces you provided are not valid for region",)


def check(answer: Answer, *, secrets: tuple[str, ...] = ()) -> dict[str, Any]:
    """The JSON object of a good answer; else the family that the body stands for (429 and 5xx were raised before)."""
    if 200 <= answer.status < 300:
        return answer.object()
    code, message, details = _first_error(answer)
    words = redact(clean(" ".join(part for part in (message, details) if part), 400), secrets)
    known: dict[str, Any] = {
        "code": redact(code, secrets),
        "status": answer.status,
        "call": answer.call,
        "request_id": request_id(answer.headers),
    }
    if answer.status in (401, 403):
        raise _denied(f"{details} {message}".casefold(), details, words, known)
    if answer.status == 404:
        raise Rejected(words, reason="not_found", **known)
    raise Rejected(words, reason="refused_by_channel", **known)


def _denied(said: str, details: str, words: str, known: dict[str, Any]) -> Exception:
    if any(sentence in said for sentence in _STALE):
        return AccessStale(words, **known)
    if any(sentence in said for sentence in _OUR_SECRET):
        return OurFault(words, **known)
    if any(sentence in said for sentence in _REGION):
        return Rejected(words, field="site", reason="wrong_region", **known)
    if known["status"] == 401:
        return AccessStale(words, **known)
    # Without details: a role that the application or this seller's consent lacks, or a suspended seller. Which of them
    # it is, `identify` finds out.
    return PermissionMissing("role" if not details else "access", words, **known)


def _first_error(answer: Answer) -> tuple[str, str, str]:
    """(code, message, details) of the first error; Transient when the body has not Amazon's shape."""
    errors = answer.body.get("errors") if isinstance(answer.body, dict) else None
    if not isinstance(errors, list) or not errors or not isinstance(errors[0], dict):
        words = "an error answer of an unknown shape"
        raise Transient(words, status=answer.status, call=answer.call, request_id=request_id(answer.headers))
    first = errors[0]
    parts = [first.get(name) if isinstance(first.get(name), str) else "" for name in ("code", "message", "details")]
    return clean(parts[0], 60), clean(parts[1], 400), clean(parts[2], 400)
