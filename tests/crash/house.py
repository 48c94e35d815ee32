"""The product's processes run by the harness itself: what is killed is there again at once, from a warm parent.

The same interface as the demo (`processes.Demo`), but without the supervisor and its growing pauses, so that thousands of
kills fit into an hour. The database and the queue can be struck as well. Only processes started here are ever touched.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import redis
import requests

from shopapp.cli.demo import environment, sandbox_command
from shopapp.cli.supervisor import shopapp_command
from shopapp.cli.up import queue_command
from shopapp.config import Config
from shopapp.process import die_with_parent
from tests.crash.processes import READY_SECONDS, ROOT, Process, alive, answers, free_ports, send, until
from tests.crash.server import Database

WORKERS = ("now", "bulk")


@dataclass
class House:
    """Sandbox, queue, web, two workers and a scheduler, on SQLite or on a PostgreSQL server of their own."""

    folder: Path
    scale: float = 1.0
    settings: dict[str, str] = field(default_factory=dict)
    postgres: bool = False
    scheduler: bool = True
    database: Database | None = None
    env: dict[str, str] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)  # name -> pid, as the nursery tells
    app_port: int = 0
    box_port: int = 0

    def __post_init__(self) -> None:
        self.app_port, self.box_port, self.mail_port = free_ports(3)
        self.epoch = int(time.time())
        self._queue: subprocess.Popen[bytes] | None = None
        self._sandbox: subprocess.Popen[bytes] | None = None
        self._nursery: subprocess.Popen[bytes] | None = None

    @property
    def app_url(self) -> str:
        """The app's address."""
        return f"http://localhost:{self.app_port}"

    @property
    def box_url(self) -> str:
        """The sandbox's address."""
        return f"http://127.0.0.1:{self.box_port}"

    @property
    def data(self) -> Path:
        """The product's data folder."""
        return self.folder / "house"

    @property
    def config(self) -> Config:
        """The product's settings."""
        return Config.load(self.env)

    # --- start and stop -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start everything."""
        self.data.mkdir(parents=True, exist_ok=True)
        if self.postgres:
            self.database = Database()
        self.env = environment(self.data, self.app_port, self.box_port) | {
            "DATABASE_URL": self.database.url if self.database else "",
            "REDIS_URL": "",
            "MAIL_PORT": str(self.mail_port),
            "LOG_LEVEL": "INFO",
            "TIME_SCALE": str(self.scale),
            "TIME_EPOCH": str(self.epoch),
            **self.settings,
        }
        command = sandbox_command(self.data, self.box_port, self.mail_port)
        self._sandbox = self._popen(command, "sandbox.log")
        self.start_queue()
        subprocess.run(shopapp_command("migrate"), env=self.env, cwd=ROOT, check=True)
        until(lambda: answers(self.box_port), "the sandbox answers", READY_SECONDS, 0.05)
        self.env = requests.get(f"{self.box_url}/_sandbox/app_settings", timeout=20).json() | self.env
        self.start_product()

    def start_product(self) -> None:
        """Start the nursery and what it keeps."""
        with (self.folder / "product.log").open("ab") as log:
            self._nursery = subprocess.Popen(
                [sys.executable, "-m", "tests.crash.nursery"],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                preexec_fn=die_with_parent,
            )
        self.kept.clear()
        threading.Thread(target=self._listen, args=(self._nursery,), daemon=True, name="nursery").start()
        self.keep("web", "web", "localhost", str(self.app_port))
        for queue in WORKERS:
            self.keep(f"worker {queue}", "worker", "--queue", queue)
        if self.scheduler:
            self.keep("scheduler", "scheduler")

    def stop_product(self) -> None:
        """End the nursery and all that it keeps, as a power cut would; back when they are gone."""
        if self._nursery is None:
            return
        before = [one.pid for one in self.processes() if one.kind not in ("queue", "sandbox")]
        self._nursery.kill()
        self._nursery.wait(10)
        assert self._nursery.stdin is not None
        with contextlib.suppress(OSError):
            self._nursery.stdin.close()
        self._nursery = None
        until(lambda: not any(alive(pid) for pid in before), "the product's processes are gone", 30, 0.02)

    def wait(self, seconds: float = READY_SECONDS) -> None:
        """Until app and sandbox answer."""
        for port in (self.box_port, self.app_port):
            until(lambda port=port: answers(port), f"port {port} answers", seconds, 0.05)  # type: ignore[misc]

    def stop(self) -> int:
        """Stop everything; how many processes or ports that left behind."""
        known = [one.pid for one in self.processes()]
        left = 0
        try:
            self.stop_product()
        except AssertionError:
            left += 1
        for process in (self._queue, self._sandbox):
            if process is not None:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(10)
        if self.database is not None:
            self.database.stop()
        left += sum(alive(pid) for pid in known)
        for pid in known:
            if alive(pid):
                send(pid, signal.SIGKILL)
        return left + sum(answers(port) for port in (self.app_port, self.box_port, self.mail_port))

    def _popen(self, command: list[str], log: str) -> subprocess.Popen[bytes]:
        with (self.folder / log).open("ab") as file:
            return subprocess.Popen(
                command, cwd=ROOT, env=self.env, stdout=file, stderr=file, preexec_fn=die_with_parent
            )

    # --- the nursery --------------------------------------------------------------------------------------------------

    def keep(self, name: str, *arguments: str) -> None:
        """Have a command started and kept running."""
        self._tell({"keep": name, "arguments": arguments})

    def _tell(self, order: dict[str, object]) -> None:
        assert self._nursery is not None
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(json.dumps(order).encode() + b"\n")
        self._nursery.stdin.flush()

    def _listen(self, nursery: subprocess.Popen[bytes]) -> None:
        assert nursery.stdout is not None
        with nursery.stdout as told:
            for line in told:
                start = json.loads(line)
                if nursery is self._nursery:
                    self.kept[start["name"]] = start["pid"]

    def processes(self) -> list[Process]:
        """All living processes and what they are."""
        found = []
        for name, pid in list(self.kept.items()):
            if alive(pid):
                found.append(Process(pid, 0, name))
                child = {"web": "web child"}.get(name, name.replace("worker", "horse"))
                found += [Process(one, pid, child) for one in _children(pid)]
        for name, process in (("queue", self._queue), ("sandbox", self._sandbox)):
            if process is not None and process.poll() is None:
                found.append(Process(process.pid, os.getpid(), name))
        return found

    # --- the queue ----------------------------------------------------------------------------------------------------

    def start_queue(self) -> None:
        """Start the embedded queue as the product does, on what is in its folder."""
        self._queue = self._popen(queue_command(self.config), "queue.log")

        def there() -> bool:
            with contextlib.suppress(redis.RedisError):
                return bool(self.redis().ping())
            return False

        until(there, "the queue answers", 20, 0.02)

    def redis(self) -> redis.Redis:
        """The queue, as the product reaches it."""
        return redis.Redis.from_url(Config.load({"SHOPAPP_DATA": str(self.data)}, serving=False).redis_url)

    def strike_queue(self, *, wipe: bool) -> None:
        """Kill -9 the queue and start it again, with what it had saved or with nothing."""
        assert self._queue is not None
        self._queue.kill()
        self._queue.wait(10)
        if wipe:
            shutil.rmtree(self.data / "queue")
        self.start_queue()


def _children(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if alive(int(one))]
    except OSError:
        return []
