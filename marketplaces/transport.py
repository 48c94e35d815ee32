"""The socket side of every call: total deadline, size cap, allowed hosts. Judges nothing; `wire` and `login` do that.

`requests` bounds only the silence between two reads: headers or a body dripped byte by byte keep a call alive for ever,
and a small gzip body may grow to gigabytes. A watchdog shuts the socket at the deadline; the decoded size is capped.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from marketplaces.instance import public

CONNECT_SECONDS = 10
DEEPEST = 20
WORDS = 100_000  # bytes of an answer that tells why there is no file
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_NO_SUCH_NAME = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
_current = threading.local()


class WireFailure(Exception):
    """No usable answer. `sent` tells that a part of the request left this machine; the text holds no secret.

    `why` names what only the address can be blamed for: host_refused, not_public, unknown_host, redirect; else "".
    """

    def __init__(self, words: str, *, sent: bool, why: str = "") -> None:
        self.words = words
        self.sent = sent
        self.why = why
        super().__init__(words)


def allowed_of(addresses: Iterable[str]) -> tuple[str, ...]:
    """What Hosts takes for base `addresses`: the host of a plain https one, the whole origin of one that was put in place."""
    found = []
    for address in addresses:
        parts = urlsplit(address)
        plain = parts.scheme == "https" and parts.port is None
        found.append(str(parts.hostname) if plain else f"{parts.scheme}://{parts.netloc}")
    return tuple(dict.fromkeys(found))


class Hosts:
    """Where calls may go: "api.example.com" (exact), ".example.com" (any host under it), or an origin or address.

    A plain-http origin must be loopback: it is how a configured base of the sandbox is allowed (ValueError otherwise).
    A loopback name that is listed by itself is allowed on every port. `typed`: the names were typed by somebody who may
    not say where we connect to, so they must resolve to public addresses; origins come from the operator and need not.
    """

    def __init__(self, allowed: Iterable[str], *, typed: bool = False) -> None:
        self.typed = typed
        self._names: set[str] = set()
        self._origins: set[tuple[str, str, int]] = set()
        for entry in allowed:
            if "://" not in entry:
                self._names.add(entry.lower())
                continue
            origin = self._origin(entry)
            if origin[0] != "https" and origin[1] not in LOOPBACK:
                raise ValueError(f"{entry[:200]!r}: only https is allowed, except for loopback")
            self._origins.add(origin)

    @staticmethod
    def _origin(url: str) -> tuple[str, str, int]:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or "\\" in url:
            raise ValueError("not a usable address")
        return parts.scheme, parts.hostname.lower(), parts.port or (443 if parts.scheme == "https" else 80)

    def allow(self, url: str) -> bool:
        """Whether a call to `url` may be made."""
        try:
            origin = self._origin(url)
        except ValueError:
            return False
        scheme, name, port = origin
        if origin in self._origins or (name in LOOPBACK and name in self._names and not self.typed):
            return True
        if scheme != "https" or port != 443:
            return False
        return name in self._names or any(entry[0] == "." and name.endswith(entry) for entry in self._names)

    def vetted(self, url: str) -> bool:
        """Whether the addresses behind an allowed `url` must be public: those of typed names must."""
        return self.typed and self._origin(url) not in self._origins


class _Watch:
    """The watchdog of one call: at the deadline it shuts down the call's socket, whichever layer is reading from it."""

    def __init__(self, seconds: float, *, vetted: bool = False) -> None:
        self.sent = False
        self.fired = False
        self.vetted = vetted
        self._ends = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._handle: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._fire)
        self._timer.daemon = True

    def __enter__(self) -> _Watch:
        _current.watch = self
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        _current.watch = None
        with self._lock:
            self._drop()

    def left(self) -> float:
        """Seconds until the deadline, 0 when it is over."""
        return max(0.0, self._ends - time.monotonic())

    def hold(self, sock: socket.socket) -> None:
        """Watch `sock`, by a duplicate: TLS takes the original over, and a closing answer gives it away."""
        with self._lock:
            self._drop()
            self._handle = socket.socket(fileno=os.dup(sock.fileno()))
            if self.fired:
                self._shut()

    def _fire(self) -> None:
        with self._lock:
            self.fired = True
            self._shut()

    def _shut(self) -> None:
        if self._handle is not None:
            with contextlib.suppress(OSError):  # the other side may have been faster
                self._handle.shutdown(socket.SHUT_RDWR)

    def _drop(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None


class _Watched:
    """Mixed into urllib3's connections: shows their socket to the watchdog and notes when the first byte leaves."""

    sock: Any
    auto_open: int
    port: int
    timeout: Any
    _dns_host: str

    def _new_conn(self) -> socket.socket:
        """Try the addresses of the host until one answers or the call's time is over.

        The library gives each address the whole time for connecting: a host with many dead ones outlives any deadline.
        A typed host is resolved here and nowhere else: the addresses that were vetted are those that are called.
        """
        host, patience = self._dns_host, self.timeout
        try:
            found = socket.getaddrinfo(host, self.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            if _current.watch.vetted and getattr(error, "errno", None) in _NO_SUCH_NAME:
                raise WireFailure("there is no host of this name", sent=False, why="unknown_host") from None
            raise NameResolutionError(host, self, socket.gaierror(str(error))) from error  # type: ignore[arg-type]
        if _current.watch.vetted and not all(public(str(address[0])) for *_, address in found):
            raise WireFailure("the host lies in no public network", sent=False, why="not_public")
        try:
            for number, (*_, address) in enumerate(found, 1):
                self._dns_host = str(address[0])
                self.timeout = min(patience, max(_current.watch.left(), 0.001))
                try:
                    sock: socket.socket = super()._new_conn()  # type: ignore[misc]  # of the class beside us
                except (NewConnectionError, ConnectTimeoutError):
                    if number == len(found) or not _current.watch.left():
                        raise
                    continue
                _current.watch.hold(sock)
                return sock
        finally:
            self._dns_host, self.timeout = host, patience
        raise NewConnectionError(self, "the name has no address")  # type: ignore[arg-type]

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:
            _current.watch.hold(self.sock)
        super().request(*args, **kwargs)  # type: ignore[misc]  # of the connection class beside us

    def send(self, data: Any) -> None:
        if self.sock is None and self.auto_open:
            self.connect()  # type: ignore[attr-defined]  # of the connection class beside us
        if not _current.watch.sent and not _current.watch.left():
            raise WireFailure("the time was over before anything was sent", sent=False)  # this process had been stopped
        _current.watch.sent = True
        super().send(data)  # type: ignore[misc]  # of the connection class beside us


class _PlainConnection(_Watched, HTTPConnection):
    pass


class _SecureConnection(_Watched, HTTPSConnection):
    pass


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class Transport(HTTPAdapter):
    """A pooled adapter whose answers come complete, within `seconds` and `cap` decoded bytes, from allowed hosts only.

    Raises WireFailure for everything else. Used by `wire.Http` and mounted on OAuth sessions. Safe for threads.
    """

    def __init__(self, hosts: Hosts, *, seconds: float = 30, cap: int = 20_000_000) -> None:
        self.hosts = hosts
        self.seconds = seconds
        self.cap = cap
        super().__init__(pool_connections=16, pool_maxsize=32)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Like the parent's, with connections that the watchdog can see."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """The whole answer to `request`. `stream`, `timeout` and `proxies` of the caller do not count here."""
        if not self.hosts.allow(request.url or ""):
            raise WireFailure("the address is not on the list of allowed hosts", sent=False, why="host_refused")
        trouble = ""
        with _Watch(self.seconds, vetted=self.hosts.vetted(request.url or "")) as watch:
            try:
                # The silence allowed between two reads is longer than the deadline: the watchdog bites first.
                limits = (min(CONNECT_SECONDS, self.seconds), self.seconds + 1)
                response = super().send(request, stream=True, timeout=limits, verify=verify, cert=cert)
                try:
                    content = self._read(response)
                finally:
                    # A body that was read to its end has given its connection back already; this drops the others.
                    response.close()
            except WireFailure:
                raise
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                trouble = f"no usable answer ({_reason(error)})"
        # Without a length, a body that was shut off looks complete. Raised out here, so that the library's error, whose
        # text may quote the address, does not travel along as its context.
        if trouble or watch.fired:
            raise WireFailure(self._late() if watch.fired else trouble, sent=watch.sent)
        response.encoding = "utf-8"  # else libraries that log `.text` would guess an encoding from megabytes
        response._content = content
        response._content_consumed = True  # type: ignore[attr-defined]  # how requests remembers a read body
        return response

    def _late(self) -> str:
        return f"no complete answer within {self.seconds:g} seconds"

    def _read(self, response: requests.Response) -> bytes:
        if 300 <= response.status_code < 400:
            words = f"redirects are not followed (status {response.status_code})"
            raise WireFailure(words, sent=True, why="redirect")
        kept = bytearray()
        for chunk in response.iter_content(65_536):
            kept += chunk
            if len(kept) > self.cap:
                raise WireFailure(f"the answer is larger than {self.cap} bytes", sent=True)
        return bytes(kept)


class Saving(Transport):
    """For one call: the decoded body of a good answer goes into `target`, never into memory. Else like its parent."""

    def __init__(self, hosts: Hosts, target: BinaryIO, *, seconds: float, cap: int) -> None:
        self.target = target
        super().__init__(hosts, seconds=seconds, cap=cap)

    def _read(self, response: requests.Response) -> bytes:
        if response.status_code != 200:
            self.cap = WORDS  # what is said instead of the file
            return super()._read(response)
        saved = 0
        for chunk in response.iter_content(65_536):
            saved += self.target.write(chunk)
            if saved > self.cap:
                raise WireFailure(f"the file is larger than {self.cap} bytes", sent=True)
        return b""


def _reason(error: BaseException) -> str:
    """The innermost class name: what happened, without the address, which may hold secrets."""
    seen: BaseException | None = error
    name = type(error).__name__
    for _ in range(DEEPEST):  # causes can go in a circle
        if seen is None:
            break
        name = type(seen).__name__
        inner = getattr(seen, "reason", None) or (seen.args[0] if seen.args else None)
        if isinstance(seen, UnicodeError):
            break
        seen = inner if isinstance(inner, BaseException) else seen.__cause__ or seen.__context__
    return name


def prepare(session: requests.Session, transport: Transport) -> None:
    """Make `session` speak through `transport` only: no proxies or passwords from the environment, no cookies kept."""
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.adapters.clear()
    session.mount("https://", transport)
    session.mount("http://", transport)
