"""Which of Tradera's answers is which error. The only place that reads its error bodies.

Every refusal is `{"error": {"code", "message"}}` with a code for its status. 401 is about the application's own keys and
never about a seller. 403 says nothing of its cause: a dead token, an account of the wrong kind and a method that the
application was not given look the same; `sellers.identify` tells the first apart.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from marketplaces.data import Credentials
from marketplaces.errors import AuthExpired, AuthRevoked, OurFault, PermissionMissing, Rejected, RemoteError, Transient
from marketplaces.text import clean, redact
from marketplaces.wire import Answer, request_id

SELLER, SHOP = "seller", "shop"  # what a refused call may lack
# Tokens, application keys and keys of logins all look like this.
_GUID = re.compile(r"(?i)[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")


def check(answer: Answer, *, secrets: tuple[str, ...] = (), right: str = "") -> Any:
    """The JSON of a good answer; else the family that the body stands for (429 and 5xx were raised before).

    A 403 is PermissionMissing of the `right` that the call needs.
    """
    if 200 <= answer.status < 300:
        return answer.body
    words, known = _told(answer, secrets)
    match answer.status:
        case 401:
            raise OurFault(words, **known)
        case 403:
            raise PermissionMissing(right or SELLER, words, **known)
        case 404:
            raise Rejected(words, reason="not_found", **known)
    raise Rejected(words, reason="refused_by_channel", **known)


def as_family(family: type[RemoteError], error: RemoteError) -> RemoteError:
    """The same refusal, as the family that it turned out to be."""
    return family(error.words, code=error.code, status=error.status, call=error.call, request_id=error.request_id)


def dead(error: RemoteError, credentials: Credentials, now: datetime) -> RemoteError:
    """The refusal of a token: AuthExpired when its known end has passed, else AuthRevoked."""
    ended = credentials.expires_at is not None and credentials.expires_at <= now
    return as_family(AuthExpired if ended else AuthRevoked, error)


def nonsense(call: str, what: str, *, maybe_done: bool = False) -> Transient:
    """A good status with a body that makes no sense."""
    return Transient(f"{what} of an unknown shape", maybe_done=maybe_done, call=call)


def _told(answer: Answer, secrets: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """(Tradera's words, what every error carries). Transient when the body has not Tradera's shape."""
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    code, message = (error.get("code"), error.get("message")) if isinstance(error, dict) else (None, None)
    known: dict[str, Any] = {
        "status": answer.status,
        "call": answer.call,
        "request_id": request_id(answer.headers),
    }
    if not isinstance(code, str) or not isinstance(message, (str, type(None))):
        raise Transient("an error answer of an unknown shape", **known)
    known["code"] = _harmless(code, 60, secrets)
    return _harmless(message, 400, secrets), known


def _harmless(text: str | None, limit: int, secrets: tuple[str, ...]) -> str:
    return redact(_GUID.sub("***", clean(text, limit)), secrets)
