"""A backup of ten minutes ago is put back under a shop that goes on selling. More ways: `python -m tests.crash.restore`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.crash.judge import Verdict
from tests.crash.restore import Backup, play

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def _held(verdict: Verdict) -> None:
    assert verdict.orders > 40
    assert (verdict.lost, verdict.doubled, verdict.invented) == ([], [], [])


def test_a_restored_backup_that_nobody_announced_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """The queue remembers that the database has been further."""
    _held(play(Backup(minutes=10), tmp_path))


@pytest.mark.postgres
def test_a_backup_restored_as_the_operator_is_told_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Younger than a gap in polling would show, the queue's memory lost as well: `doctor --restored` says it."""
    _held(play(Backup(postgres=True, minutes=3, announced=True, wiped=True), tmp_path))
