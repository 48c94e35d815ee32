"""The benchmarks run: tiny sizes, nothing judged but that nothing was refused or lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def bench(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench", *arguments, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("kind", [pytest.param("postgres", marks=pytest.mark.postgres), "sqlite"])
def test_webhooks(kind: str) -> None:
    tiny = ("--burst", "60", "--within", "0.5", "--requests", "60", "--rounds", "1", "--processes", "1", "--no-rival")
    found = bench("webhooks", "--database", kind, *tiny)
    assert (found["burst"], found["burst_refused"], found["burst_lost"]) == (60, 0, 0)
    assert (found["ours_refused"], found["ours_lost"]) == (0, 0)
    assert found["ours_per_second"] > 0


@pytest.mark.postgres
def test_pages() -> None:
    found = bench("pages", "--few", "600", "--many", "700", "--requests", "1")
    assert {"home", "list, sixth page", "search, SKU", "order", "export, first piece", "worst_ratio"} <= set(found)
