"""Random kills under load, on the clock of a faster day. More: `python -m tests.crash --kills 2000 --postgres`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.crash.run import Outcome, Plan, run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
TIMES = float(os.environ.get("SHOPAPP_CRASH_TIMES", "1"))  # 10: two thousand kills


def _held(outcome: Outcome, orders: int) -> None:
    verdict = outcome.verdict
    assert verdict.orders > orders
    assert (verdict.lost, verdict.doubled, verdict.invented, verdict.forgotten) == ([], [], [], [])
    assert verdict.unmailed == []
    assert verdict.mails_twice <= outcome.kills
    assert outcome.queue_kept
    assert outcome.fine


@pytest.mark.postgres
def test_kills_of_everything_on_postgres_lose_and_double_nothing(tmp_path: Path) -> None:
    """Workers, web, scheduler, queue (kept and wiped), PostgreSQL, all at once; some recoveries are timed."""
    outcome = run(Plan(kills=int(140 * TIMES), seed=41, postgres=True, probe=int(35 * TIMES)), tmp_path)
    _held(outcome, 150)
    assert outcome.recoveries["queue wiped"]


def test_workers_killed_at_random_lose_no_job_and_keep_none_past_its_lease(tmp_path: Path) -> None:
    """A tenth of five hundred: every bell and every claimed row is taken up again, and nothing is done twice."""
    outcome = run(Plan(kills=int(55 * TIMES), seed=31, workers_only=True), tmp_path)
    _held(outcome, 50)
    assert outcome.stuck == 0


def test_the_demo_killed_with_its_supervisor_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """The product as a person starts it: the supervisor itself is killed too, and leaves no orphans."""
    outcome = run(Plan(kills=5, seed=12, premises="demo", gap=1.0), tmp_path)
    _held(outcome, 10)
