"""The product's processes for benchmarks of the listings' way: started as shipped, their memory and processor watched."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench import stage as ground
from tests.bench.stage import Stage


class Weighed:
    """The most that the processes of workers weigh, looked at four times a second: each horse by itself."""

    def __init__(self, *pids: int) -> None:
        self.most = 0
        self._pids, self._stop = pids, threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        while not self._stop.wait(0.25):
            for pid in self._pids:
                for one in (pid, *ground.children(pid)):
                    self.most = max(self.most, ground.rss(one))

    def processor(self) -> float:
        """Seconds of processor that the workers and all their horses have used so far."""
        return round(sum(spent(one) for pid in self._pids for one in (pid, *ground.children(pid))), 1)

    def megabytes(self) -> float:
        """The most since this was asked last."""
        most, self.most = self.most, 0
        return round(most / 1_000_000, 1)

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join()


def spent(pid: int) -> float:
    """Seconds of processor that a process and its ended children have used, 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def workers(here: Stage, port: int) -> Iterator[Weighed]:
    """The processes of the product, the web server on `port`, from when they have begun; the workers are weighed."""
    with ExitStack() as stack:
        bulk = stack.enter_context(here.process("shopapp.cli", "worker", "--queue", "bulk"))
        now = stack.enter_context(here.process("shopapp.cli", "worker", "--queue", "now"))
        stack.enter_context(here.process("shopapp.cli", "scheduler"))
        serving = ("web", "--host", "127.0.0.1", "--port", str(port), "--processes", "1")
        stack.enter_context(here.process("shopapp.cli", *serving))
        weighed = Weighed(bulk.pid, now.pid)
        try:
            time.sleep(5)
            yield weighed
        finally:
            weighed.stop()
