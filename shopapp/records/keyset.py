"""Cursors of lists that go by a moment and an id: where the last row of a page stood. Knows no table."""

from __future__ import annotations

from datetime import UTC, datetime


def write(at: datetime, row_id: int) -> str:
    """The cursor that goes on after this row."""
    return f"{at.isoformat()}~{row_id}"


def read(cursor: str) -> tuple[datetime, int] | None:
    """The moment (UTC) and the id of the row, None when the cursor is none of ours."""
    moment, _, number = cursor.partition("~")
    try:
        at = datetime.fromisoformat(moment)
        return (at.astimezone(UTC), int(number)) if at.tzinfo is not None and len(number) < 18 else None
    except (ValueError, OverflowError):
        return None
