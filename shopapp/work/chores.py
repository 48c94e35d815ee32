"""Recurring duties as due rows: a chore runs once per interval, whoever holds its lease; a failing one is tried again soon."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from shopapp import clock
from shopapp.logs import event, redact
from shopapp.records import db
from shopapp.records.models import Chore
from shopapp.work.claim import Claim, held, release

log = logging.getLogger(__name__)
RETRY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Duty:
    """What to do and how often. `do` owns its transactions; whatever it raises postpones it by `RETRY`."""

    do: Callable[[], object]
    every: timedelta


def handle(table: Mapping[str, Duty], mine: Claim) -> None:
    """Run the claimed chore and set its next time."""
    with db.reading() as s:
        row = s.get(Chore, mine.id)
        duty = table.get(row.name) if row else None
    if row is None or duty is None:
        return
    words = ""
    try:
        duty.do()
    except Exception as error:  # a duty's failure must not stop the others; it is told by doctor and the log
        words = redact(f"{type(error).__name__}: {error}")[:500]
        event(log, "chore_failed", logging.WARNING, chore=row.name, error=words)
    with db.writing() as s:
        kept = held(s, Chore, mine)
        if kept is None:
            return
        kept.words = words
        if not words:
            kept.done_at = clock.now()
        release(kept, clock.now() + (min(RETRY, duty.every) if words else duty.every))
