"""The worker command (RQ's forking worker, one queue) and the scheduler command."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType

import redis
from rq import Worker
from rq.serializers import JSONSerializer

from shopapp.logs import event
from shopapp.process import will_fork
from shopapp.runtime import config
from shopapp.work import bell

log = logging.getLogger(__name__)


def work(queue: str) -> int:
    """Serve one queue until told to stop. Everything is imported here, once, before the worker forks for a job.

    1 when the queue is not there (any more): whoever started this starts it again.
    """
    from shopapp import create_app, jobs

    app = create_app()
    jobs.ready()
    with app.app_context():
        try:
            _worker(queue).work(with_scheduler=False, logging_level="WARNING")
        except redis.RedisError as error:
            event(log, "queue_unreachable", logging.WARNING, queue=queue, error=type(error).__name__)
            return 1
    return 0


def _worker(queue: str) -> Worker:
    # RQ waits in a blocking pop: its connection must not have the bell's short read time-out.
    patient = redis.Redis.from_url(config().redis_url, socket_connect_timeout=5, health_check_interval=30)
    worker = Worker(
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
    scheduler.beat()
    scheduler.run(jobs.QUEUES, stop)
    return 0
