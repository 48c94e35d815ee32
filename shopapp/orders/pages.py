"""Where a list of pages stands: the token of its next page, how many came, and how many in a row brought nothing.

Kept in the one column of the token, so that a list which always has one more page is noticed also when many claims
read it: a bound that each claim counts anew is none. Knows no table and judges nothing but the bounds it is given.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from marketplaces.errors import Transient

ENDLESS = "the pages do not end"
_KEPT = re.compile(r"@(\d{1,9})\.(\d{1,9})@(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    """The next page of a list; `token` is "" for the first. `pages` were read, the last `idle` of them for nothing."""

    token: str = ""
    pages: int = 0
    idle: int = 0

    @classmethod
    def read(cls, kept: str) -> Place:
        """From the column; a bare token is one whose pages were not counted."""
        found = _KEPT.fullmatch(kept)
        return cls(found[3], int(found[1]), int(found[2])) if found else cls(kept)

    def kept(self) -> str:
        """For the column; "" when there is no next page."""
        return f"@{self.pages}.{self.idle}@{self.token}" if self.token else ""

    def onward(self, token: str, brought: bool) -> Place:
        """The place after this page, which named `token` as the next and brought something or not."""
        return Place(token, self.pages + 1, 0 if brought else self.idle + 1)

    def check(self, call: str, most_idle: int, most: int | None = None) -> None:
        """Transient when more pages came than a list has that ends."""
        if self.idle >= most_idle or (most is not None and self.pages >= most):
            raise Transient(ENDLESS, call=call)
