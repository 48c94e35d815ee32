"""Owns the HTTP/1.1 listener: werkzeug's threaded server with keep-alive, cuttable connections, clean stop."""

import contextlib
import socket
import threading
from collections.abc import Iterable
from io import BytesIO
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from tests.sandbox.faults import CutConnection


class Handler(WSGIRequestHandler):
    """One connection. Each request is read whole, so that the next one on the connection starts in the right place."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Listener"

    def run_wsgi(self) -> None:
        """Answer one request; werkzeug's own version always closes the connection afterwards."""
        try:
            environ = self.make_environ()
            length = int(self.headers.get("Content-Length") or 0)
            body = environ["wsgi.input"].read() if environ.get("wsgi.input_terminated") else self.rfile.read(length)
            environ["wsgi.input"] = BytesIO(body)
            environ["wsgi.input_terminated"] = True
            self._answer(environ)
        except CutConnection as cut:
            self.close_connection = True
            if cut.reset:
                self.server.reset_on_close(self.connection)
        except (ConnectionError, TimeoutError, ValueError):
            # The client left, or sent no valid HTTP: there is nobody to tell.
            self.close_connection = True

    def _answer(self, environ: dict[str, Any]) -> None:
        status = ""
        headers: list[tuple[str, str]] = []

        def start_response(line: str, given: list[tuple[str, str]], exc_info: Any = None) -> Any:
            nonlocal status, headers
            status, headers = line, given

        pieces: Iterable[bytes] = self.server.app(environ, start_response)
        try:
            chunked = self._send_head(status, headers)
            if self.command != "HEAD":
                for piece in pieces:
                    if piece:
                        self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if chunked:
                self.wfile.write(b"0\r\n\r\n")
        finally:
            if hasattr(pieces, "close"):
                pieces.close()

    def _send_head(self, status: str, headers: list[tuple[str, str]]) -> bool:
        code, _, message = status.partition(" ")
        self.send_response_only(int(code), message)  # the app has told the date, which is the sandbox's
        for name, value in headers:
            self.send_header(name, value)
        bare = self.command == "HEAD" or int(code) in (204, 304)
        chunked = not bare and "content-length" not in {name.lower() for name, _ in headers}
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        return chunked

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """Quiet: the ledger is the record."""

    def log_error(self, format: str, *args: Any) -> None:
        """Quiet: a client that leaves is normal here."""


class Listener(ThreadedWSGIServer):
    """Bound at once on loopback; `start` serves in a thread, `stop` closes every connection and joins the threads."""

    def __init__(self, port: int, app: Any) -> None:
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._resets: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._accepting: threading.Thread | None = None
        super().__init__("127.0.0.1", port, app, Handler)

    def start(self) -> None:
        """Serve until `stop`."""
        self._accepting = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="sandbox-http", daemon=True
        )
        self._accepting.start()

    def stop(self) -> None:
        """End all connections, also held ones (the world's `stopping` frees those), and close the port."""
        if self._accepting is not None:
            self.shutdown()
            self._accepting.join()
        with self._guard:
            open_now = dict(self._connections)
            for line in open_now:
                with contextlib.suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)
        for thread in open_now.values():
            thread.join(timeout=5)
        self.server_close()

    def reset_on_close(self, line: socket.socket) -> None:
        """Make the end of this connection a TCP reset."""
        with self._guard:
            self._resets.add(line)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give each connection its own, remembered thread."""
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), name="sandbox-connection", daemon=True
        )
        with self._guard:
            self._connections[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Close one connection, in order or by a reset."""
        with self._guard:
            self._connections.pop(request, None)
            reset = request in self._resets
            self._resets.discard(request)
        if reset:
            # Linger 0 without a shutdown before it is what makes the kernel send RST.
            request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Quiet: only a broken connection ends here."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Quiet."""
