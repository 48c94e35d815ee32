"""Owns the one fault engine: which fault strikes which call, and what a struck HTTP call answers.

For a part that answers HTTP (inside a Flask request):

    def execute() -> Response: ...          # does the real work and records the ledger
    return world.faults.run("shopify", "OrderCreate", {"shop": domain}, execute, throttled=my_throttled_answer)

`execute` runs at most once, and only when the fault's kind lets it; it may use `flask.request`. `throttled` makes the
vendor's own throttling answer for kind "throttled" (default: a plain 429). A part without HTTP (mail) asks
`world.faults.hit(system, operation, **labels)` and plays the returned Fault itself.

Kinds, with their params (all seconds are real seconds):
    status{status=500, body, headers}   html{body}   empty   null   truncate   reset   timeout{seconds=40}
    drip{seconds=0.5}   bomb{mb=50}   slow{seconds=2}   throttled   commit_then_timeout{seconds=40}
    commit_then_status{status=502, body, headers}   commit_then_reset   late_commit{seconds=2, hold=0,
    until_removed=false: as soon as the switch is deleted, after so many seconds at the latest}
"""

import json
import logging
import select
import socket
import threading
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

from flask import Response, copy_current_request_context, request

from tests.sandbox.ledger import Ledger

log = logging.getLogger("tests.sandbox")

UNDONE = {"status", "html", "empty", "null", "reset", "timeout", "bomb", "throttled"}
DONE = {"truncate", "drip", "slow", "commit_then_timeout", "commit_then_status", "commit_then_reset", "late_commit"}
KINDS = UNDONE | DONE
Execute = Callable[[], Response]


class CutConnection(ConnectionError):
    """Ends the connection instead of answering; `reset` sends a TCP reset, otherwise it is closed in order."""

    def __init__(self, reset: bool = False) -> None:
        super().__init__("cut by a fault")
        self.reset = reset


@dataclass
class Fault:
    """One switch: strikes matching calls after the first `after`, `times` times (None: until it is deleted)."""

    id: int
    system: str
    kind: str
    operation: str | None = None
    match: dict[str, str] = field(default_factory=dict)
    times: int | None = 1
    after: int = 0
    params: dict[str, Any] = field(default_factory=dict)
    seen: int = 0
    hits: int = 0

    def fits(self, system: str, operation: str, labels: Mapping[str, Any]) -> bool:
        """Whether this call is meant, however many were struck before."""
        if self.system != system or self.operation not in (None, operation):
            return False
        return all(str(labels.get(name)) == wanted for name, wanted in self.match.items())

    def seconds(self, default: float) -> float:
        """The length that params asks for, in real seconds."""
        return float(self.params.get("seconds", default))


class Faults:
    """The list of switches, and the way a struck call is answered."""

    def __init__(self, stopping: threading.Event, ledger: Ledger) -> None:
        self._stopping = stopping
        self._ledger = ledger
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._next = 1

    def add(self, wish: Mapping[str, Any]) -> Fault:
        """Set a switch from the control API's JSON. Raises ValueError on an unknown kind or field."""
        unknown = set(wish) - {"system", "operation", "match", "kind", "times", "after", "params"}
        if unknown:
            raise ValueError(f"unknown fields: {sorted(unknown)}")
        if wish.get("kind") not in KINDS:
            raise ValueError(f"kind must be one of {sorted(KINDS)}")
        if not wish.get("system"):
            raise ValueError("system is missing")
        times = wish.get("times", 1)
        with self._lock:
            fault = Fault(
                id=self._next,
                system=str(wish["system"]),
                kind=str(wish["kind"]),
                operation=wish.get("operation"),
                match={name: str(value) for name, value in (wish.get("match") or {}).items()},
                times=None if times is None else int(times),
                after=int(wish.get("after") or 0),
                params=dict(wish.get("params") or {}),
            )
            self._next += 1
            self._faults.append(fault)
        return fault

    def remove(self, fault_id: int | None = None) -> int:
        """Delete one switch, or all; returns how many there were."""
        with self._lock:
            kept = [] if fault_id is None else [fault for fault in self._faults if fault.id != fault_id]
            gone = len(self._faults) - len(kept)
            self._faults = kept
        return gone

    def listed(self) -> list[dict[str, Any]]:
        """Every switch with its counts `seen` and `hits`."""
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def hit(self, system: str, operation: str, kinds: Collection[str] = KINDS, **labels: Any) -> Fault | None:
        """Count this call and return the fault that strikes it (only of these kinds); the one set first wins."""
        with self._lock:
            for fault in self._faults:
                if fault.kind not in kinds or not fault.fits(system, operation, labels):
                    continue
                if fault.times is not None and fault.hits >= fault.times:
                    continue
                fault.seen += 1
                if fault.seen <= fault.after:
                    continue
                fault.hits += 1
                break
            else:
                return None
        self._ledger.record(system, f"fault.{fault.kind}", operation, {"fault": fault.id, **labels})
        return fault

    def run(
        self,
        system: str,
        operation: str,
        labels: Mapping[str, Any],
        execute: Execute,
        throttled: Execute | None = None,
    ) -> Response:
        """Answer one call: `execute()` as it is, or what the striking fault makes of it."""
        fault = self.hit(system, operation, **labels)
        if fault is None:
            return execute()
        match fault.kind:
            case "throttled":
                return throttled() if throttled else Response("Too Many Requests", 429)
            case "truncate":
                return _half(execute())
            case "drip":
                return self._dripped(execute(), fault.seconds(0.5))
            case "slow":
                self.hold(fault.seconds(2))
                return execute()
            case "timeout":
                self.hold(fault.seconds(40))
                raise CutConnection
            case "commit_then_timeout":
                execute()
                self.hold(fault.seconds(40))
                raise CutConnection
            case "commit_then_status":
                execute()
                return _status(fault, 502)
            case "commit_then_reset":
                execute()
                raise CutConnection(reset=True)
            case "late_commit":
                self._later(fault, execute)
                self.hold(float(fault.params.get("hold", 0)))
                raise CutConnection
            case "reset":
                raise CutConnection(reset=True)
        return _nonsense(fault)

    def hold(self, seconds: float) -> None:
        """Wait in real seconds; ends early when the sandbox stops or the client of this request goes away."""
        line: socket.socket | None = request.environ.get("werkzeug.socket")
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._stopping.wait(min(left, 0.1)):
                raise CutConnection
            if line is not None and _gone(line):
                return

    def _later(self, fault: Fault, execute: Execute) -> None:
        work = copy_current_request_context(execute)
        ends = time.monotonic() + fault.seconds(2)

        def waits() -> bool:
            removed = fault.params.get("until_removed") and fault not in self._faults
            return not removed and time.monotonic() < ends

        def run() -> None:
            while waits() and not self._stopping.wait(min(0.02, max(0.0, ends - time.monotonic()))):
                pass
            if not self._stopping.is_set():
                try:
                    work()
                except Exception:
                    log.exception("a late commit failed")

        threading.Thread(target=run, name="sandbox-late-commit", daemon=True).start()

    def _dripped(self, response: Response, pause: float) -> Response:
        body = response.get_data()

        def bytewise() -> Iterator[bytes]:
            for index in range(len(body)):
                if self._stopping.wait(pause):
                    raise CutConnection
                yield body[index : index + 1]

        return _streamed(response, bytewise())


def _gone(line: socket.socket) -> bool:
    try:
        readable, _, _ = select.select([line], [], [], 0)
        return bool(readable) and line.recv(1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):
        return True


def _streamed(response: Response, body: Iterator[bytes]) -> Response:
    headers = response.headers
    headers["Content-Length"] = str(len(response.get_data()))
    return Response(body, response.status, headers)


def _half(response: Response) -> Response:
    body = response.get_data()

    def cut() -> Iterator[bytes]:
        yield body[: len(body) // 2]
        raise CutConnection

    return _streamed(response, cut())


def _status(fault: Fault, default: int) -> Response:
    status = int(fault.params.get("status", default))
    body = fault.params.get("body", "")
    kind = "text/plain"
    if not isinstance(body, str):
        body, kind = json.dumps(body), "application/json"
    response = Response(body, status, content_type=kind)
    for name, value in (fault.params.get("headers") or {}).items():
        response.headers[name] = str(value)
    return response


def _nonsense(fault: Fault) -> Response:
    match fault.kind:
        case "html":
            page = "<!DOCTYPE html><html><head><title>Maintenance</title></head><body>We will be back.</body></html>"
            return Response(str(fault.params.get("body", page)), 200, content_type="text/html; charset=utf-8")
        case "empty":
            return Response("", 200, content_type="application/json")
        case "null":
            return Response("null", 200, content_type="application/json")
        case "bomb":
            bomb = Response(_bomb(int(fault.params.get("mb", 50))), 200, content_type="application/json")
            bomb.headers["Content-Encoding"] = "gzip"
            return bomb
    return _status(fault, 500)


@lru_cache(maxsize=2)
def _bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    chunk = b" " * 1_000_000
    parts = [packer.compress(b'{"data":"')]
    parts += [packer.compress(chunk) for _ in range(megabytes)]
    parts += [packer.compress(b'"}'), packer.flush()]
    return b"".join(parts)
