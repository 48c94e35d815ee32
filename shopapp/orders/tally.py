"""The arithmetic of a counted day, and what it means. No database, no network.

listed = in Shopify + waiting + held + failed + ignored + cancelled + missing + gone: every listed order is exactly one
of these. Only missing, gone and extra orders make a day uneven; whatever else is not in Shopify has its reason.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shopapp.records.models import DayCount, DayState, OrderState

AGAIN = timedelta(hours=4)  # from the first look to the second
FEW = 5  # so many fetched orders may always be late ones
SHOWN = 50  # ids kept of each kind
_PLACES: Mapping[str, str] = {
    OrderState.RECEIVED: "waiting",
    OrderState.SENDING: "waiting",
    OrderState.HELD: "held",
    OrderState.FAILED: "failed",
    OrderState.IGNORED: "ignored",
    OrderState.CANCELLED: "cancelled",
    OrderState.IMPORTED: "in_shopify",
}
KINDS = ("in_shopify", "waiting", "held", "failed", "ignored", "cancelled", "missing", "gone")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the marketplace listed for a day: `ids` that count, `earlier` ones that do not, `fetched` of those counted."""

    ids: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    fetched: tuple[str, ...] = ()


@dataclass(slots=True)
class Sums:
    """A day in numbers, and the ids worth showing."""

    listed: int = 0
    in_shopify: int = 0
    waiting: int = 0
    held: int = 0
    failed: int = 0
    ignored: int = 0
    cancelled: int = 0
    earlier: int = 0
    fetched: int = 0
    missing: int = 0
    gone: int = 0
    extra: int = 0
    ids: dict[str, list[str]] = field(default_factory=dict)

    @property
    def even(self) -> bool:
        """Whether every order is accounted for."""
        return not (self.missing or self.gone or self.extra)

    @property
    def silent(self) -> bool:
        """Whether the sync brought less than half of the day: then it stands still, whatever else it says."""
        return self.fetched * 2 > self.listed and self.fetched >= FEW

    @property
    def open(self) -> int:
        """How many will still change by themselves or by somebody's doing."""
        return self.waiting + self.held + self.failed


def add_up(seen: Seen, states: Mapping[str, str], gone: Collection[str], extra: Collection[str]) -> Sums:
    """Count a day. `states` are those of our rows by marketplace id; `gone` are imported ones that Shopify lacks;
    `extra` are imported ones that the marketplace did not list."""
    sums = Sums(listed=len(set(seen.ids)), earlier=len(set(seen.earlier)))
    fetched = sorted(one for one in set(seen.fetched) if one in states)
    kept: dict[str, list[str]] = {"missing": [], "gone": [], "extra": sorted(extra), "fetched": fetched}
    for one in sorted(set(seen.ids)):
        state = states.get(one)
        place = "missing" if state is None else _PLACES[state]
        if place == "in_shopify" and one in gone:
            place = "gone"
        setattr(sums, place, getattr(sums, place) + 1)
        if place in kept:
            kept[place].append(one)
    sums.extra, sums.fetched = len(extra), len(fetched)
    sums.ids = {kind: ids[:SHOWN] for kind, ids in kept.items() if ids}
    return sums


def judge(sums: Sums, before: DayCount | None, now: datetime, night: datetime) -> tuple[DayState, datetime | None]:
    """What the day has come to, and when it is looked at again (None: it is settled). `night` is the next round's time.

    Nobody is alarmed by the first look, unless it had to do the work of the sync. What was told and cannot mend by
    looking is settled: orders that are gone, or that the marketplace does not list. What is missing is looked for
    every night.
    """
    if sums.even and sums.silent:
        return DayState.UNEVEN, night
    if sums.even:
        # What was open at its first count is counted once more, so that the day shows what became of it.
        return DayState.EVEN, night if sums.open and before is None else None
    if before is None or before.state == DayState.EVEN:
        return DayState.LOOKING, now + AGAIN
    if before.state == DayState.LOOKING:
        return DayState.UNEVEN, night
    if not sums.missing and sums.gone <= before.gone and sums.extra <= before.extra:
        return DayState.TOLD, None
    return DayState.UNEVEN, night
