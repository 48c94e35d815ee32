"""Owns the thread that applies submissions when they are due and moves feeds and reports on. Decides nothing else."""

import logging
import threading
from collections.abc import Callable

from tests.sandbox.amazon.catalogue import Catalogue
from tests.sandbox.amazon.sellers import Sellers
from tests.sandbox.amazon.store import store_of
from tests.sandbox.world import World

SLICE = 200
PAUSE = 0.05
log = logging.getLogger("tests.sandbox")


class Applier:
    """Started by the first submission, or at once when an earlier run of the sandbox left something to do."""

    def __init__(self, world: World, sellers: Sellers) -> None:
        self._world = world
        self._sellers = sellers
        self._store = store_of(world)
        self._thread: threading.Thread | None = None
        self._guard = threading.Lock()
        self.chores: list[Callable[[], None]] = []
        world.closers.insert(0, self._join)

    def start(self) -> None:
        """Start the thread once."""
        with self._guard:
            if self._thread is None and not self._world.stopping.is_set():
                self._thread = threading.Thread(target=self._run, name="sandbox-amazon", daemon=True)
                self._thread.start()

    def _join(self) -> None:
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._world.stopping.is_set():
            try:
                for chore in self.chores:
                    chore()
                if self._slice() == SLICE:
                    continue
            except Exception:
                log.exception("a submission could not be applied")
            self._world.stopping.wait(PAUSE)

    def _slice(self) -> int:
        rows = self._store.all(
            "SELECT * FROM submission WHERE due <= ? ORDER BY due, id LIMIT ?", self._world.clock.timestamp(), SLICE
        )
        with self._store.open():  # one transaction for the whole slice
            for row in rows:
                Catalogue(self._world, self._sellers.get(row["seller"])).apply(row)
        return len(rows)
