"""What a hostile answer costs the process that reads it, with the limits that are shipped: measured in a child for each."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from marketplaces.channels import registry
from tests.unit.marketplaces.rawserver import RawServer, answer

ROOT = Path(__file__).resolve().parents[2]
MEGA = 1_000_000
MOST = 50  # megabytes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")


@cache
def _bomb(layers: int) -> bytes:
    body = b'{"a":"' + b" " * 300 * MEGA + b'"}'
    for _ in range(layers):
        body = gzip.compress(body, 1)
    return answer(body, headers=f"Content-Encoding: {', '.join(['gzip'] * layers)}\r\n")


LARGE: dict[str, Callable[[], bytes]] = {
    "a gzip bomb of 300 MB": lambda: _bomb(1),
    "a bomb in a bomb": lambda: _bomb(2),
    "a page of 50 MB": lambda: answer(b"{" + b" " * 50 * MEGA + b"}"),
    "19 MB of empty lists": lambda: answer(b"[" + b"[]," * 6_300_000 + b"[]]"),
    "19 MB of small objects": lambda: answer(b"[" + b'{"a":1.5},' * 1_900_000 + b"{}]"),
}


@pytest.mark.parametrize("key", registry())
def test_a_huge_answer_costs_less_than_fifty_megabytes(key: str) -> None:
    with ExitStack() as stack:
        urls = [stack.enter_context(RawServer(make())).url for make in LARGE.values()]
        command = [sys.executable, "-m", "tests.channels.memory_probe", key, *urls]
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=True)
    for name, said in zip(LARGE, told.stdout.splitlines(), strict=True):
        cost = json.loads(said)
        assert cost["error"] == "Transient", name
        assert cost["megabytes"] < MOST, (name, cost)
        assert cost["seconds"] < 30, name
