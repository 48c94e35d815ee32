"""Whose data folder it is: one supervisor at a time, and none before the servers of an earlier one have ended.

Two files are locked. `supervisor.lock` is held by the supervisor alone. `servers.lock` is handed down to the children
that must not run twice on one folder (the embedded queue, the web server, the sandbox): the kernel lets it go when the
last of them has ended, also those that outlive a supervisor killed by kill -9.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from shopapp.config import ConfigError

RIVAL_SECONDS = 3.0  # how long a supervisor that is just ending may still be there
POLITE_SECONDS = 25.0  # longer than the web server's graceful end of 20 s
ROOM = 256 * 1024  # bytes that must be free in it; a database and a queue need more, but not at once
SUPERVISOR, SERVERS = "supervisor.lock", "servers.lock"


def claim(data: Path, say: Callable[[str], None]) -> int:
    """Make the folder ours until this process ends; the descriptor that the servers are to inherit.

    ConfigError when another supervisor runs on it, or when it is not to be written. Servers that an earlier one left
    behind get 25 s to end.
    """
    make(data)
    if not _lock(_open(data / SUPERVISOR), RIVAL_SECONDS):
        raise ConfigError(f"Another shopapp is running on {data}; stop it first, or set another SHOPAPP_DATA.")
    path = data / SERVERS
    servers = _open(path)
    if _lock(servers, 0.5):
        return servers
    say("waiting for the processes of an earlier run to end")
    if not _lock(servers, POLITE_SECONDS):
        for pid in _holders(path):
            os.kill(pid, signal.SIGKILL)
        if not _lock(servers, 5):
            raise ConfigError(f"Processes of an earlier run still use {data}; end them first.")
    return servers


def make(data: Path) -> None:
    """The folder, for our eyes only. ConfigError when nothing can be written there."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=data) as probe:
            probe.write(bytes(ROOM))
            probe.flush()
    except OSError as error:
        words = error.strerror or type(error).__name__
        raise ConfigError(f"SHOPAPP_DATA: nothing can be written in {data} ({words}).") from None


def empty(data: Path) -> None:
    """Forget everything in a folder that is ours, but for its locks."""
    for entry in data.iterdir():
        if entry.name in (SUPERVISOR, SERVERS):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _lock(descriptor: int, seconds: float) -> bool:
    """Try for so long; whether it is ours."""
    ends = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= ends:
                return False
            time.sleep(0.05)
        else:
            return True


def _holders(path: Path) -> list[int]:
    """Other processes that have the file open, where the system tells (Linux)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            holds = any(file.samefile(path) for file in (process / "fd").iterdir())
        except OSError:
            continue  # it has just ended, or is not ours to look at
        if holds and int(process.name) != os.getpid():
            found.append(int(process.name))
    return found
