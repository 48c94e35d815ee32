"""What sellers of the lean double sell, at set times: when each order was shown first, when it came to Shopify, who asked.

Seller n sells every so many seconds, with a phase of its own. An order's number says who sold it and when. An older list
(for backfills) is so many pages long, and nearly all of them are empty: what is measured is who may ask.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

EACH = 100_000  # numbers of a seller
FULL = 50  # every so many-th page of the older list has an order
GOLDEN = 0.6180339887
OLD = 5 * 10**12  # numbers from which on they are those of a seller's older list


@dataclass
class Sales:
    """All times in UNIX seconds of the scaled clock."""

    epoch: float
    every: float = 0.0
    lag: float = 0.0
    pages: int = 0
    shown: dict[int, float] = field(default_factory=dict)
    made: dict[int, float] = field(default_factory=dict)
    polls: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    fetches: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: int = 0

    def begin(self) -> None:
        """Forget what was asked so far."""
        self.polls.clear()
        self.fetches.clear()
        self.refused = 0

    def sold(self, number: int) -> float:
        """When an order was sold."""
        seller, turn = divmod(number, EACH)
        return self.epoch + (seller * GOLDEN % 1 + turn) * self.every

    def between(self, seller: int, since: float, now: float) -> Iterator[int]:
        """Orders of a seller sold after `since` that are to be seen now."""
        if not self.every:
            return
        phase = seller * GOLDEN % 1
        first = max(0, int((since - self.epoch) / self.every - phase))
        for turn in range(first, EACH):
            number = seller * EACH + turn
            if self.sold(number) > now - self.lag:
                return
            if self.sold(number) >= since:
                self.shown.setdefault(number, now)
                yield number

    def told(self) -> dict[str, Any]:
        """For the control address."""
        return {
            "epoch": self.epoch, "every": self.every, "shown": self.shown, "made": self.made, "polls": self.polls,
            "fetches": self.fetches, "refused": self.refused,
        }  # fmt: skip
