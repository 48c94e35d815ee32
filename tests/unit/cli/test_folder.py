"""One supervisor for a data folder; a new one waits for the servers that a killed one left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shopapp.cli import folder
from shopapp.config import ConfigError
from tests.unit.cli.test_supervisor import ROOT, alive, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
# A supervisor with one server that ignores the polite signal, and one helper that may run twice.
CODE = """
import os, pathlib, sys, time
from shopapp.cli import folder
from shopapp.cli.supervisor import Supervisor
data = pathlib.Path(sys.argv[1])
s = Supervisor(print, folder.claim(data, print))
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
child = s.add("server", [sys.executable, "-c", stubborn], os.environ, quiet=True, alone=True)
time.sleep(float(sys.argv[2]))
(data / "pid").write_text(str(child.process.pid))
s.run()
"""


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def rival(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", CODE, str(tmp_path), "0.5"], cwd=ROOT)
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    yield process
    process.kill()
    process.wait(10)
    server = int((tmp_path / "pid").read_text())
    if alive(server):
        os.kill(server, signal.SIGKILL)


def test_a_second_supervisor_on_the_same_folder_is_refused(
    tmp_path: Path, rival: subprocess.Popen[bytes], told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "RIVAL_SECONDS", 0.3)
    with pytest.raises(ConfigError, match="Another shopapp is running"):
        folder.claim(tmp_path, told.append)
    assert rival.poll() is None


def test_a_server_that_outlives_its_killed_supervisor_is_waited_for_then_ended(
    tmp_path: Path, rival: subprocess.Popen[bytes], told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "POLITE_SECONDS", 1.0)
    server = int((tmp_path / "pid").read_text())
    rival.kill()
    rival.wait(10)
    assert alive(server), "this one ignores the polite signal"
    os.close(folder.claim(tmp_path, told.append))
    assert not alive(server)
    assert told == ["waiting for the processes of an earlier run to end"]


def test_a_folder_is_emptied_but_for_its_locks(tmp_path: Path, told: list[str]) -> None:
    (tmp_path / "queue").mkdir()
    (tmp_path / "queue" / "log").write_text("x")
    (tmp_path / "shopapp.db").write_text("x")
    os.close(folder.claim(tmp_path, told.append))
    folder.empty(tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["servers.lock", "supervisor.lock"]


def test_a_child_whose_parent_is_gone_already_ends_at_once() -> None:
    code = "from shopapp.process import die_with_parent; die_with_parent(parent=1 << 22); print('lives')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (1, "")
