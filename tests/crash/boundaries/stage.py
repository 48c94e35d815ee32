"""The stage of the enumerator: servers that stay, a warm parent, and children that are forked from it and may be killed.

The parent never holds a connection while it forks. Each run begins with an empty database, an empty queue and both
clocks on the wall; shops and sellers are new in each, so that runs share nothing but the sandbox's ledger.
"""

from __future__ import annotations

import gc
import json
import os
import secrets
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor, Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import requests
from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from shopapp import clock, create_app, jobs
from shopapp.accounts import line, link
from shopapp.alerts import choices
from shopapp.plans.entitlements import begin_trial
from shopapp.process import die_with_parent
from shopapp.records import db
from shopapp.records.models import Account, Category, Shop
from shopapp.shopify_admin import auth, budget, wire
from shopapp.shops import install
from shopapp.work import bell, claim, schedule
from tests.crash.boundaries.counting import Counter, Point, window
from tests.crash.boundaries.counting import install as count_everything
from tests.journeys.life import forget_what_is_remembered
from tests.stage.box import Box
from tests.stage.postgres import Postgres, find_postgres
from tests.stage.queue import Queue
from tests.stage.settings import settings_for

DE = "A1PA6795UKMFR9"
PATIENCE = 120.0  # seconds of the wall that a child may take
HOUR = timedelta(hours=1)


@dataclass(slots=True)
class Ended:
    """How a child ended. `crossed` is empty when it was killed; `words` is what it wrote to its standard error.

    `window`: see `counting.window`.
    """

    killed: bool
    crossed: list[str]
    words: str
    window: float


@dataclass
class Place:
    """A shop with a linked seller."""

    domain: str
    email: str
    shop_id: int
    seller: str
    account_id: int


@dataclass
class Stage:
    """What a scenario plays on. `counter` is the child's own."""

    box: Box
    queue: Queue
    app: Flask
    folder: Path
    counter: Counter = field(default_factory=Counter)
    server: BaseWSGIServer | None = None
    seen: int = 0
    afterwards: list[Callable[[], object]] = field(default_factory=list)  # done after an answer has left

    # --- the parent ---------------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """A new run: nothing in the tables and the queue, both clocks on the wall, no faults."""
        self.box.clear_faults()
        clock.travel()
        self.box.set_clock(None)
        clock.travel(clock.now(), freeze=True)
        with self.app.app_context(), db.writing() as s:
            for table in reversed(db.Base.metadata.sorted_tables):
                s.execute(table.delete())
        self.queue.clear()
        budget.forget()
        forget_what_is_remembered()
        self.ledger()

    def ledger(self) -> list[dict[str, Any]]:
        """The ledger's new entries since the last time that this was asked."""
        rows = self.box.ledger(since=str(self.seen))
        self.seen = rows[-1]["n"] if rows else self.seen
        return rows

    def lay_down(self) -> None:
        """Close what a forked child must not share, and leave the memory that is shared alone."""
        if self.server is not None:
            self.server.server_close()
            self.server = None
        wire.close()
        paced: Any = line._http
        paced.cache_clear()
        db.engine().dispose()
        bell.connection().close()
        bell.connection.cache_clear()
        if not gc.get_freeze_count():
            gc.collect()
            gc.freeze()

    def child(self, play: Callable[[Stage], object], deadly: Point | None = None) -> Ended:
        """Fork, count, play, and end; killed at `deadly`. RuntimeError when it failed by itself or never ended."""
        report = self.folder / "child"
        report.write_bytes(b"")
        pid = os.fork()
        if pid == 0:
            self._be_child(play, deadly, report)
        status = _wait(pid)
        words = report.read_text("utf-8", "replace")
        told: dict[str, Any] = {"crossed": [], "window": 0.0}
        if os.WIFSIGNALED(status):
            if os.WTERMSIG(status) != signal.SIGKILL or deadly is None:
                raise RuntimeError(f"a child ended by signal {os.WTERMSIG(status)}: {words[-3000:]}")
        else:
            if os.WEXITSTATUS(status):
                raise RuntimeError(f"a child failed: {words[-6000:]}")
            words, _, last = words.rpartition("\n=")
            told = json.loads(last)
        return Ended(os.WIFSIGNALED(status), told["crossed"], words, told["window"])

    def _be_child(self, play: Callable[[Stage], object], deadly: Point | None, report: Path) -> None:
        code = 1
        try:
            die_with_parent(signal.SIGKILL)
            gc.disable()
            out = os.open(report, os.O_WRONLY | os.O_APPEND)
            os.dup2(out, 2)
            self.box.http = requests.Session()
            self.counter = Counter(deadly)
            db.after_fork()
            count_everything(self.counter, db.engine())
            with self.app.app_context():
                play(self)
            told = {"crossed": self.counter.crossed, "window": window(self.counter)}
            os.write(2, b"\n=" + json.dumps(told).encode())
            code = 0
        except BaseException:
            sys.stderr = os.fdopen(2, "w")
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)

    # --- in a child, and while a scene is prepared --------------------------------------------------------------------

    def pass_time(self, seconds: float) -> None:
        """Let so much time pass for us and for the sandbox."""
        clock.travel(by=timedelta(seconds=seconds), freeze=True)
        with self.counter.uncounted():
            self.box.set_clock(clock.now())

    def keep_time(self) -> None:
        """Go on at the time at which a child before us was killed: it was forked from the same parent as we."""
        with self.counter.uncounted():
            reached = datetime.fromisoformat(self.box.get("/clock")["now"])
        clock.travel(max(clock.now(), reached), freeze=True)

    def work(self) -> None:
        """What scheduler and workers do until nothing is due: due rows ring the bell, the bell starts a drain."""
        for _ in range(60):
            schedule.tick(jobs.QUEUES)
            rung = [name for name in jobs.QUEUES if self._answer(name)]
            if not rung:
                return
        raise RuntimeError("the work never ends")

    def _answer(self, name: str) -> bool:
        """Be the worker of a queue: take its next job off, run it, forget it."""
        with self.counter.uncounted():
            target = bell.queue(name)
            raw: Any = target.connection.lpop(target.key)
        if raw is None:
            return False
        jobs.drain(name)
        with self.counter.uncounted():
            target.connection.delete(f"rq:job:{raw.decode()}")
        return True

    def hear(self, domain: str, topics: Collection[str]) -> None:
        """Serve until Shopify has had an answer to its messages of these topics about this shop, or for a second."""

        def acknowledged() -> bool:
            rows = self.box.ledger(since=str(self.seen), effect="webhook.sent")
            return {
                row["key"] for row in rows if row["body"]["shop"] == domain and row["body"]["status"] == 200
            } >= set(topics)

        self.serve(acknowledged, 1.0)

    def serve(self, enough: Callable[[], bool], seconds: float) -> bool:
        """Answer requests, one after the other, until it is enough; whether it was."""
        if self.server is None:
            counter = self.counter

            class Handler(WSGIRequestHandler):
                def run_wsgi(self) -> None:
                    with counter.across("serve"):
                        super().run_wsgi()
                        self.wfile.flush()

                def log(self, type: str, message: str, *args: object) -> None:
                    pass

            self.server = make_server("localhost", self.box.app_port, self.app, request_handler=Handler)
            self.server.timeout = 0.03
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            with self.counter.uncounted():
                if enough():
                    return True
            self.server.handle_request()
            while self.afterwards:
                self.afterwards.pop()()
        return False

    # --- a scene ------------------------------------------------------------------------------------------------------

    def open_shop(self, **settings: Any) -> tuple[str, int, str]:
        """A shop that has just opened the app: domain, our id, e-mail. All mails are wanted; it sells LAMP and CHAIR."""
        domain = str(self.box.post("/shops", {"name": f"b-{secrets.token_hex(5)}"})["domain"])
        self.box.post(f"/shops/{domain}/settings", {"index_lag_seconds": 0, **settings})
        for sku in ("LAMP", "CHAIR"):  # before the app is there, so that no message is on its way
            self.product(domain, sku)
        shop = install.arrive(self._visitor(domain))
        with db.writing() as s:
            row = s.get_one(Shop, shop.id)
            row.installed_at = clock.now() - HOUR
            begin_trial(row)
            choices.save(s, row, [str(one) for one in Category], True, "", "1")
        return domain, shop.id, str(self.box.get(f"/shops/{domain}")["email"])

    def _visitor(self, domain: str) -> auth.Visitor:
        query = parse_qs(self.box.post(f"/shops/{domain}/id_token")["query"])
        path = f"/?id_token={query['id_token'][0]}&locale={query['locale'][0]}"
        found = auth.verify(Request(EnvironBuilder(path, "https://app.test").get_environ()))
        assert isinstance(found, auth.Visitor)
        return found

    def seller(self) -> str:
        """A fresh seller whose orders are visible at once."""
        told = {"seller_id": f"A{secrets.token_hex(6).upper()}", "marketplaces": [DE]}
        made = str(self.box.post("/amazon/sellers", told)["seller_id"])
        self.box.post(f"/amazon/sellers/{made}/state", {"visible_lag_seconds": 0})
        return made

    def link(self, shop_id: int, seller: str, ago: timedelta = HOUR) -> int:
        """Link the seller the typed way, importing since `ago`; the account's id."""
        token = self.box.post(f"/amazon/sellers/{seller}/self_authorise")["refresh_token"]
        values = {"seller_id": seller, "refresh_token": token, "label": "Seller"}
        outcome = link.typed(shop_id, "1", "amazon", "eu", values)
        assert outcome.kind == "linked", outcome
        assert outcome.account_id is not None
        with db.writing() as s:
            account = s.get_one(Account, outcome.account_id)
            account.worked_at = clock.now() - ago
            link.set_take_over(s, account, clock.now() - ago, "1")
        return outcome.account_id

    def place(self, **settings: Any) -> Place:
        """A shop, a seller, linked."""
        domain, shop_id, email = self.open_shop(**settings)
        seller = self.seller()
        return Place(domain, email, shop_id, seller, self.link(shop_id, seller))

    def product(self, domain: str, sku: str) -> None:
        """A product of the shop."""
        self.box.post(f"/shops/{domain}/products", {"sku": sku, "title": sku, "price": "1.00", "available": 1000})

    def sell(self, seller: str, sku: str = "LAMP", **wish: Any) -> str:
        """One order at the marketplace; its id."""
        body = {"sku": sku, "price": "1.00", "shipping": "0.00", **wish}
        return str(self.box.post(f"/amazon/sellers/{seller}/orders", body)["order_ids"][0])


class OneAfterTheOther(Executor):
    """A pool without threads: what is submitted is done at once, so that every run takes the same way."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do it now; the future is finished."""
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def _wait(pid: int) -> int:
    line = os.pidfd_open(pid)
    try:
        ended, _, _ = select.select([line], [], [], PATIENCE)
    finally:
        os.close(line)
    if not ended:
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    if not ended:
        raise RuntimeError("a child never ended")
    return status


@contextmanager
def opened(database: str) -> Iterator[Stage]:
    """Start the servers and the application on `database` (postgres, sqlite, or "": PostgreSQL where there is one)."""
    kind = database or ("postgres" if find_postgres() else "sqlite")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shopapp-boundaries-")))
        box = Box.start(folder / "sandbox")
        stack.callback(box.stop)
        queue = Queue.start()
        stack.callback(queue.stop)
        url = f"sqlite:///{folder / 'test.db'}"
        if kind == "postgres":
            server = Postgres.start()
            stack.callback(server.stop)
            url = stack.enter_context(server.database())
        threads: Any = claim
        threads.ThreadPoolExecutor = OneAfterTheOther
        app = create_app(settings_for(folder, url, queue.url, box, LOG_LEVEL="ERROR"))
        db.Base.metadata.create_all(db.engine())
        stage = Stage(box, queue, app, folder)
        stack.callback(stage.lay_down)
        stack.callback(clock.travel)
        yield stage
