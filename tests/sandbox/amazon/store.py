"""Owns the listings of all sellers in one SQLite file: hundreds of thousands of them, and what waits to be applied.

One connection and one lock of its own, so that a long read never holds up the rest of the sandbox. Knows no rules.
"""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.sandbox.world import World

Json = dict[str, Any]
_TABLES = """
CREATE TABLE IF NOT EXISTS listing (
    seller TEXT, sku TEXT, asin TEXT, listing_id TEXT, title TEXT, description TEXT, product_type TEXT,
    made REAL, changed REAL, attributes TEXT, issues TEXT DEFAULT '[]', PRIMARY KEY (seller, sku)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS submission (
    id INTEGER PRIMARY KEY, uid TEXT, seller TEXT, sku TEXT, site TEXT, due REAL, patches TEXT, source TEXT
);
CREATE INDEX IF NOT EXISTS submission_due ON submission (due, id);
CREATE INDEX IF NOT EXISTS submission_sku ON submission (seller, sku);
CREATE TABLE IF NOT EXISTS applied (
    n INTEGER PRIMARY KEY, at REAL, seller TEXT, sku TEXT, site TEXT, price TEXT, quantity INTEGER, source TEXT, uid TEXT
);
CREATE INDEX IF NOT EXISTS applied_sku ON applied (seller, sku);
CREATE TABLE IF NOT EXISTS refusal (seller TEXT, sku TEXT, field TEXT, body TEXT, PRIMARY KEY (seller, sku, field));
CREATE TABLE IF NOT EXISTS thing (kind TEXT, id TEXT, seller TEXT, body TEXT, PRIMARY KEY (kind, id));
"""


def store_of(world: World) -> "Store":
    """The store of a world, always the same object; takes the world's lock the first time only."""
    store: Store | None = vars(world).get("amazon_store")
    if store is None:
        with world.lock:
            store = vars(world).setdefault("amazon_store", None) or Store(world)
            vars(world)["amazon_store"] = store
    return store


class Store:
    """The file is opened at the first use and closed with the world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._path = world.settings.data / "amazon-listings.sqlite"
        self._lock = threading.RLock()
        self._line: sqlite3.Connection | None = None
        world.closers.append(self.close)

    @property
    def exists(self) -> bool:
        """Whether anything was ever kept."""
        return self._line is not None or self._path.exists()

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """The connection under the lock; all that is done within is one transaction."""
        with self._lock:
            if self._line is None:
                self._line = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
                self._line.row_factory = sqlite3.Row
                self._line.execute("PRAGMA journal_mode=WAL")
                self._line.execute("PRAGMA synchronous=OFF")
                self._line.executescript(_TABLES)
            nested = self._line.in_transaction
            if not nested:
                self._line.execute("BEGIN")
            try:
                yield self._line
            except BaseException:
                if not nested:
                    self._line.execute("ROLLBACK")
                raise
            if not nested:
                self._line.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._line is not None:
                self._line.close()
                self._line = None

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row."""
        with self.open() as line:
            row: sqlite3.Row | None = line.execute(sql, values).fetchone()
            return row

    def all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Every row."""
        with self.open() as line:
            return line.execute(sql, values).fetchall()

    def run(self, sql: str, *values: Any) -> int:
        """Change something; how many rows, or the new row's number."""
        with self.open() as line:
            done = line.execute(sql, values)
            return int(done.lastrowid or 0) if sql.startswith("INSERT") else done.rowcount

    def many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Insert many rows."""
        with self.open() as line:
            line.executemany(sql, rows)

    def pages(self, seller: str, size: int = 2_000) -> Iterator[list[sqlite3.Row]]:
        """All listings of a seller by SKU, a page at a time, so that others may write between."""
        last = ""
        while rows := self.all(
            "SELECT * FROM listing WHERE seller = ? AND sku > ? ORDER BY sku LIMIT ?", seller, last, size
        ):
            yield rows
            last = rows[-1]["sku"]

    def keep(self, kind: str, key: str, seller: str, body: Json) -> None:
        """Keep a feed, a report or a document."""
        self.run("INSERT OR REPLACE INTO thing VALUES (?, ?, ?, ?)", kind, key, seller, json.dumps(body))

    def thing(self, kind: str, key: str, seller: str | None = None) -> Json | None:
        """A feed, a report or a document of that seller (of any, when none is named)."""
        row = self.one("SELECT * FROM thing WHERE kind = ? AND id = ?", kind, key)
        if row is None or seller not in (None, row["seller"]):
            return None
        body: Json = json.loads(row["body"])
        return body

    def things(self, kind: str) -> list[tuple[str, str, Json]]:
        """(id, seller, body) of every one of a kind, oldest first."""
        rows = self.all("SELECT * FROM thing WHERE kind = ? ORDER BY rowid", kind)
        return [(row["id"], row["seller"], json.loads(row["body"])) for row in rows]
