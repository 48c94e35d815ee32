"""The sandbox's clock, ledger, state, connections, settings and process behave as its users rely on."""

import ast
import http.client
import json
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.sandbox.clock import Clock, parse_instant
from tests.sandbox.ledger import Ledger
from tests.sandbox.server import Sandbox, create_sandbox
from tests.sandbox.settings import read_settings
from tests.unit.sandbox.seat import Lines

ROOT = Path(__file__).resolve().parents[3]


def test_clock_can_be_set_advanced_and_reset(sandbox: Sandbox, post: Any, http_session: requests.Session) -> None:
    assert post("/_sandbox/clock", {"now": "2024-12-25T03:00:00Z"})["now"].startswith("2024-12-25T03:00:0")
    assert post("/_sandbox/clock", {"advance_seconds": 3600})["now"].startswith("2024-12-25T04:00:0")
    assert post("/_sandbox/clock", {"advance_seconds": -60})["now"].startswith("2024-12-25T03:59:")
    post("/_sandbox/clock", {"reset": True})
    now = parse_instant(http_session.get(sandbox.url + "/_sandbox/clock", timeout=5).json()["now"])
    assert abs(now.timestamp() - time.time()) < 5


@pytest.mark.parametrize("nonsense", [{}, {"now": "yesterday"}, {"advance_seconds": "5"}, [1], {"reset": False}])
def test_nonsense_for_the_clock_is_refused_with_a_reason(sandbox: Sandbox, nonsense: Any) -> None:
    answer = requests.post(sandbox.url + "/_sandbox/clock", json=nonsense, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_scaled_clock_runs_faster_from_its_epoch() -> None:
    epoch = parse_instant(str(time.time() - 10))
    assert 990 <= (Clock(scale=100, epoch=epoch).now() - epoch).total_seconds() <= 1100


def test_an_instant_is_read_as_utc_with_or_without_zone_and_as_unix_seconds() -> None:
    assert (
        parse_instant("2026-01-01T01:00:00+01:00")
        == parse_instant("2026-01-01T00:00:00")
        == parse_instant("1767225600")
    )


def test_ledger_is_filtered_by_system_effect_key_and_number(sandbox: Sandbox, ledger: Lines) -> None:
    for system, effect, key in (("a", "made", "1"), ("a", "made", "2"), ("b", "made", "1"), ("a", "gone", "1")):
        sandbox.world.ledger.record(system, effect, key, {"ö": 1})
    assert [line["n"] for line in ledger(system="a", effect="made")] == [1, 2]
    assert [line["n"] for line in ledger(key="1", since=1)] == [3, 4]
    assert set(ledger()[0]) == {"n", "at", "system", "effect", "key", "body"}


def test_ledger_goes_on_counting_after_a_restart_and_drops_a_half_written_line(tmp_path: Path) -> None:
    path, clock = tmp_path / "ledger.jsonl", Clock()
    first = Ledger(path, clock)
    first.record("a", "made", "1")
    first.close()
    path.write_bytes(path.read_bytes() + b'{"n": 2, "at": "20')
    second = Ledger(path, clock)
    assert second.record("a", "made", "2")["n"] == 2
    second.close()
    assert [json.loads(line)["key"] for line in path.read_text("utf-8").splitlines()] == ["1", "2"]


def test_parts_and_counters_survive_a_restart(tmp_path: Path) -> None:
    for expected in (1, 2):
        with create_sandbox({"data": tmp_path}) as running:
            world = running.world
            assert world.next_id("order") == expected
            world.part("demo.orders").setdefault("seen", []).append(expected)
    assert json.loads((tmp_path / "demo.orders.json").read_text("utf-8")) == {"seen": [1, 2]}


def test_a_touched_part_is_on_disk_soon_without_a_stop(sandbox: Sandbox) -> None:
    sandbox.world.part("demo")["a"] = "ä"
    sandbox.world.touch("demo")
    path = sandbox.world.settings.data / "demo.json"
    until = time.monotonic() + 5
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert json.loads(path.read_text("utf-8")) == {"a": "ä"}


def test_the_name_of_a_part_cannot_leave_the_data_folder(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="name of a part"):
        sandbox.world.part("../evil")


def test_one_connection_carries_many_requests_even_if_a_body_was_not_read(sandbox: Sandbox) -> None:
    line = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=5)
    try:
        line.request("POST", "/nowhere", body=b"x" * 50_000)
        assert line.getresponse().read() is not None
        first = line.sock
        line.request("POST", "/_sandbox/clock", body=iter([b'{"advance_', b'seconds": 1}']), encode_chunked=True)
        assert line.getresponse().read()
        line.request("HEAD", "/_sandbox/health")
        assert line.getresponse().read() == b""
        line.request("GET", "/_sandbox/health")
        assert json.loads(line.getresponse().read())["ok"] is True
        assert line.sock is first
    finally:
        line.close()


def test_arguments_win_over_the_environment_and_nonsense_is_refused(tmp_path: Path) -> None:
    environ = {
        "SANDBOX_DATA": str(tmp_path),
        "APP_URL": "http://localhost:1/",
        "TIME_SCALE": "10",
        "SHOPIFY_API_KEY": "",
    }
    settings = read_settings({"app_url": "http://localhost:2", "port": None}, environ)
    assert (settings.data, settings.app_url, settings.time_scale) == (tmp_path, "http://localhost:2", 10)
    assert settings.api_key == "sandbox-api-key"
    with pytest.raises(ValueError, match="data folder"):
        read_settings({}, {})
    with pytest.raises(ValueError, match="could not convert"):
        read_settings({}, environ | {"TIME_SCALE": "fast"})


def test_the_apps_address_can_be_told_later(sandbox: Sandbox, post: Any, http_session: requests.Session) -> None:
    assert post("/_sandbox/settings", {"app_url": "http://localhost:4711"})["app_url"] == "http://localhost:4711"
    assert sandbox.world.settings.app_url == "http://localhost:4711"
    assert http_session.post(sandbox.url + "/_sandbox/settings", json={"data": "/"}, timeout=5).status_code == 400


@contextmanager
def started(*command: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A process and the line of JSON that it says; killed at the end if it still runs."""
    with subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def test_the_command_says_one_line_of_json_and_ends_cleanly_on_sigterm(tmp_path: Path) -> None:
    with started("-m", "tests.sandbox", "--port", "0", "--smtp-port", "0", "--data", str(tmp_path)) as (process, ready):
        assert set(ready) == {"url", "smtp_port"}
        assert requests.get(ready["url"] + "/_sandbox/health", timeout=5).json()["smtp_port"] == ready["smtp_port"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
        assert process.stdout is not None
        assert process.stdout.read() == ""


def test_the_command_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'tests.sandbox', '--die-with-parent', '--data', sys.argv[1]],"
        " stdout=subprocess.PIPE)\n"
        "sys.stdout.write(child.stdout.readline().decode()); sys.stdout.flush()\n"
        "time.sleep(60)\n"
    )
    with started("-c", script, str(tmp_path)) as (parent, ready):
        assert _listens(ready["url"])
        parent.kill()
        parent.wait(timeout=5)
        until = time.monotonic() + 10
        while _listens(ready["url"]) and time.monotonic() < until:
            time.sleep(0.1)
        assert not _listens(ready["url"])


def _listens(url: str) -> bool:
    place = urlsplit(url)
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return line.connect_ex((place.hostname, place.port)) == 0


def test_the_witness_imports_nothing_of_the_product() -> None:
    strangers = []
    for path in (ROOT / "tests" / "sandbox").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            strangers += [(path.name, name) for name in names if name.split(".")[0] in ("shopapp", "marketplaces")]
    assert strangers == []
