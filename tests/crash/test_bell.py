"""From the bell to the work: what a person who waits for "Sync now" feels."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.crash.bell import measure, share

pytestmark = [pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"), pytest.mark.postgres]


def test_work_starts_within_a_quarter_of_a_second_of_the_bell(tmp_path: Path) -> None:
    found = measure(40, tmp_path, rounds=4, enough=250)
    print(f"p50 {share(found, 0.5):.0f} ms, p95 {share(found, 0.95):.0f} ms")
    assert share(found, 0.95) <= 250
