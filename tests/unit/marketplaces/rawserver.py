"""A server of raw bytes on loopback: plays answers that no decent HTTP server would give."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import TracebackType

Play = Callable[[socket.socket], None]


class RawServer:
    """Reads one request a connection, remembers it, and lets `play` write whatever it likes. Then it closes."""

    def __init__(self, play: Play | bytes) -> None:
        self.play: Play = play if callable(play) else lambda line: line.sendall(play)
        self.requests: list[bytes] = []
        self.stopping = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._threads = [threading.Thread(target=self._accept)]

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            if self.stopping.is_set():
                line.close()
                return
            thread = threading.Thread(target=self._serve, args=(line,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, line: socket.socket) -> None:
        with line:
            line.settimeout(5)
            try:
                self.requests.append(_read(line))
                self.play(line)
            except OSError:
                pass

    def __enter__(self) -> RawServer:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._threads[0].join(5)
        self._socket.close()
        for thread in self._threads[1:]:
            thread.join(5)


def _read(line: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        more = line.recv(65_536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    for row in head.split(b"\r\n"):
        if row.lower().startswith(b"content-length:"):
            while len(body) < int(row.split(b":")[1]):
                body += line.recv(65_536)
    return head + b"\r\n\r\n" + body


def answer(body: bytes, *, status: str = "200 OK", headers: str = "", length: int | None = None) -> bytes:
    """A closing HTTP answer; `length` states a Content-Length other than the true one."""
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {size}\r\nConnection: close\r\n"
    return (head + headers + "\r\n").encode() + body
