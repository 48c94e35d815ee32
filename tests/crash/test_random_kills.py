"""A small first judge: kills at random under load, on the clock of a faster day. More: `python -m tests.crash`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.crash.run import Plan, run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_a_dozen_kills_under_load_lose_and_double_nothing(tmp_path: Path) -> None:
    """Without the supervisor among the targets: starting everything again takes longer than all the rest."""
    outcome = run(Plan(kills=12, seed=11, scale=12, settle=90, rate=3, gap=1.0, probe=0, supervisor=False), tmp_path)
    verdict = outcome.verdict
    assert verdict.orders > 30
    assert (verdict.lost, verdict.doubled, verdict.invented, verdict.forgotten) == ([], [], [], [])
    assert verdict.unmailed == []
    assert verdict.mails_twice <= outcome.kills == 12
    assert outcome.queue_kept
    assert outcome.fine
