"""The worker command: what it does once before it forks, and what it does when the queue goes away."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import redis
from rq import Queue
from rq.executions import Execution
from sqlalchemy import create_engine, select

from shopapp import clock
from shopapp.cli import worker
from shopapp.records import db
from shopapp.records.models import Chore
from shopapp.work.claim import Claim, Work, waiting
from tests.stage import tables


def test_getting_ready_to_fork_takes_no_row(tmp_path: Path) -> None:
    def never(_mine: Claim) -> None:
        raise AssertionError

    work = Work("chore", Chore, never)
    db.use(create_engine(f"sqlite:///{tmp_path}/c.db"))
    tables.make(db.engine())
    with db.writing() as s:
        s.add(Chore(name="due", due_at=clock.now() - timedelta(seconds=1)))
    worker.warm((work,))
    with db.reading() as s:
        assert waiting(s, [work])
        row = s.scalars(select(Chore)).one()
        assert (row.lease_token, row.lease_until) == ("", None)
    db.engine().dispose()


def test_a_drain_under_way_does_not_end_with_the_queue(tmp_path: Path) -> None:
    with redis.Redis.from_url(f"unix://{tmp_path}/nobody.sock") as gone:
        patient = worker.PatientWorker([Queue("now", connection=gone)], connection=gone, prepare_for_work=False)
        job = Queue("now", connection=gone).create_job("shopapp.jobs.horse")
        patient.maintain_heartbeats(job, Execution("one", job.id, connection=gone))
