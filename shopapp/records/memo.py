"""What a process remembers of its database for some seconds, so that it need not ask with every order. Never a decision.

Per database, bounded, and lost at any time. Only for what may be a little old: whoever needs to know, asks.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from shopapp import clock
from shopapp.records import db

T = TypeVar("T")
MOST = 10_000


class Memo(Generic[T]):
    """Values by key, each believed for `life` of our clock."""

    def __init__(self, life: timedelta) -> None:
        self._life = life
        self._kept: WeakKeyDictionary[Engine, dict[Hashable, tuple[datetime, T]]] = WeakKeyDictionary()

    def get(self, key: Hashable) -> T | None:
        """What was kept lately, None when nothing was."""
        found = self._kept.get(db.engine(), {}).get(key)
        if found is None or not found[0] <= clock.now() < found[0] + self._life:
            return None
        return found[1]

    def drop(self, key: Hashable) -> None:
        """Forget `key`."""
        self._kept.get(db.engine(), {}).pop(key, None)

    def keep(self, key: Hashable, value: T) -> T:
        """Remember `value` from now on; it is given back."""
        kept = self._kept.setdefault(db.engine(), {})
        if len(kept) >= MOST:
            kept.clear()
        kept[key] = (clock.now(), value)
        return value
