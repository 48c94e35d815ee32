"""The web server as shipped, spoken to in bytes that no client library would send: each is refused, none is our fault."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shopapp import runtime
from shopapp.cli.up import web_command
from tests.stage.box import free_port
from tests.stage.queue import Queue
from tests.web.desk import Desk, open_desk


@pytest.fixture(scope="module")
def desk(queue: Queue, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    yield from open_desk(queue, tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module")
def port(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    number = free_port()
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    log = tmp_path_factory.mktemp("log") / "gunicorn.log"
    with log.open("wb") as sink:
        command = web_command("127.0.0.1", number, 1)
        process = subprocess.Popen(command, env=env | dict(runtime.config().env), stdout=sink, stderr=sink)
    try:
        _wait(process, number, log)
        yield number
    finally:
        process.terminate()
        process.wait(40)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            if said(port, b"GET /healthz HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n").startswith(
                b"HTTP/1.1 200"
            ):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the server did not start")


def said(port: int, raw: bytes) -> bytes:
    """All that comes back before the line is closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(raw)
        answer = b""
        while piece := line.recv(65536):
            answer += piece
        return answer


def head(desk: Desk, first: str, *lines: str) -> bytes:
    """A request of the merchant up to its body."""
    known = [f"{name}: {value}" for name, value in desk.headers.items()]
    return "\r\n".join((first, "Host: app.test", "Connection: close", *known, *lines, "", "")).encode("latin-1")


@pytest.mark.parametrize(
    "chunk", [b"zz\r\nabc\r\n", b"-5\r\nabc\r\n", b"3\r\nabcdef\r\n0\r\n\r\n", b"3;\x00\r\nabc\r\n0\r\n\r\n"]
)
@pytest.mark.parametrize("path", ["/settings", "/listings/skus/import", "/webhooks/shopify", "/notices/ebay"])
def test_a_broken_chunk_is_a_bad_request(desk: Desk, port: int, path: str, chunk: bytes) -> None:
    form = "Content-Type: application/x-www-form-urlencoded"
    answer = said(port, head(desk, f"POST {path} HTTP/1.1", form, "Transfer-Encoding: chunked") + chunk)
    assert answer.startswith(b"HTTP/1.1 4"), answer[:200]


@pytest.mark.parametrize("name", ["SCRIPT_NAME", "Script_Name", "PATH_INFO", "REMOTE_USER"])
@pytest.mark.parametrize("value", ["/evil", "/settings", "//evil.example"])
def test_nobody_changes_where_a_request_leads_by_a_header(desk: Desk, port: int, name: str, value: str) -> None:
    answer = said(port, head(desk, "GET /help HTTP/1.1", f"{name}: {value}"))
    assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
    assert b"evil" not in answer
    assert b"<title>Help" in answer
