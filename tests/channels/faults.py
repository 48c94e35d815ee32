"""The faults of a remote as bytes and sockets, each with what must come of it. Knows no channel."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

from marketplaces import errors
from tests.channels.double import NOW
from tests.unit.marketplaces.rawserver import Play, answer

GONE = threading.Event()  # never set: a pause that ends early when the other side has gone, by the error of the write
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: what is played, and the error that must come of it in any call of any channel.

    `maybe_done` tells whether the call may have been executed; None: not of interest (RateLimited never was).
    `limits` are the wire's, so that a deadline or a cap is reached soon; `within` seconds it must be over.
    """

    name: str
    play: bytes | Play
    error: type[errors.RemoteError] = errors.Transient
    retry_after: float | None = None
    status: int | None = None
    maybe_done: bool | None = True
    limits: dict[str, Any] = field(default_factory=dict)
    within: float = 3
    url: str = ""


def _limited(name: str, header: str | None, seconds: float | None) -> Fault:
    headers = f"Retry-After: {header}\r\n" if header is not None else ""
    play = answer(b'{"errors":[{"code":"QuotaExceeded"}]}', status="429 Slow Down", headers=headers)
    return Fault(f"429 {name}", play, errors.RateLimited, seconds, 429, None)


def _rates() -> Iterator[Fault]:
    later = format_datetime(NOW + timedelta(seconds=90), usegmt=True)
    yield _limited("with seconds", "7", 7)
    yield _limited("with a fraction", "2.0", 2)
    yield _limited("with a date", later, 90)
    yield _limited("with a date that is over", "Sat, 21 Nov 2026 11:00:00 GMT", 0)
    yield _limited("with a negative number", "-30", 0)
    yield _limited("with a whole day", "86400", HOUR)
    yield _limited("with words", "soon, please", None)
    yield _limited("with nothing", "", None)
    yield _limited("without the header", None, None)
    yield Fault("429 as HTML", answer(b"<html>Slow down</html>", status="429 X"), errors.RateLimited, None, 429, None)


def _statuses() -> Iterator[Fault]:
    for status in (500, 502, 503, 504, 408, 520, 599):
        yield Fault(f"{status}", answer(b'{"error":"invalid_grant"}', status=f"{status} Oops"), status=status)
    yield Fault("503 with Retry-After", answer(b"", status="503 X", headers="Retry-After: 86400\r\n"), status=503)
    for status in (400, 401, 403, 404):
        yield Fault(
            f"{status} of a proxy",
            answer(b"<html><h1>Request blocked</h1></html>", status=f"{status} X"),
            status=status,
            maybe_done=None,
        )
        yield Fault(f"{status} without a body", answer(b"", status=f"{status} X"), status=status, maybe_done=None)
    for status in (301, 302, 303, 307, 308):
        away = "Location: https://evil.example/steal\r\n"
        yield Fault(f"{status} to another host", answer(b"", status=f"{status} Moved", headers=away))


def _bodies() -> Iterator[Fault]:
    rows: dict[str, bytes] = {
        "HTML": b"<!DOCTYPE html><html><body>We will be back soon.</body></html>",
        "empty": b"",
        "blanks": b"  \r\n ",
        "null": b"null",
        "a list": b"[]",
        "a text": b'"ok"',
        "a number": b"7",
        "true": b"true",
        "cut in the middle": b'{"orders": [{"orderId": "1',
        "two values": b"{}{}",
        "a comma too many": b'{"orders": [],}',
        "NaN": b'{"orders": [], "n": NaN}',
        "an infinite number": b'{"orders": [], "n": -Infinity}',
        "an exponent without end": b'{"orders": [], "n": 1e99999999999999999999}',
        "an exponent that takes minutes to be counted": b'{"orders": [], "n": 1e9999999}',
        "5000 digits": b'{"orders": [], "n": ' + b"9" * 5000 + b"}",
        "100,000 lists deep": b"[" * 100_000 + b"]" * 100_000,
        "100,000 objects deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "Latin-1": '{"orders": [], "name": "Åsa"}'.encode("latin-1"),
        "UTF-16": '{"orders": []}'.encode("utf-16"),
        "bytes of nothing": bytes(range(128, 256)) * 8,
    }
    for name, body in rows.items():
        yield Fault(f"body: {name}", answer(body), maybe_done=None)
    yield Fault("body: an object of nothing known", answer(b'{"surprise": true}'), maybe_done=None)
    yield Fault("body: shorter than stated", answer(b'{"orders": []', length=500))
    yield Fault("body: gzip that is none", answer(b"{}", headers="Content-Encoding: gzip\r\n"))
    cut = gzip.compress(b'{"orders": []}')[:-16]
    yield Fault("body: gzip cut off", answer(cut, headers="Content-Encoding: gzip\r\n"), maybe_done=None)
    nested = answer(b"{}", headers="Content-Encoding: gzip, gzip, gzip, gzip, gzip, gzip, gzip\r\n")
    yield Fault("body: gzip seven times", nested)


def _reset(line: socket.socket) -> None:
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def _reset_in_the_body(line: socket.socket) -> None:
    line.sendall(answer(b'{"orders": [', length=9000))
    _reset(line)


def _closed(line: socket.socket) -> None:
    line.shutdown(socket.SHUT_RDWR)


def _connections() -> Iterator[Fault]:
    yield Fault("reset after sending", _reset)
    yield Fault("reset in the body", _reset_in_the_body)
    yield Fault("closed without an answer", _closed)
    yield Fault("no HTTP", b"SSH-2.0-OpenSSH_9.2\r\n")
    yield Fault("a header without end", b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200_000 + b"\r\n\r\n{}")
    yield Fault("10,000 headers", b"HTTP/1.1 200 OK\r\n" + b"X-More: y\r\n" * 10_000 + b"\r\n{}")
    yield Fault("chunks of no size", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n")
    yield Fault("a chunk of a negative size", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n\r\n")
    huge = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n{}\r\n0\r\n\r\n"
    yield Fault("a chunk of an endless size", huge)
    nothing = answer(b"", headers="").replace(b"Content-Length: 0", b"Content-Length: -1")
    yield Fault("a negative length", nothing, maybe_done=None)
    tls: dict[str, Any] = {"url": "https://127.0.0.1:{port}", "limits": {"seconds": 0.5}, "within": 1.5}
    yield Fault("TLS where none is spoken", b"", maybe_done=False, **tls)
    yield Fault("an address without a name", b"", maybe_done=False, url="https://no-such-host.invalid")
    yield Fault("nobody listens", b"", maybe_done=False, url="http://127.0.0.1:9")


def dripping(head: bytes, drop: bytes, pause: float = 0.02) -> Play:
    """Write `head`, then `drop` again and again, until the other side goes away."""

    def play(line: socket.socket) -> None:
        line.sendall(head)
        for _ in range(500):
            if GONE.wait(pause):
                return
            line.sendall(drop)

    return play


def _silent(line: socket.socket) -> None:
    line.recv(1)


def _slow() -> Iterator[Fault]:
    soon: dict[str, Any] = {"seconds": 0.2}
    drips: dict[str, Callable[[socket.socket], None]] = {
        "silence": _silent,
        "a body byte by byte": dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
        "a body without length": dripping(b"HTTP/1.1 200 OK\r\n\r\n", b" "),
        "a header byte by byte": dripping(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
        "chunks byte by byte": dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        "endless trailers": dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-T: y\r\n"),
        "endless 100 Continue": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    }
    for name, play in drips.items():
        yield Fault(f"drip: {name}", play, limits=soon, within=1.3)


def _large() -> Iterator[Fault]:
    small: dict[str, Any] = {"cap": 100_000}
    bomb = gzip.compress(b'{"a":"' + b" " * 3_000_000 + b'"}')
    yield Fault("a gzip bomb", answer(bomb, headers="Content-Encoding: gzip\r\n"), limits=small)
    twice = gzip.compress(bomb)
    yield Fault("a bomb in a bomb", answer(twice, headers="Content-Encoding: gzip, gzip\r\n"), limits=small)
    yield Fault("a page that is too large", answer(b"{" + b" " * 200_000 + b"}"), limits=small)
    forever = dripping(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 65_536, pause=0.0)
    yield Fault("a page without end", forever, limits=small)


FAULTS: tuple[Fault, ...] = (*_rates(), *_statuses(), *_bodies(), *_connections(), *_slow(), *_large())

# What a remote may put where a text, a number, a list or an object is expected.
STRANGE: tuple[Any, ...] = (
    None, True, 0, -1, 10**30, 1.5, "", "\x00\ud800", "\ud83d", "a b\r\nX-Injected: 1", "\u202eevil", "NaN", "1e400",
    "x" * 10_000, "9" * 400, "2026-13-45T99:99:99Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59",
    "2026-11-21T23:59:60Z", [], {}, [None], ["x"], {"a": {"b": []}}, [[[]]],
)  # fmt: skip


def raw(body: Any) -> bytes:
    """JSON bytes of `body`, with lone surrogates and NUL as escapes."""
    return json.dumps(body).encode()
