"""Remembers matches for a short while, so that a thousand orders of one article ask once. Per process, bounded.

A single hit is believed for ten minutes unless a product of the shop changed since; a miss or an ambiguity only by
whoever became due before it was found out. What is asked for is asked together with what others wait for.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shopapp import clock
from shopapp.shopify_admin.client import Admin
from shopapp.skus.match import BATCH, Match, match

LIFE = timedelta(minutes=10)
BAD_LIFE = timedelta(seconds=30)
MOST = 50_000


@dataclass(frozen=True, slots=True)
class _Entry:
    match: Match
    at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """The matches asked for, and whether any of them was remembered rather than just read."""

    matches: dict[str, Match]
    remembered: bool


class Memory:
    """Matches by shop and SKU. Threads of one shop that miss wait for each other, so that they ask once."""

    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[int, str], _Entry] = OrderedDict()
        self._lock = threading.Lock()
        self._asking: dict[int, threading.Lock] = {}
        self._forgotten: dict[int, datetime] = {}

    def find(
        self,
        admin: Admin,
        shop_id: int,
        skus: Iterable[str],
        since: datetime,
        others: Callable[[], Iterable[str]] = tuple,
    ) -> Found:
        """Matches of `skus`. What was found out before `since` only counts as long as it is a single hit.

        `others` names further SKUs that are waited for; asked for in the same call when one is made. Network.
        """
        wanted = {sku for sku in skus if sku}
        ready = self.remembered(shop_id, wanted, since)
        if ready is not None:
            return Found(ready, True)
        with self._lock:
            asking = self._asking.setdefault(shop_id, threading.Lock())
        with asking:
            known = self._known(shop_id, wanted, since)
            missing = [sku for sku in sorted(wanted) if sku not in known]
            if not missing:
                return Found(known, True)
            room = -len(missing) % BATCH
            company = [sku for sku in dict.fromkeys(others()) if sku and sku not in wanted][:room]
            fresh = match(admin, [*missing, *company])
            self._keep(shop_id, fresh)
        return Found(known | {sku: fresh[sku] for sku in missing}, bool(known))

    def remembered(self, shop_id: int, skus: Iterable[str], since: datetime) -> dict[str, Match] | None:
        """The matches that `find` would give without asking; None when it would have to ask."""
        wanted = {sku for sku in skus if sku}
        known = self._known(shop_id, wanted, since)
        return known if len(known) == len(wanted) else None

    def known(self, shop_id: int, sku: str) -> bool:
        """Whether a single hit is remembered."""
        entry = self._entries.get((shop_id, sku))
        return entry is not None and entry.match.one is not None and entry.at > clock.now() - LIFE

    def forget(self, shop_id: int, skus: Iterable[str] | None = None, before: datetime | None = None) -> None:
        """Drop what is remembered of a shop: these SKUs, or everything (found out before a moment)."""
        with self._lock:
            if skus is None and before is not None:
                if self._forgotten.get(shop_id) == before:
                    return  # asked for with every order
                self._forgotten[shop_id] = before
            keys = (
                [(shop_id, sku) for sku in skus] if skus is not None else [k for k in self._entries if k[0] == shop_id]
            )
            for key in keys:
                entry = self._entries.get(key)
                if entry is not None and (before is None or entry.at <= before):
                    del self._entries[key]

    def _known(self, shop_id: int, wanted: Iterable[str], since: datetime) -> dict[str, Match]:
        now = clock.now()
        known = {}
        with self._lock:
            for sku in wanted:
                entry = self._entries.get((shop_id, sku))
                if entry is None:
                    continue
                good = entry.match.one is not None and entry.at > now - LIFE
                recent = entry.at >= since and entry.at > now - BAD_LIFE
                if good or recent:
                    known[sku] = entry.match
        return known

    def _keep(self, shop_id: int, fresh: dict[str, Match]) -> None:
        now = clock.now()
        with self._lock:
            for sku, found in fresh.items():
                self._entries[(shop_id, sku)] = _Entry(found, now)
                self._entries.move_to_end((shop_id, sku))
            while len(self._entries) > MOST:
                self._entries.popitem(last=False)
