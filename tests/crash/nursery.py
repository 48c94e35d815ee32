"""A warm parent of the product's processes: imports everything once, forks a command in milliseconds, restarts what ends.

A process of its own (`python -m tests.crash.nursery`), so that its children are the real commands with real parents. It
reads one JSON object a line: `{"keep": name, "arguments": [...]}` starts a command and keeps it running, `{"drop": name}`
ends it for good. It writes one a line for each start: `{"name", "pid"}`. It dies with who started it, its children with it.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import random
import select
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from shopapp.process import die_with_parent

IMPORTED = (
    *("shopapp.cli.worker", "shopapp.jobs", "shopapp.web", "psycopg", "rq.worker"),
    *("gunicorn.app.wsgiapp", "gunicorn.workers.gthread"),
)
SHORT = 1.0  # seconds: who lives less waits a little before the next start
PATIENCE = 0.3


@dataclass
class Kept:
    """A command and its living process (0: none)."""

    arguments: list[str]
    pid: int = 0
    started: float = 0.0
    again_at: float = 0.0


def main() -> int:
    """Serve until the input ends."""
    _warm()
    out = os.dup(1)
    os.dup2(2, 1)
    kept: dict[str, Kept] = {}
    buffer = b""
    while True:
        if select.select([0], [], [], 0.02)[0]:
            piece = os.read(0, 65536)
            if not piece:
                return 0
            *lines, buffer = (buffer + piece).split(b"\n")
            for line in lines:
                _obey(json.loads(line), kept)
        _reap(kept)
        for name, one in kept.items():
            if not one.pid and time.monotonic() >= one.again_at:
                one.pid, one.started = _fork(one.arguments, out), time.monotonic()
                os.write(out, json.dumps({"name": name, "pid": one.pid}).encode() + b"\n")


def _warm() -> None:
    for name in IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _obey(order: dict[str, object], kept: dict[str, Kept]) -> None:
    if "keep" in order:
        arguments = order["arguments"]
        assert isinstance(arguments, list)
        kept[str(order["keep"])] = Kept([str(one) for one in arguments])
    gone = kept.pop(str(order.get("drop")), None)
    if gone is not None and gone.pid:
        os.kill(gone.pid, signal.SIGTERM)


def _reap(kept: dict[str, Kept]) -> None:
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        for one in kept.values():
            if one.pid == pid:
                one.pid = 0
                one.again_at = time.monotonic() + (PATIENCE if time.monotonic() - one.started < SHORT else 0)


def _fork(arguments: list[str], out: int) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.close(out)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.setsid()
        die_with_parent(signal.SIGKILL, parent)
        random.seed()
        status = _command(arguments)
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 1
    finally:
        os._exit(status)


def _command(arguments: list[str]) -> int:
    """What the command of that name does, without the start of an interpreter."""
    from shopapp import cli
    from shopapp.cli.up import web_command

    if arguments[0] != "web":
        return cli.main(arguments)
    command = web_command(arguments[1], int(arguments[2]), 1)
    sys.argv = ["gunicorn", *command[command.index("gunicorn") + 1 :]]
    importlib.import_module("gunicorn.app.wsgiapp").run()
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
    die_with_parent(signal.SIGKILL)
    sys.exit(main())
