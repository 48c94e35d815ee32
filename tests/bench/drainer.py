"""A drain that stays, in a process of its own: works `now` off until nothing is due, a line of figures every second.

`python -m tests.bench.drainer [--profile FILE]`; the settings come from the environment, as for the product's processes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time

from shopapp import create_app, jobs
from shopapp.orders import place
from shopapp.records.models import Order
from shopapp.work import claim
from shopapp.work.claim import Work
from tests.bench.stage import Counted, rss


def main() -> int:
    """Drain, and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.drainer", description=__doc__)
    parser.add_argument("--queue", default="now")
    args = parser.parse_args()
    create_app()
    counted = Counted()
    done = 0
    original = place.due_order

    def handle(mine: claim.Claim) -> None:
        nonlocal done
        original(mine)
        done += 1

    works = [
        Work(w.name, w.model, handle, w.only, w.lease, w.order, w.threads, w.share, w.per_share)
        if w.model is Order
        else w
        for w in jobs.QUEUES[args.queue]
    ]
    stop = threading.Event()

    def tell() -> None:
        while not stop.wait(0.25):
            line = {"done": done, "rss": rss(os.getpid()), "at": time.time(), "cpu": time.process_time()}
            print(json.dumps(line | {"statements": counted.statements, "commits": counted.commits}), flush=True)

    teller = threading.Thread(target=tell)
    teller.start()
    while claim.drain(works, seconds=600):
        pass
    stop.set()
    teller.join()
    line = {"done": done, "rss": rss(os.getpid()), "at": time.time(), "cpu": time.process_time()}
    print(json.dumps(line | {"statements": counted.statements, "commits": counted.commits}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
