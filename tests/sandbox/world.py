"""Owns the sandbox's state: named JSON-able parts under one lock, written to the data folder behind the requests' back.

A part changes its dict under `world.lock` and calls `world.touch(name)`; a writer thread saves it soon after (whole
file, atomic rename). It must know nothing of what a part keeps.
"""

import json
import logging
import re
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.sandbox.clock import Clock
from tests.sandbox.faults import Faults
from tests.sandbox.ledger import Ledger
from tests.sandbox.settings import Settings

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_DIGITS = "0123456789"
log = logging.getLogger("tests.sandbox")


class World:
    """What every part shares: `lock`, `clock`, `ledger`, `faults`, `settings`, `stopping`, and the persisted parts.

    `url` and `smtp_port` are known once the servers are bound (before any request).
    """

    def __init__(self, settings: Settings) -> None:
        settings.data.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self.lock = threading.RLock()
        self.stopping = threading.Event()
        self.clock = Clock(settings.time_scale, settings.time_epoch)
        self.ledger = Ledger(settings.data / "ledger.jsonl", self.clock)
        self.faults = Faults(self.stopping, self.ledger)
        self.url = ""
        self.smtp_port = 0
        # Settings of the app with which it speaks to a part: each part adds what gives them, by name.
        self.app_settings: list[Callable[[], dict[str, str]]] = []
        # What a part holds open beside its dict, closed at the stop.
        self.closers: list[Callable[[], None]] = []
        self._parts: dict[str, dict[str, Any]] = {}
        self._dirty: set[str] = set()
        self._wake = threading.Event()
        self._writer: threading.Thread | None = None

    def part(self, name: str) -> dict[str, Any]:
        """The persisted dict of that name, always the same object; loaded from the data folder the first time.

        Big state may be spread over several parts ("shopify", "shopify.orders.example") so that a save stays small.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a name of a part: {name!r}")
        with self.lock:
            if name not in self._parts:
                path = self.settings.data / f"{name}.json"
                self._parts[name] = json.loads(path.read_text("utf-8")) if path.exists() else {}
            return self._parts[name]

    def touch(self, name: str) -> None:
        """Say that a part changed: it is written within about half a second, and in any case at the stop."""
        with self.lock:
            self._dirty.add(name)
        self._wake.set()

    def next_id(self, kind: str, start: int = 1) -> int:
        """The next number of a kind, unique also after a restart."""
        with self.lock:
            counters = self.part("core").setdefault("counters", {})
            number = max(int(counters.get(kind, start - 1)) + 1, start)
            counters[kind] = number
        self.touch("core")
        return number

    def next_ids(self, kind: str, count: int, start: int = 1) -> int:
        """The first of `count` numbers in a row."""
        with self.lock:
            first = self.next_id(kind, start)
            self.part("core")["counters"][kind] = first + count - 1
        return first

    def digits(self, count: int) -> str:
        """Random decimal digits, as used in the vendors' order numbers."""
        return "".join(secrets.choice(_DIGITS) for _ in range(count))

    def secret(self, prefix: str = "", size: int = 40) -> str:
        """A random token of `size` URL-safe characters behind `prefix`."""
        return prefix + secrets.token_urlsafe(size)[:size]

    def start(self) -> None:
        """Begin to save touched parts."""
        self._writer = threading.Thread(target=self._write_on_touch, name="sandbox-writer", daemon=True)
        self._writer.start()

    def stop(self) -> None:
        """Free every held request, save all parts and close the ledger."""
        self.stopping.set()
        self._wake.set()
        if self._writer is not None:
            self._writer.join()
        with self.lock:
            self._dirty.update(self._parts)
        self.save()
        for close in self.closers:
            close()
        self.ledger.close()

    def save(self) -> None:
        """Write every touched part now."""
        with self.lock:
            names, self._dirty = self._dirty, set()
            texts = {name: json.dumps(self._parts[name], ensure_ascii=False) for name in names if name in self._parts}
        for name, text in texts.items():
            path = self.settings.data / f"{name}.json"
            fresh = path.with_suffix(".json.new")
            fresh.write_text(text, "utf-8")
            fresh.replace(path)

    def _write_on_touch(self) -> None:
        pause = 0.3
        while not self.stopping.is_set():
            self._wake.wait()
            # Collects what follows the first touch; a big world is saved less often so that saving never dominates.
            if self.stopping.wait(pause):
                return
            self._wake.clear()
            began = time.monotonic()
            try:
                self.save()
            except (TypeError, ValueError, RuntimeError, OSError):
                log.exception("a part could not be saved")
            pause = max(0.3, 20 * (time.monotonic() - began))
