"""Starts processes, restarts those that end, stops all in order. No orphan stays, not even after kill -9 of this one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import FrameType

from shopapp.process import die_with_parent

STOP_SECONDS = 25.0


@dataclass
class Child:
    """One process to keep alive: its name, command line and environment; what a quiet one prints is not shown.

    One that is `alone` must not run twice on a data folder: it inherits the lock of the servers (see cli.folder).
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    quiet: bool = False
    alone: bool = False
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    falls: int = 0
    restart_at: float = 0.0


@dataclass
class Supervisor:
    """Keeps its children running until told to stop. `say` prints to the person at the terminal."""

    say: Callable[[str], None]
    lock: int | None = None  # descriptor that children who must be alone inherit
    children: list[Child] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def add(
        self, name: str, command: Sequence[str], env: Mapping[str, str], *, quiet: bool = False, alone: bool = False
    ) -> Child:
        """Start a child now and keep it alive from now on."""
        child = Child(name, command, env, quiet, alone)
        self.children.append(child)
        self._start(child)
        return child

    def _start(self, child: Child) -> None:
        # Each child has a session of its own: Ctrl-C reaches only us, and we stop them in order.
        child.process = subprocess.Popen(
            list(child.command),
            env=dict(child.env),
            start_new_session=True,
            stdout=subprocess.DEVNULL if child.quiet else None,
            pass_fds=(self.lock,) if child.alone and self.lock is not None else (),
            preexec_fn=partial(_begin, os.getpid()),
        )
        child.started = time.monotonic()

    def watch(self) -> None:
        """Restart what ended: at once the first time, then after 1, 2, 4 ... 30 seconds while it keeps falling."""
        for child in self.children:
            if child.process is None or child.process.poll() is None:
                continue
            if child.restart_at == 0:
                child.falls = 0 if time.monotonic() - child.started > 60 else child.falls + 1
                wait = 0 if child.falls <= 1 else min(30, 2 ** (child.falls - 2))
                child.restart_at = time.monotonic() + wait
                self.say(f"{child.name} ended with status {child.process.returncode}; starting it again")
            if time.monotonic() >= child.restart_at:
                child.restart_at = 0
                self._start(child)

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Watch until a signal or until `until()` says so."""
        while not self.stopping.wait(0.2) and not until():
            self.watch()

    def handle_signals(self) -> None:
        """Stop on Ctrl-C, on SIGTERM and when the terminal is closed (unless nohup has us outlive it)."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            self.stopping.set()

        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, stop)

    def stop(self) -> None:
        """Stop all, the last started first; who does not end in time is killed with its process group."""
        self.stopping.set()
        for child in reversed(self.children):
            process = child.process
            if process is None or process.poll() is not None:
                continue
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                _kill_group(process.pid)
                process.wait(5)


def _begin(parent: int) -> None:
    """First thing in a child, before it becomes its command: a signal to end must not meet our own handler."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    die_with_parent(signal.SIGTERM, parent)


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def shopapp_command(*arguments: str) -> list[str]:
    """The command line of one of our own commands, by this interpreter."""
    return [sys.executable, "-m", "shopapp.cli", *arguments]
