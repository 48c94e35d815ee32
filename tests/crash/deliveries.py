"""`python -m tests.crash.deliveries --runs N`: one order delivered a hundred times by sixteen workers, killed as it matters.

Each run is one order. Sixteen processes are handed it a hundred times, in a seeded order and all at once; whoever is told
by Shopify that the order was accepted is killed -9 before our commit, and another takes its place. Half of the orders
are in a shop where unique ids are not enforced. Afterwards the ledger must show each order exactly once.
"""

from __future__ import annotations

import argparse
import contextlib
import mmap
import os
import random
import re
import secrets
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import select, update

from marketplaces.transport import Transport
from shopapp import clock, create_app
from shopapp.orders import place
from shopapp.process import die_with_parent
from shopapp.records import db
from shopapp.records.models import Order
from shopapp.work import claim
from shopapp.work.claim import LEASE, Claim, Work
from tests.crash.server import Database
from tests.stage.box import Box
from tests.stage.queue import Queue
from tests.stage.settings import settings_for
from tests.unit.orders.scene import Scene, furnish
from tests.unit.shops.ground import Ground

WORKERS = 16
TIMES = 100
SCALE = 60
SKU = "LAMP-1"
ORDERS = Work("order", Order, place.due_order, share="shop_id")
_NUMBER = struct.Struct("!I")
_NAMED = re.compile(rb"\d{3}-\d{7}-\d{7}")


@dataclass(frozen=True, slots=True)
class Tally:
    """What the ledger says of so many runs."""

    runs: int
    deliveries: int
    kills: int
    lost: list[str]
    doubled: list[str]

    @property
    def fine(self) -> bool:
        """Every order once, and every one of them was struck."""
        return not self.lost and not self.doubled and self.kills == self.runs


def deliver(row_id: int) -> None:
    """Hand the order to this process as if it were due and free, whoever else holds it."""
    token = secrets.token_hex(16)
    with db.writing() as s:
        mine = {"lease_token": token, "lease_until": clock.now() + LEASE, "due_at": clock.now()}
        s.execute(update(Order).where(Order.id == row_id).values(**mine))
    claim.run(ORDERS, Claim(row_id, token))


class Crowd:
    """Sixteen forked workers that read order rows from a pipe; who is killed is replaced."""

    def __init__(self, ids: dict[str, int], seed: int) -> None:
        self._struck = mmap.mmap(-1, max(ids.values()) + 1)  # shared: whose acceptance has killed somebody
        self._ids = {name.encode(): row_id for name, row_id in ids.items()}
        self._rng = random.Random(seed)
        self.kills = 0

    def work(self, handed: list[int]) -> None:
        """Have all of these delivered."""
        read, write = os.pipe()
        living = {self._fork(read, write) for _ in range(WORKERS)}
        feeder = os.fork()
        if not feeder:
            with contextlib.suppress(OSError):
                os.close(read)
                for row_id in handed:
                    os.write(write, _NUMBER.pack(row_id))
            os._exit(0)
        os.close(write)
        while living:
            pid, status = os.wait()
            living.discard(pid)
            if pid != feeder and os.WIFSIGNALED(status):
                self.kills += 1
                living.add(self._fork(read, -1))
        os.close(read)

    def _fork(self, read: int, write: int) -> int:
        parent, seed = os.getpid(), self._rng.getrandbits(32)
        pid = os.fork()
        if pid:
            return pid
        try:
            die_with_parent(signal.SIGKILL, parent)
            if write >= 0:
                os.close(write)
            random.seed(seed)
            db.after_fork()
            self._listen()
            while piece := os.read(read, _NUMBER.size):
                deliver(_NUMBER.unpack(piece)[0])
        finally:
            os._exit(0)

    def _listen(self) -> None:
        """Die at the wire, once for each order: Shopify has said that it is there, nobody here has heard it."""
        real = Transport.send

        def send(line: Transport, request: requests.PreparedRequest, *way: Any, **how: Any) -> requests.Response:
            answer = real(line, request, *way, **how)
            body = request.body if isinstance(request.body, bytes) else b""
            if b"orderCreate" in body and b"gid://shopify/Order/" in answer.content:
                row_id = next((self._ids[name] for name in _NAMED.findall(body) if name in self._ids), 0)
                if row_id and not self._struck[row_id]:
                    self._struck[row_id] = 1
                    os.kill(os.getpid(), signal.SIGKILL)
            return answer

        Transport.send = send  # type: ignore[assignment, method-assign]


def play(runs: int, seed: int, folder: Path) -> Tally:
    """So many runs. This process must have no threads of its own: it forks."""
    epoch = time.time()
    os.environ |= {"TIME_SCALE": str(SCALE), "TIME_EPOCH": str(epoch)}
    server, queue, box = Database(), Queue.start(), Box.start(folder)
    try:
        scaled = {"TIME_SCALE": str(SCALE), "TIME_EPOCH": str(epoch), "LOG_LEVEL": "ERROR"}
        config = settings_for(folder, server.url, queue.url, box, **scaled, PLAN_LIMITS="trial=100000000")
        create_app(config)
        db.Base.metadata.create_all(db.engine())
        scenes = [_scene(Ground(box, config), unique) for unique in (True, False)]
        ids: dict[str, int] = {}
        for number, scene in enumerate(scenes):
            share = runs // 2 + (runs % 2 and number == 0)
            for begin in range(0, share, 100):
                scene.sell(sku=SKU, count=min(100, share - begin))
            scene.poll()
            ids |= {row.remote_order_id: row.id for row in scene.rows()}
        assert len(ids) == runs, "not every order was polled"
        _warm(scenes[0])
        crowd = Crowd(ids, seed)
        handed = [row_id for row_id in ids.values() for _ in range(TIMES)]
        random.Random(seed).shuffle(handed)
        box.http.close()
        crowd.work(handed)
        _converge()
        made = Counter(str(row["key"]).rsplit(":", 1)[-1] for row in box.ledger(effect="order.created"))
        lost, doubled = sorted(set(ids) - set(made)), sorted(one for one, times in made.items() if times > 1)
        return Tally(runs, len(handed), crowd.kills, lost, doubled)
    finally:
        db.engine().dispose()
        box.stop()
        queue.stop()
        server.stop()


def _scene(ground: Ground, unique: bool) -> Scene:
    scene = furnish(ground, plan="standard")
    scene.set(unique_ids=unique)
    scene.product(SKU, available=1_000_000)
    return scene


def _warm(scene: Scene) -> None:
    """One order of its own through this process, so that what it forks has compiled everything and remembers the SKU."""
    (order_id,) = scene.sell(sku=SKU, count=1)
    scene.poll()
    for _ in range(2):
        deliver(scene.row(order_id).id)


def _converge() -> None:
    """Let the orders that wait for the settle time finish."""
    ends = time.monotonic() + 60
    waiting = select(Order.id).where(Order.due_at.is_not(None)).limit(1)
    while time.monotonic() < ends:
        claim.drain((ORDERS,), seconds=5)
        with db.reading() as s:
            if s.execute(waiting).first() is None:
                return
        time.sleep(0.2)


def main() -> int:
    """0 when every order is in Shopify exactly once."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.deliveries", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=4)
    args = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="shopapp-deliveries-") as folder:
        tally = play(args.runs, args.seed, Path(folder))
    print(
        f"{tally.runs} orders, {tally.deliveries} deliveries, {tally.kills} kills: lost {len(tally.lost)},"
        f" doubled {len(tally.doubled)}; {time.monotonic() - began:.0f} s"
    )
    for one in (*tally.lost[:5], *tally.doubled[:5]):
        print(one)
    return 0 if tally.fine else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended also then
    sys.exit(main())
