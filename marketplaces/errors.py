"""The error families, named by what must happen next. Channels raise them; `shopapp.verdict` decides what they mean.

Every remote trouble is one of these, raised `from` its cause. `words` are the remote's own words (already redacted),
kept for the merchant to read; `call` names the remote operation; `request_id` is the remote's id for a support case.
"""

from __future__ import annotations


class RemoteError(Exception):
    """Base of the families; never raised itself.

    `words` is what the remote said, redacted and cut to 500 characters; `status` the HTTP status if there was one;
    `code` the remote's own error code; `call` our name of the operation (for example `searchOrders`).
    """

    def __init__(
        self,
        words: str = "",
        *,
        code: str = "",
        status: int | None = None,
        call: str = "",
        request_id: str = "",
    ) -> None:
        self.words = words[:500]
        self.code = code
        self.status = status
        self.call = call
        self.request_id = request_id
        super().__init__(f"{type(self).__name__} in {call or 'a call'}: {code or status or ''} {self.words}".strip())


class AuthExpired(RemoteError):
    """The remote refuses our access and its known end has passed: a person must log in again."""


class AuthRevoked(RemoteError):
    """The remote refuses our access for good (revoked, or not told why): a person must log in again."""


class AccessStale(RemoteError):
    """The short-lived access is no longer accepted: refresh once, then repeat the call once.

    It says nothing about the authorisation itself: only the answer to the refresh does. A second one with fresh access
    is the remote's nonsense and counts as Transient.
    """


class AccountInactive(RemoteError):
    """Our access is fine, the seller account is not usable: not activated, suspended or of the wrong type."""


class PermissionMissing(RemoteError):
    """Works in part: a role, scope or account type is missing. `what` names it in the channel's own term."""

    def __init__(self, what: str, words: str = "", **details: object) -> None:
        self.what = what
        super().__init__(words, **details)  # type: ignore[arg-type]  # the keyword set of RemoteError


class RateLimited(RemoteError):
    """Too many calls; not executed. `retry_after` is seconds until the next try makes sense, None if not told."""

    def __init__(self, retry_after: float | None = None, words: str = "", **details: object) -> None:
        self.retry_after = retry_after
        super().__init__(words, **details)  # type: ignore[arg-type]  # the keyword set of RemoteError


class Transient(RemoteError):
    """Time-out, 5xx, connection loss or a nonsense answer: nobody's fault here, try again later.

    `maybe_done` tells that the request may have been executed although no usable answer came.
    """

    def __init__(self, words: str = "", *, maybe_done: bool = False, **details: object) -> None:
        self.maybe_done = maybe_done
        super().__init__(words, **details)  # type: ignore[arg-type]  # the keyword set of RemoteError


class Rejected(RemoteError):
    """Understood and refused: the item itself is wrong. `field` names what, `reason` is a catalogue key."""

    def __init__(self, words: str = "", *, field: str = "", reason: str = "", **details: object) -> None:
        self.field = field
        self.reason = reason
        super().__init__(words, **details)  # type: ignore[arg-type]  # the keyword set of RemoteError

    def because(self, reason: str) -> Rejected:
        """The same refusal with another reason, for whoever knows more of what was asked."""
        known = {"code": self.code, "status": self.status, "call": self.call, "request_id": self.request_id}
        return Rejected(self.words, field=self.field, reason=reason, **known)


class OurFault(RemoteError):
    """Our app's key or secret is refused: every account is affected and no merchant can mend it."""


class WrongSeller(Exception):
    """A login succeeded, but as another seller than the one linked. Both ids are named; nothing may be stored."""

    def __init__(self, expected: str, actual: str) -> None:
        self.expected = expected
        self.actual = actual
        super().__init__(f"logged in as seller {actual}, but the account belongs to seller {expected}")


class LoginDeclined(Exception):
    """The seller (or the channel) ended the login without granting access; `words` are the channel's."""

    def __init__(self, words: str = "") -> None:
        self.words = words[:500]
        super().__init__(f"login declined: {self.words}")
