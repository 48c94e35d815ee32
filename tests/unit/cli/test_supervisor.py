"""The supervisor with real processes: restarts what falls, stops all, leaves no orphan even after kill -9."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shopapp.cli.supervisor import Supervisor

ROOT = Path(__file__).resolve().parent.parent.parent.parent
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def until(holds: Callable[[], object], seconds: float = 15) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_child_that_falls_is_started_again_and_all_stop_at_the_end() -> None:
    told: list[str] = []
    supervisor = Supervisor(told.append)
    try:
        child = supervisor.add("sleeper", SLEEP, os.environ)
        assert child.process is not None
        first = child.process.pid
        os.kill(first, signal.SIGKILL)
        until(lambda: (supervisor.watch(), child.process and child.process.pid != first)[1])
        second = child.process.pid
        assert told == ["sleeper ended with status -9; starting it again"]
    finally:
        supervisor.stop()
    assert not alive(second)


def test_a_child_that_keeps_falling_is_not_started_in_a_tight_loop() -> None:
    supervisor = Supervisor(lambda _text: None)
    try:
        child = supervisor.add("faller", [sys.executable, "-c", "raise SystemExit(3)"], os.environ)
        ends = time.monotonic() + 2.5
        starts = {child.started}
        while time.monotonic() < ends:
            supervisor.watch()
            starts.add(child.started)
            time.sleep(0.02)
        assert 2 <= len(starts) <= 4
    finally:
        supervisor.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_killing_the_supervisor_leaves_no_orphan(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = (
        "import os, sys, pathlib; from shopapp.cli.supervisor import Supervisor\n"
        f"s = Supervisor(print); c = s.add('x', {SLEEP!r}, os.environ)\n"
        f"pathlib.Path({str(note)!r}).write_text(str(c.process.pid)); s.run()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    try:
        until(lambda: note.exists() and note.read_text())
        child = int(note.read_text())
        assert alive(child)
        process.kill()
        process.wait(10)
        until(lambda: not alive(child))
    finally:
        process.kill()
        process.wait(10)
