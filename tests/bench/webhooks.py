"""`python -m tests.bench webhooks`: the real receiver under a burst, and beside the smallest Node one with Shopify's library.

Judged by the database alone: a delivery that was answered with 200 must be a committed receipt.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sqlalchemy import Engine, create_engine, text

from shopapp.keys import fresh_key
from shopapp.process import die_with_parent
from shopapp.records import migrate
from tests.bench import load
from tests.stage.postgres import Postgres, find_postgres
from tests.stage.queue import Queue

ROOT = Path(__file__).resolve().parent.parent.parent
POOL = 16  # connections of the Node server's pool; ours has one per thread
PACKAGES = ("@shopify/shopify-api@13", "pg@8")
RIVAL_TABLE = "CREATE TABLE rival_receipt (LIKE receipt INCLUDING ALL)"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--database", choices=("postgres", "sqlite"), default="postgres")
    parser.add_argument("--burst", type=int, default=5000, help="deliveries of the burst")
    parser.add_argument("--within", type=float, default=10.0, help="seconds of the burst")
    parser.add_argument("--requests", type=int, default=6000, help="deliveries of one closed-loop round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--at-once", type=int, default=32, help="connections of the closed loop")
    parser.add_argument("--processes", type=int, default=2, help="web processes, as in `shopapp web`")
    parser.add_argument("--no-rival", action="store_true", help="leave the Node server out")


def free_port() -> int:
    """A loopback port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(database: str, queue_url: str, data: Path) -> dict[str, str]:
    """Settings of a serving app; nothing remote is ever called."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "PYTHONPATH")}
    return kept | {
        "SHOPIFY_API_KEY": secrets.token_hex(16),
        "SHOPIFY_API_SECRET": secrets.token_hex(24),
        "APP_URL": "https://app.shop.test",
        "DATABASE_URL": database,
        "REDIS_URL": queue_url,
        "SHOPAPP_DATA": str(data),
        "SECRET_KEY": secrets.token_hex(32),
        "ENCRYPTION_KEY": fresh_key(),
        "LOG_LEVEL": "WARNING",
    }


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its port and its process."""

    port: int
    pid: int

    def cpu(self) -> float:
        """Seconds of processor that it and its processes used so far; 0 where nobody tells."""
        spent = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = path.read_text().rsplit(")", 1)[1].split()
                if self.pid in (int(path.parent.name), int(fields[1])):
                    spent += int(fields[11]) + int(fields[12])
        return spent / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(command: list[str], env: Mapping[str, str], port: int) -> Iterator[Server]:
    """A server as a process of ours, from when it listens until the block ends."""
    begin = partial(die_with_parent, parent=os.getpid())
    process = subprocess.Popen(command, env=dict(env), cwd=ROOT, stdout=subprocess.DEVNULL, preexec_fn=begin)
    try:
        ends = time.monotonic() + 30
        while time.monotonic() < ends:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended with status {process.returncode}")
            time.sleep(0.05)
        else:
            raise RuntimeError(f"{command[0]} does not listen")
        time.sleep(1.0)  # the other processes of the server come up
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.wait(30)


def ours(port: int, processes: int) -> list[str]:
    """The web server as shipped."""
    web = ("web", "--host", "127.0.0.1", "--port", str(port), "--processes", str(processes))
    return [sys.executable, "-m", "shopapp.cli", *web]


def install_rival(folder: Path) -> str:
    """Fetch the Node libraries into `folder`; why there is no rival, "" when there is one."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "node and npm are not here"
    (folder / "package.json").write_text("{}")
    command = ["npm", "install", "--no-audit", "--no-fund", "--silent", *PACKAGES]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    return "" if done.returncode == 0 else "npm could not install the libraries"


def rival_environment(env: Mapping[str, str], port: int, folder: Path) -> dict[str, str]:
    """What the Node server is told."""
    address = env["DATABASE_URL"].replace("postgresql+psycopg", "postgresql")
    own = {"PORT": str(port), "DATABASE_URL": address, "POOL": str(POOL), "MODULES": str(folder)}
    return {**env, **own, "NODE_ENV": "production"}


def _stored(engine: Engine, table: str = "receipt") -> set[str]:
    with engine.connect() as connection:
        return set(connection.execute(text(f"SELECT webhook_id FROM {table}")).scalars())


def burst(engine: Engine, env: Mapping[str, str], port: int, args: argparse.Namespace) -> dict[str, float | str]:
    """The burst against our server: nothing refused, nothing lost, how fast."""
    load.closed(port, load.deliveries(env["SHOPIFY_API_SECRET"], port), 200, 8)  # connections and code are warm
    seen = load.paced(port, load.deliveries(env["SHOPIFY_API_SECRET"], port), args.burst, args.within)
    lost = len(seen.ids - _stored(engine))
    return {
        "burst": len(seen.statuses),
        "burst_seconds": round(seen.took, 2),
        "burst_refused": seen.refused,
        "burst_lost": lost,
        "burst_p50_ms": round(seen.quantile(0.5) * 1000, 1),
        "burst_p99_ms": round(seen.quantile(0.99) * 1000, 1),
    }


@dataclass
class Rounds:
    """What one server did in all its rounds."""

    rates: list[float] = field(default_factory=list)
    cpu: float = 0.0
    sent: int = 0
    refused: int = 0
    ids: set[str] = field(default_factory=set)

    def play(self, server: Server, secret: str, args: argparse.Namespace) -> None:
        """One closed-loop round."""
        before = server.cpu()
        seen = load.closed(server.port, load.deliveries(secret, server.port), args.requests, args.at_once)
        self.rates.append(seen.rate)
        self.cpu += server.cpu() - before
        self.sent += len(seen.statuses)
        self.refused += seen.refused
        self.ids |= seen.ids

    def figures(self, name: str) -> dict[str, float | str]:
        """Median deliveries a second, and processor time of the server per delivery."""
        each = 1_000_000 * self.cpu / self.sent
        return {f"{name}_per_second": round(statistics.median(self.rates)), f"{name}_cpu_us": round(each)}


def compare(
    engine: Engine, secret: str, servers: dict[str, Server], args: argparse.Namespace
) -> dict[str, float | str]:
    """Closed-loop rounds, ours and the rival's in turn; the median of each."""
    rounds = {name: Rounds() for name in servers}
    for _ in range(args.rounds):
        for name, server in servers.items():
            rounds[name].play(server, secret, args)
    found: dict[str, float | str] = {}
    for name, played in rounds.items():
        found |= played.figures(name)
        found[f"{name}_refused"] = played.refused
    found["ours_lost"] = len(rounds["ours"].ids - _stored(engine))
    if "node" in rounds:
        rates = {name: statistics.median(played.rates) for name, played in rounds.items()}
        found["node_ratio"] = round(rates["ours"] / rates["node"], 2)
    return found


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'bench.db'}"
        return
    server = Postgres.start(durable=True)
    try:
        with server.database() as url:
            yield url
    finally:
        server.stop()


def measure(args: argparse.Namespace, folder: Path) -> dict[str, float | str]:
    """Everything once; figures by name."""
    queue = Queue.start()
    try:
        with _database(args.database, folder) as url:
            engine = create_engine(url)
            migrate.upgrade(engine)
            try:
                return _measure(args, folder, engine, environment(url, queue.url, folder))
            finally:
                engine.dispose()
    finally:
        queue.stop()


def _measure(args: argparse.Namespace, folder: Path, engine: Engine, env: dict[str, str]) -> dict[str, float | str]:
    port, other = free_port(), free_port()
    why = "left out" if args.no_rival else "its driver speaks PostgreSQL" if args.database == "sqlite" else ""
    why = why or install_rival(folder)
    found: dict[str, float | str] = {"database": args.database, "processes": args.processes}
    with running(ours(port, args.processes), env, port) as server:
        found |= burst(engine, env, port, args)
        if why:
            return found | compare(engine, env["SHOPIFY_API_SECRET"], {"ours": server}, args) | {"node": why}
        with engine.begin() as connection:
            connection.execute(text(RIVAL_TABLE))
        node = ["node", str(ROOT / "tests/bench/rival.mjs")]
        with running(node, rival_environment(env, other, folder), other) as rival:
            servers = {"ours": server, "node": rival}
            return found | compare(engine, env["SHOPIFY_API_SECRET"], servers, args)


def run(args: argparse.Namespace) -> dict[str, float | str]:
    """Measure and print a table; the figures."""
    kind = getattr(args, "database", "postgres")
    if kind == "postgres" and find_postgres() is None:
        raise SystemExit("no PostgreSQL server on this machine: use --database sqlite")
    with tempfile.TemporaryDirectory(prefix="shopapp-bench-") as folder:
        found = measure(args, Path(folder))
    for name, value in found.items():
        print(f"{name:22} {value}")
    return found
