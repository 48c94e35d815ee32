"""Which of an instance's answers is which error. The only place that reads its error bodies.

The contract shows no bodies of errors; two shapes are seen: {"message", "status"} and {"errors": [{"message", "code",
"field"}]}. Any 401 that is JSON refuses the key. A 403 is about the shop or the user's rights: the account tells which.
"""

from __future__ import annotations

from typing import Any

from marketplaces.errors import AuthRevoked, PermissionMissing, Rejected, Transient
from marketplaces.text import clean, redact
from marketplaces.wire import Answer, request_id

DENIED = "access"  # what is missing when an instance refuses a call with 403


def check(answer: Answer, *, secrets: tuple[str, ...] = ()) -> dict[str, Any]:
    """The JSON object of a good answer ({} for none); else the family it stands for (429 and 5xx were raised before)."""
    if answer.status == 204:
        return {}
    if 200 <= answer.status < 300:
        return answer.object()
    words, code, field = _told(answer)
    known: dict[str, Any] = {
        "code": redact(code, secrets),
        "status": answer.status,
        "call": answer.call,
        "request_id": request_id(answer.headers),
    }
    words = redact(words, secrets)
    if answer.status == 401:
        raise AuthRevoked(words, **known)
    if answer.status == 403:
        raise PermissionMissing(DENIED, words, **known)
    reason = "not_found" if answer.status == 404 else "refused_by_channel"
    raise Rejected(words, reason=reason, field=redact(field, secrets), **known)


def _told(answer: Answer) -> tuple[str, str, str]:
    """(words, code, field) of an error's body. Transient when it is no object: then the instance did not say it."""
    body = answer.object()
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else body
    try:
        words = clean(first.get("message") or body.get("message"), 400)
        return words, clean(first.get("code") or body.get("code"), 60), clean(first.get("field"), 60)
    except TypeError as error:
        raise Transient("an error of an unknown shape", status=answer.status, call=answer.call) from error
