"""One order delivered a hundred times by sixteen workers, each killed once Shopify had accepted (a tenth of a thousand)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
RUNS = os.environ.get("SHOPAPP_DELIVERY_RUNS", "100")  # 1000: all


@pytest.mark.postgres
@pytest.mark.skipif(sys.platform != "linux", reason="forks, and reads what the kernel says of its children")
def test_an_order_delivered_a_hundred_times_by_killed_workers_is_in_shopify_once() -> None:
    """In a process of its own, because it forks."""
    command = [sys.executable, "-m", "tests.crash.deliveries", "--runs", RUNS, "--seed", "4"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert f"{RUNS} kills: lost 0, doubled 0" in done.stdout
