"""Counts what leaves this process, and kills it before or after one of them. Decides nothing about right and wrong.

A boundary is a database commit that writes, an HTTP request, an HTTP answer, a Redis command, one ringing of the bell
(RQ's own commands are its inside), a line sent to the mail server, an answer of it, and a request that we serve.
After a request has been sent means: the remote has answered, and the answer waits unread in our socket.
"""

from __future__ import annotations

import os
import re
import select
import signal
import smtplib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import redis
import rq
from sqlalchemy import event
from sqlalchemy.engine import Engine
from urllib3.connection import HTTPConnection

from marketplaces.transport import Transport

Side = Literal["before", "after"]
WRITES = ("INSERT", "UPDATE", "DELETE")
ANSWERED = 5.0  # seconds that a request may take to be answered before the process is killed all the same


@dataclass(frozen=True, slots=True)
class Point:
    """Where to die: at boundary `number` (from 1), on this side of it."""

    number: int
    side: Side


@dataclass
class Counter:
    """The boundaries crossed so far, by name. `deadly` is where this process ends."""

    deadly: Point | None = None
    crossed: list[str] = field(default_factory=list)
    behind: dict[int, float] = field(default_factory=dict)  # when each was behind us, in seconds of this process
    silent: int = 0

    def enter(self, name: str) -> int:
        """Come to a boundary; its number, 0 when it does not count."""
        if self.silent:
            return 0
        self.crossed.append(name)
        number = len(self.crossed)
        if self.deadly == Point(number, "before"):
            die()
        return number

    def leave(self, number: int, ready: Callable[[], object] | None = None) -> None:
        """The boundary is behind us; `ready` waits for the other side before death."""
        self.behind[number] = time.monotonic()
        if number and self.deadly == Point(number, "after"):
            if ready:
                ready()
            die()

    @contextmanager
    def across(self, name: str, *, quiet_inside: bool = False) -> Iterator[None]:
        """One boundary around a block; what is crossed inside counts as well unless `quiet_inside`."""
        number = self.enter(name)
        self.silent += quiet_inside
        try:
            yield
        finally:
            self.silent -= quiet_inside
            self.leave(number)

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """What the test itself does in here is no boundary."""
        self.silent += 1
        try:
            yield
        finally:
            self.silent -= 1


def window(counter: Counter) -> float:
    """The longest time, in seconds, from sending a refresh of a token until what came of it was committed; 0: none."""
    longest, began = 0.0, 0.0
    for number, name in enumerate(counter.crossed, 1):
        if name.startswith("send") and name.endswith("token"):
            began = counter.behind.get(number, 0.0)
        elif name.startswith("commit") and began:
            longest, began = max(longest, counter.behind.get(number, began) - began), 0.0
    return longest


def die() -> None:
    """End like kill -9: nothing is flushed, nobody is told."""
    os.kill(os.getpid(), signal.SIGKILL)


def install(counter: Counter, engine: Engine) -> None:
    """Wrap everything through which this process has effects. For a forked child: nothing is ever unwrapped."""
    _database(counter, engine)
    _http(counter)
    _redis(counter)
    _smtp(counter)


def _database(counter: Counter, engine: Engine) -> None:
    wrote = threading.local()
    dialect: Any = engine.dialect
    commit, rollback = dialect.do_commit, dialect.do_rollback

    def noticed(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip()[:6].upper() in WRITES:
            wrote.name = getattr(wrote, "name", "") or "commit of " + " ".join(statement.split()[:3]).lower()

    def committed(connection: Any) -> None:
        name, wrote.name = getattr(wrote, "name", ""), ""
        number = counter.enter(name) if name else 0
        commit(connection)
        counter.leave(number)

    def rolled_back(connection: Any) -> None:
        wrote.name = ""
        rollback(connection)

    event.listen(engine, "before_cursor_execute", noticed)
    dialect.do_commit, dialect.do_rollback = committed, rolled_back


def _http(counter: Counter) -> None:
    answer = threading.local()
    request: Any = HTTPConnection.request
    response: Any = HTTPConnection.getresponse
    send: Any = Transport.send

    def requested(self: Any, method: str, url: str, *args: Any, **more: Any) -> Any:
        answer.name = _operation(url, more.get("body") or (args[0] if args else b""))
        number = counter.enter(f"send {answer.name}")
        request(self, method, url, *args, **more)
        counter.leave(number, lambda: _wait(self.sock))

    def answered(self: Any, *args: Any, **more: Any) -> Any:
        answer.number = counter.enter(f"receive {answer.name}")
        return response(self, *args, **more)

    def sent(self: Any, *args: Any, **more: Any) -> Any:
        answer.number = 0
        try:
            return send(self, *args, **more)  # with its whole body
        finally:
            counter.leave(answer.number)

    patched: Any = HTTPConnection
    patched.request, patched.getresponse = requested, answered
    transport: Any = Transport
    transport.send = sent


def _operation(url: str, body: Any) -> str:
    """What a call is named by: its GraphQL operation, else the end of its path."""
    named = re.search(rb'"operationName":"(\w+)"', body) if isinstance(body, bytes) else None
    return named[1].decode() if named else url.split("?", maxsplit=1)[0][-30:]


def _redis(counter: Counter) -> None:
    execute: Any = redis.Redis.execute_command
    enqueue: Any = rq.Queue.enqueue

    def executed(self: Any, *args: Any, **more: Any) -> Any:
        with counter.across(f"redis {str(args[0]).lower()}"):
            return execute(self, *args, **more)

    def enqueued(self: Any, *args: Any, **more: Any) -> Any:
        with counter.across(f"ring {self.name}", quiet_inside=True):
            return enqueue(self, *args, **more)

    client: Any = redis.Redis
    client.execute_command = executed
    queue: Any = rq.Queue
    queue.enqueue = enqueued


def _smtp(counter: Counter) -> None:
    send: Any = smtplib.SMTP.send
    reply: Any = smtplib.SMTP.getreply

    def sent(self: Any, text: Any) -> Any:
        first = (text if isinstance(text, str) else text.decode("ascii", "replace")).split(maxsplit=1)
        number = counter.enter(f"smtp {first[0][:20] if first else ''}")
        send(self, text)
        counter.leave(number, lambda: _wait(self.sock))

    def replied(self: Any) -> Any:
        number = counter.enter("smtp answer")
        told = reply(self)
        counter.leave(number)
        return told

    client: Any = smtplib.SMTP
    client.send, client.getreply = sent, replied


def _wait(sock: Any) -> None:
    if sock is not None:
        select.select([sock], [], [], ANSWERED)
