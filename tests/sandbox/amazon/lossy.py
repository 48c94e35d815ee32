"""Owns the flaw of lists that forget: which orders a search by time of change never shows, and which only late.

A fixed share of a seller's orders, chosen by a seed and the order's id, so that a run can be repeated.
"""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Lossy:
    """`dropped` and `late` are shares from 0 to 1; what is late shows after `late_seconds`, with its old times."""

    dropped: float = 0
    late: float = 0
    late_seconds: float = 1800
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.dropped, self.late, self.late_seconds) < 0 or self.dropped + self.late > 1:
            raise ValueError("dropped and late are shares that make one at most")

    def fate(self, order_id: str) -> str:
        """dropped, late or "" for an order that is listed as it should be."""
        digest = hashlib.sha256(f"{self.seed}:{order_id}".encode()).digest()
        part = int.from_bytes(digest[:8], "big") / 2**64
        if part < self.dropped:
            return "dropped"
        return "late" if part < self.dropped + self.late else ""

    def shows(self, order_id: str, updated: float, now: float) -> bool:
        """Whether a search by time of change finds an order that was changed at `updated` (unix seconds)."""
        fate = self.fate(order_id)
        return not fate or (fate == "late" and updated <= now - self.late_seconds)
