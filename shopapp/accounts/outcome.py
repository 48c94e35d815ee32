"""What came of linking or repairing, for the pages to show. Data only; no secret is ever in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OutcomeKind = Literal[
    "linked", "saved", "needs_login", "wrong_seller", "taken", "declined", "failed", "invalid", "expired"
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it, by `kind`.

    linked: works, proved by a live call. saved: stored, nothing more to do. needs_login: go to `login_url` ("": use the
    form). wrong_seller: logged in as `actual`, not `expected`; nothing changed; `can_link_new`: `link_as_new(token)`.
    taken: another shop imports `sites`: `take_over(token)` or `link_without_importing(token)`. declined: the seller did
    not grant access. failed: `cause` (a catalogue key, "later": tried again by itself, "unanswered": not) and the
    channel's `words`. invalid: `field` and a sentence in `words`. expired: used, too old, or not of this shop or user.

    `ask_take_over`: the account is new, so the page asks whether another app has imported until now. `trimmed` names
    typed fields whose outer blanks were removed.
    """

    kind: OutcomeKind
    account_id: int | None = None
    expected: str = ""
    actual: str = ""
    can_link_new: bool = False
    sites: tuple[str, ...] = ()
    token: str = ""
    login_url: str = ""
    cause: str = ""
    words: str = ""
    field: str = ""
    trimmed: tuple[str, ...] = ()
    ask_take_over: bool = False


class LoginProblem(Exception):
    """A top-level step cannot go on. `reason`: unknown, used, late, other_browser, unknown_seller, refused."""

    def __init__(self, reason: str, channel: str = "") -> None:
        self.reason = reason
        self.channel = channel
        super().__init__(reason)
