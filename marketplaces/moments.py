"""Times on the wire, read and written in one way for all channels. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

FIRST_YEAR, LAST_YEAR = 1990, 2200
_LEAP = re.compile(r":60(?=[.Z+\-]|$)")
_FRACTION = re.compile(r"(\.\d{6})\d+")


def moment(raw: Any) -> datetime:
    """Aware UTC from ISO 8601; a time without zone is UTC, a leap second the second before. ValueError, TypeError.

    A year that no order can have is refused: reckoning with it, or showing it in a time zone, leaves the calendar.
    """
    if not isinstance(raw, str):
        raise TypeError(f"a time as text expected, not {type(raw).__name__}")
    when = datetime.fromisoformat(_FRACTION.sub(r"\1", _LEAP.sub(":59", raw.strip().upper())))
    if not FIRST_YEAR <= when.year <= LAST_YEAR:
        raise ValueError(f"a time in the year {when.year}")
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)


def maybe_moment(raw: Any) -> datetime | None:
    """As `moment`; None for what is no time."""
    try:
        return moment(raw)
    except (TypeError, ValueError):
        return None


def stamp(when: datetime) -> str:
    """ISO 8601 in UTC, whole seconds."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
