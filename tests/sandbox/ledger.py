"""Owns the append-only record of every effect the sandbox received; it never changes or forgets an entry."""

import json
import threading
from pathlib import Path
from typing import Any

from tests.sandbox.clock import Clock

Entry = dict[str, Any]


class Ledger:
    """Entries {n, at, system, effect, key, body} in memory and, line by line, in `path`."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._read(path)
        self._file = path.open("a", encoding="utf-8")

    def _read(self, path: Path) -> None:
        if not path.exists():
            return
        raw = path.read_bytes()
        whole = raw[: raw.rfind(b"\n") + 1]
        if whole != raw:
            # A killed process may leave half a line; the next entry must not be glued to it.
            path.write_bytes(whole)
        self._entries = [json.loads(line) for line in whole.splitlines() if line]

    def record(self, system: str, effect: str, key: str | None = None, body: Any = None) -> Entry:
        """Write down one effect; `n` grows by one, `at` is sandbox time. `body` must be JSON-able."""
        at = self._clock.now().isoformat().replace("+00:00", "Z")
        with self._lock:
            entry: Entry = {
                "n": len(self._entries) + 1,
                "at": at,
                "system": system,
                "effect": effect,
                "key": key,
                "body": body,
            }
            line = json.dumps(entry, ensure_ascii=False)
            self._entries.append(json.loads(line))
            if not self._file.closed:
                self._file.write(line + "\n")
                self._file.flush()
        return entry

    def find(
        self, *, system: str | None = None, effect: str | None = None, key: str | None = None, since: int = 0
    ) -> list[Entry]:
        """Entries after number `since` in order; a filter that is None matches everything."""
        with self._lock:
            later = self._entries[max(0, since) :]
        wanted = {"system": system, "effect": effect, "key": key}
        given = {name: value for name, value in wanted.items() if value is not None}
        return [entry for entry in later if all(entry[name] == value for name, value in given.items())]

    def close(self) -> None:
        """Close the file; later records stay in memory only."""
        with self._lock:
            self._file.close()
