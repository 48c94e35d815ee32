"""A PostgreSQL server that may be struck down: commits survive, and it starts again on the same data and port."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.stage.postgres import Postgres


class Database:
    """One server and one empty database on it. `stop` forgets both."""

    def __init__(self) -> None:
        self.server = Postgres.start()
        # The stage's servers let commits be lost in a crash of theirs; here a commit must be one.
        self.ask("ALTER ROLE test SET synchronous_commit = on", "postgres")
        self.ask("CREATE DATABASE crash", "postgres")
        self.url = self.server.url("crash")

    def ask(self, text: str, name: str = "crash") -> list[tuple[object, ...]]:
        """One statement; its rows."""
        with self.connect(name) as line:
            found = line.execute(text.encode())
            return found.fetchall() if found.description else []

    @contextmanager
    def connect(self, name: str) -> Iterator[psycopg.Connection]:
        """A connection of our own."""
        address = f"host=127.0.0.1 port={self.server.port} user=test dbname={name} connect_timeout=5"
        line = psycopg.connect(address, autocommit=True)
        try:
            yield line
        finally:
            line.close()

    @property
    def pid(self) -> int:
        """The server's first process."""
        return self.server.process.pid

    def backends(self) -> list[int]:
        """Processes that serve the product just now."""
        try:
            rows = self.ask("SELECT pid FROM pg_stat_activity WHERE datname = 'crash' AND pid <> pg_backend_pid()")
        except psycopg.Error:
            return []
        return [int(str(row[0])) for row in rows]

    def restart(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """An immediate shutdown (or kill -9) and a new start; back when it answers."""
        process = self.server.process
        process.send_signal(how)
        process.wait(20)
        ends = time.monotonic() + 30
        while True:
            with (self.server.folder / "log").open("ab") as log:
                self.server.process = subprocess.Popen(process.args, stdout=log, stderr=log, cwd="/")
            try:
                self._wait()
                return
            except RuntimeError:  # what is left of the old one still holds its memory
                if time.monotonic() > ends:
                    raise
                time.sleep(0.1)

    def _wait(self) -> None:
        for _ in range(600):
            try:
                self.ask("SELECT 1", "postgres")
                return
            except psycopg.OperationalError:
                if self.server.process.poll() is not None:
                    raise RuntimeError("PostgreSQL ended again") from None
                time.sleep(0.02)
        raise RuntimeError("PostgreSQL did not come back")

    def copy(self, name: str) -> None:
        """A copy of the database as it is now; nobody may be connected to it."""
        self.ask(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", "postgres")
        self.ask(f"CREATE DATABASE {name} TEMPLATE crash", "postgres")

    def stop(self) -> None:
        """End the server and forget its data."""
        self.server.stop()
