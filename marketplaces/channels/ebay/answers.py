"""Which of eBay's answers is which error. The only place that reads its error bodies.

An error is known by its number (`errorId`) and its category: REQUEST is about what we sent, APPLICATION and SYSTEM about
eBay itself. Vendor: the response codes of each operation's contract, "Error handling", KB 5218 and 5075.
"""

from __future__ import annotations

from typing import Any

from marketplaces.errors import (
    AccessStale,
    AccountInactive,
    PermissionMissing,
    RateLimited,
    Rejected,
    RemoteError,
    Transient,
)
from marketplaces.text import clean, redact
from marketplaces.wire import Answer, request_id

SUSPENDED = "32400"
SCOPE = "1100"
QUOTA = "2001"
NOT_FOUND = frozenset({"25702", "25710", "25713", "195001"})


def check(answer: Answer, *, secrets: tuple[str, ...] = ()) -> dict[str, Any]:
    """The JSON object of a good answer; else the family that the body stands for (429 and 5xx were raised before)."""
    if 200 <= answer.status < 300:
        return answer.object()
    raise family(_first(answer), answer, secrets)


def family(error: dict[str, Any], answer: Answer, secrets: tuple[str, ...] = ()) -> RemoteError:
    """What one error object of `answer` stands for."""
    code = str(number) if isinstance(number := error.get("errorId"), int) and not isinstance(number, bool) else ""
    known: dict[str, Any] = {
        "code": clean(code, 20),
        "status": answer.status,
        "call": answer.call,
        "request_id": request_id(answer.headers),
    }
    words = redact(words_of(error), secrets)
    if answer.status == 401:
        return AccessStale(words, **known)
    if code == SUSPENDED:
        return AccountInactive(words, **known)
    if code == QUOTA:
        return RateLimited(None, words, **known)
    if answer.status == 403:
        return PermissionMissing("scope" if code == SCOPE else "access", words, **known)
    if str(error.get("category")).upper() in ("APPLICATION", "SYSTEM"):
        return Transient(words, maybe_done=True, **known)
    missing = answer.status == 404 or code in NOT_FOUND
    return Rejected(words, field=_field(error), reason="not_found" if missing else "refused_by_channel", **known)


def words_of(error: dict[str, Any]) -> str:
    """What an error object says, with the values that it is about; "" when it says nothing."""
    said = [_text(error.get("longMessage")) or _text(error.get("message"))]
    for one in error.get("parameters") or () if isinstance(error.get("parameters"), list) else ():
        value = _text(one.get("value")) if isinstance(one, dict) else ""
        if value and value not in said[0] and len(said) < 4:
            said.append(value)
    return clean(" · ".join(filter(None, said)), 400)


def _field(error: dict[str, Any]) -> str:
    """The name of the value that is wrong, where it is told."""
    for one in error.get("parameters") or () if isinstance(error.get("parameters"), list) else ():
        if isinstance(one, dict) and _text(one.get("name")).casefold() in ("fieldname", "field"):
            return clean(_text(one.get("value")), 60)
    return ""


def _first(answer: Answer) -> dict[str, Any]:
    """The first error object; Transient when the body has not eBay's shape."""
    errors = answer.body.get("errors") if isinstance(answer.body, dict) else None
    if not isinstance(errors, list) or not errors or not isinstance(errors[0], dict):
        words = "an error answer of an unknown shape"
        raise Transient(words, status=answer.status, call=answer.call, request_id=request_id(answer.headers))
    return errors[0]


def _text(value: Any) -> str:
    return clean(value, 400) if isinstance(value, str) else ""
