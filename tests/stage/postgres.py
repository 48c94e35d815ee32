"""A throw-away PostgreSQL server on a unix socket and a loopback port, never as root."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import psycopg
from sqlalchemy import NullPool, create_engine

from tests.stage.tables import make

NOBODY = 65534


@lru_cache(maxsize=1)
def find_postgres() -> Path | None:
    """The folder of initdb and postgres, None when there is no server. Root needs setpriv to step down."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder if os.getuid() or shutil.which("setpriv") else None
    return None


def _as_user(command: list[str]) -> list[str]:
    if os.getuid():
        return command
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]


@dataclass
class Postgres:
    """A running server; `database()` gives an empty database that is dropped afterwards."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, *, durable: bool = False) -> Postgres:
        """Initialise and start, about one second. `durable`: a commit waits for the disk, as it does in earnest."""
        programs = find_postgres()
        assert programs is not None
        folder = Path(tempfile.mkdtemp(prefix="shopapp-pg-"))
        folder.chmod(0o755)
        data = folder / "data"
        data.mkdir()
        if not os.getuid():
            os.chown(data, NOBODY, NOBODY)
        data.chmod(0o700)
        initdb = [str(programs / "initdb"), "-D", str(data), "-U", "test", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(_as_user([*initdb, "--locale=C"]), check=True, capture_output=True, cwd="/")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", "port": port}
        options |= {"max_connections": 300, "synchronous_commit": "off", "full_page_writes": "off"}
        if durable:
            options |= {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
        command = [str(programs / "postgres"), "-D", str(data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(_as_user(command), stdout=log, stderr=log, cwd="/")
        server = cls(folder, port, process)
        server._wait()
        return server

    def url(self, name: str) -> str:
        """SQLAlchemy address of database `name`."""
        return f"postgresql+psycopg://test@127.0.0.1:{self.port}/{name}"

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(f"host=127.0.0.1 port={self.port} user=test dbname=postgres", autocommit=True)

    def _wait(self) -> None:
        for _ in range(300):
            try:
                self._connect().close()
                return
            except psycopg.OperationalError:
                if self.process.poll() is not None:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                self.process.poll()
                _pause()
        raise RuntimeError("PostgreSQL did not start")

    @contextmanager
    def database(self, *, tables: bool = False) -> Iterator[str]:
        """An empty database for one test; with `tables`, those of the models are there."""
        name = f"t{uuid.uuid4().hex}"
        with self._connect() as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {self._furnished if tables else 'template1'}")
        try:
            yield self.url(name)
        finally:
            with self._connect() as admin:
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @cached_property
    def _furnished(self) -> str:
        with self._connect() as admin:
            admin.execute("CREATE DATABASE furnished")
        engine = create_engine(self.url("furnished"), poolclass=NullPool)
        make(engine)
        return "furnished"

    def stop(self) -> None:
        """Stop at once and forget the data."""
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)


def _pause() -> None:
    import time

    time.sleep(0.05)
