"""Owns how feeds and reports wait, are worked on and end: by the sandbox's clock, the work itself in a thread.

What the work is, the feeds and the reports know.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any

from tests.sandbox.amazon.sellers import Sellers
from tests.sandbox.amazon.store import store_of
from tests.sandbox.clock import iso_of
from tests.sandbox.world import World

Job = dict[str, Any]
Work = Callable[[str, Job], dict[str, Any]]
OPEN = ("IN_QUEUE", "IN_PROGRESS")
log = logging.getLogger("tests.sandbox")


class Jobs:
    """All feeds, or all reports. `work(seller id, job)` answers fields of the ended job; `seconds` may be one."""

    def __init__(self, world: World, sellers: Sellers, kind: str, work: Work) -> None:
        self.world = world
        self.kind = kind
        self._sellers = sellers
        self._store = store_of(world)
        self._work = work
        self._open: dict[str, tuple[str, Job]] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._guard = threading.Lock()
        if self._store.exists:
            for key, seller_id, job in self._store.things(kind):
                if job["state"] in OPEN:
                    self._open[key] = (seller_id, job | {"worked": False})
        world.closers.insert(0, self._join)

    def add(self, seller_id: str, fields: Job) -> str:
        """Put a job into the queue; answers its id."""
        now = self.world.clock.timestamp()
        key = str(self.world.next_id(f"amazon.{self.kind}", 50_000_001))
        job = {"id": key, "state": "IN_QUEUE", "created": now, "worked": False, **fields}
        with self._guard:
            self._store.keep(self.kind, key, seller_id, job)
            self._open[key] = (seller_id, job)
        self.world.ledger.record("amazon", f"{self.kind}.created", key, {"seller": seller_id, **fields})
        return key

    def find(self, key: str, seller_id: str) -> Job | None:
        """A seller's job as it stands."""
        self.advance()
        return self._store.thing(self.kind, key, seller_id)

    def cancel(self, key: str, seller_id: str) -> bool:
        """Cancel what is still in the queue; whether that was so."""
        self.advance()
        with self._guard:
            owner, job = self._open.get(key, ("", {}))
            if owner != seller_id or job.get("state") != "IN_QUEUE":
                return False
            self._end(key, "CANCELLED", {})
        return True

    def times(self, job: Job) -> dict[str, Any]:
        """The fields that say when it was worked on."""
        told = {"createdTime": iso_of(job["created"]), "processingStatus": job["state"]}
        if "started" in job:
            told["processingStartTime"] = iso_of(job["started"])
        if "ended" in job:
            told["processingEndTime"] = iso_of(job["ended"])
        return told

    def advance(self) -> None:
        """Move on whatever is due."""
        now = self.world.clock.timestamp()
        with self._guard:
            for key, (seller_id, job) in list(self._open.items()):
                delays = self._delays(seller_id)
                if job["state"] == "IN_QUEUE" and now >= job["created"] + delays[0]:
                    job |= {"state": "IN_PROGRESS", "started": job["created"] + delays[0]}
                    self._store.keep(self.kind, key, seller_id, job)
                if job["state"] == "IN_PROGRESS" and not job["worked"] and key not in self._threads:
                    self._start(key, seller_id, job)
                least = job["started"] + max(delays[1], job.get("seconds", 0)) if "started" in job else now
                if job["worked"] and now >= least:
                    self._end(key, job.pop("outcome", "DONE"), {"ended": max(least, job["started"])})

    def _delays(self, seller_id: str) -> tuple[float, float]:
        from tests.sandbox.amazon.catalogue import DELAYS

        given = DELAYS | dict(self._sellers.get(seller_id).get("delays") or {})
        return given[f"{self.kind}_queue"], given[f"{self.kind}_process"]

    def _start(self, key: str, seller_id: str, job: Job) -> None:
        def run() -> None:
            outcome = (self._sellers.get(seller_id).get("outcomes") or {}).get(self.kind)
            try:
                told = {"outcome": outcome} if outcome else self._work(seller_id, job)
            except Exception:
                log.exception("a %s could not be worked on", self.kind)
                told = {"outcome": "FATAL"}
            with self._guard:
                job.update(told, worked=True)
                self._threads.pop(key, None)

        thread = threading.Thread(target=run, name=f"sandbox-{self.kind}", daemon=True)
        self._threads[key] = thread
        thread.start()

    def _end(self, key: str, state: str, fields: Job) -> None:
        seller_id, job = self._open.pop(key)
        job |= {"state": state, **fields}
        self._store.keep(self.kind, key, seller_id, job)
        body = {"seller": seller_id, "state": state, **dict(job.get("counts") or {})}
        self.world.ledger.record("amazon", f"{self.kind}.ended", key, body)

    def _join(self) -> None:
        for thread in list(self._threads.values()):
            thread.join()
