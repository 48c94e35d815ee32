"""From the bell to the work: what a person who waits for "Sync now" feels. How long it takes, `tests.crash.bell` tells."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.crash.bell import measure

pytestmark = [pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"), pytest.mark.postgres]


def test_each_bell_is_followed_by_its_work_without_a_scheduler(tmp_path: Path) -> None:
    """A bell that was not heard falls over in `measure`: nothing else would start the work there."""
    assert len(measure(5, tmp_path)) == 5
