"""The worker command (RQ's forking worker, one queue) and the scheduler command."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
from collections.abc import Iterable
from types import FrameType

import redis
from rq import Worker
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from sqlalchemy.orm import configure_mappers

from shopapp.logs import event
from shopapp.process import will_fork
from shopapp.records import db
from shopapp.runtime import config
from shopapp.work import bell, claim

log = logging.getLogger(__name__)
LONGEST_WAIT = 5  # seconds between two looks for a queue that does not answer


class PatientWorker(Worker):
    """RQ's forking worker, except that a queue that goes away ends no drain: the database has all that a drain needs."""

    max_connection_wait_time = LONGEST_WAIT

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        """Tell the queue that the drain is alive. If it does not hear, the drain goes on: ending with it, as RQ would,
        leaves the leases of all rows under way to run out."""
        try:
            super().maintain_heartbeats(job, execution)
        except redis.RedisError as error:
            event(log, "queue_unreachable", logging.WARNING, error=type(error).__name__)


def work(queue: str) -> int:
    """Serve one queue until told to stop. Everything is imported here, once, before the worker forks for a job.

    1 when the queue is not there (any more): whoever started this starts it again.
    """
    from shopapp import create_app, jobs
    from shopapp.work import schedule as scheduler

    app = create_app()
    jobs.ready()
    if scheduler.went_back():
        mind_restored_backup()
    warm(jobs.QUEUES[queue])
    with app.app_context():
        try:
            _worker(queue).work(with_scheduler=False, logging_level="WARNING")
        except redis.RedisError as error:
            event(log, "queue_unreachable", logging.WARNING, queue=queue, error=type(error).__name__)
            return 1
    return 0


def mind_restored_backup() -> None:
    """The database came from a backup: what it calls a first send may be the second. Look everything up from now on."""
    from shopapp.orders import place

    with db.writing() as s:
        waiting = place.distrust(s)
    event(log, "restored_backup_noticed", logging.WARNING, looked_up=waiting)


class _Undone(Exception):
    """Takes a transaction back."""


def warm(works: Iterable[claim.Work]) -> None:
    """Do once, before the first fork, what each drain would do anew: set up the mappers, put its claims into words.

    Measured: half a second of every drain, and most of the time between bell and work.
    """
    configure_mappers()
    works = list(works)
    claim.left(works)
    with contextlib.suppress(_Undone), db.writing() as s:
        for work in works:
            claim.claim(s, work, 1)
        raise _Undone


def _worker(queue: str) -> Worker:
    # RQ waits in a blocking pop: its connection must not have the bell's short read time-out.
    patient = redis.Redis.from_url(config().redis_url, socket_connect_timeout=5, health_check_interval=30)
    worker = PatientWorker(
        [bell.queue(queue, patient)],
        connection=patient,
        serializer=JSONSerializer,
        worker_ttl=30,
        maintenance_interval=10,
        job_monitoring_interval=5,
    )
    worker.log_result_lifespan = False
    will_fork()
    return worker


def schedule() -> int:
    """Ring for due work until told to stop."""
    from shopapp import create_app, jobs
    from shopapp.work import schedule as scheduler

    create_app()
    jobs.ready()
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    scheduler.run(jobs.QUEUES, stop, mind_restored_backup)
    return 0
