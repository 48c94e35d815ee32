"""The demo as a set of processes: starts it in a scratch folder, tells its processes apart, starts it again.

Every process of the demo carries the scratch folder in its environment (the queue works inside it): only those are
ever touched, one by one.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
READY_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Process:
    """One living process of the demo and what it is."""

    pid: int
    parent: int
    kind: str


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on just now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _status(pid: int) -> tuple[str, int] | None:
    """State letter and parent of a process, None when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    return fields[0], int(fields[1])


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    found = _status(pid)
    return found is not None and found[0] != "Z"


def _belongs(pid: int, folder: Path) -> bool:
    """By its environment or, for the queue, whose title overwrites that, by where it stands."""
    try:
        here = Path(f"/proc/{pid}/cwd").readlink()
        return f"SHOPAPP_DATA={folder}".encode() in Path(f"/proc/{pid}/environ").read_bytes() or folder in here.parents
    except OSError:
        return False


def _words(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def _kind(words: str) -> str:
    for kind, sign in (
        ("sandbox", "tests.sandbox"),
        ("web", "gunicorn"),
        ("worker now", "worker --queue now"),
        ("worker bulk", "worker --queue bulk"),
        ("scheduler", "shopapp.cli scheduler"),
        ("queue", "valkey-server"),
        ("migrate", "shopapp.cli migrate"),
        ("supervisor", "shopapp.cli demo"),
    ):
        if sign in words:
            return kind
    return "other"


@dataclass
class Demo:
    """`shopapp demo` on ports of its own, its data in `folder`."""

    folder: Path
    scale: float = 1.0
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    app_port: int = 0
    box_port: int = 0

    def __post_init__(self) -> None:
        self.app_port, self.box_port = free_ports(2)
        self.epoch = int(time.time())

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
        """The demo's own data folder."""
        return self.folder / "demo"

    def start(self) -> None:
        """Start it, as a person would after a crash: at once, on the same data and ports."""
        env = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
        env |= {"SHOPAPP_DATA": str(self.folder), "LOG_LEVEL": "INFO", "TIME_SCALE": str(self.scale)}
        env |= {"TIME_EPOCH": str(self.epoch), **self.settings}
        command = [sys.executable, "-m", "shopapp.cli", "demo"]
        command += ["--port", str(self.app_port), "--sandbox-port", str(self.box_port)]
        with (self.folder / "demo.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)

    def wait(self, seconds: float = READY_SECONDS) -> None:
        """Until app and sandbox answer."""
        for port in (self.box_port, self.app_port):
            until(partial(answers, port), f"port {port} answers", seconds)

    def processes(self) -> list[Process]:
        """All living processes of this demo, children of children too."""
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        found: dict[int, tuple[int, str]] = {}
        for pid in pids:
            state = _status(pid)
            if state is not None and state[0] != "Z" and pid != os.getpid() and _belongs(pid, self.folder):
                found[pid] = (state[1], _kind(_words(pid)))
        return [Process(pid, parent, _exactly(kind, parent, found)) for pid, (parent, kind) in found.items()]

    def stop(self) -> int:
        """Stop it in order; how many processes that left behind (they are killed by their pids)."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        left = self.processes()
        for one in left:
            send(one.pid, signal.SIGKILL)
        return len(left)


def _exactly(kind: str, parent: int, found: dict[int, tuple[int, str]]) -> str:
    """A child of its own kind is what the parent forked: a work-horse, or a web process."""
    if found.get(parent, (0, ""))[1] == kind:
        return {"web": "web child", "worker now": "horse now", "worker bulk": "horse bulk"}.get(kind, kind)
    return kind


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def send(pid: int, number: int) -> bool:
    """Send a signal to one process; False when it is gone already."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def until(holds: Callable[[], object], what: str, seconds: float, pause: float = 0.2) -> float:
    """Wait until it holds; the seconds it took. AssertionError when the time is over."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"after {seconds:.0f} s still not: {what}")
        time.sleep(pause)
    return time.monotonic() - began
