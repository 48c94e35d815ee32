"""Owns the composition: one Flask app made of the parts that are there, one HTTP listener, one SMTP listener.

A part is a module with `register(app: Flask, world: World) -> None`; it adds its own routes and keeps its state in
`world.part(...)`.
"""

import importlib
import importlib.util
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from flask import Flask, Response
from werkzeug.http import http_date

from tests.sandbox.faults import CutConnection
from tests.sandbox.listener import Listener
from tests.sandbox.settings import Settings, read_settings
from tests.sandbox.world import World

PARTS = (
    "tests.sandbox.control",
    "tests.sandbox.mailbox",
    "tests.sandbox.fx",
    "tests.sandbox.amazon",
    "tests.sandbox.tradera",
    "tests.sandbox.ebay",
    "tests.sandbox.mirakl",
    "tests.sandbox.shopify",
    "tests.sandbox.admin",
)


class SandboxApp(Flask):
    """Lets a cut connection through to the listener instead of answering 500."""

    def handle_exception(self, e: Exception) -> Any:
        if isinstance(e, CutConnection):
            raise e
        return super().handle_exception(e)


class Sandbox:
    """A running sandbox, or one that can be started once. Use as a context manager in tests."""

    def __init__(self, settings: Settings) -> None:
        self.world = World(settings)
        self.wsgi = SandboxApp("tests.sandbox", static_folder=None)
        self.wsgi.json.sort_keys = False  # type: ignore[attr-defined]
        self._http: Listener | None = None
        self._smtp: Any = None
        try:
            self._compose()
        except BaseException:
            self.world.ledger.close()
            raise

    def _compose(self) -> None:
        for name in PARTS:
            part = _find(name)
            if part is not None and hasattr(part, "register"):
                part.register(self.wsgi, self.world)
        if not any(rule.rule == "/" for rule in self.wsgi.url_map.iter_rules()):
            self.wsgi.add_url_rule("/", "start_page", _plain_start_page)
        self.wsgi.after_request(self._dated)

    def _dated(self, response: Response) -> Response:
        """Every remote tells its time with each answer."""
        response.headers["Date"] = http_date(self.world.clock.now())
        return response

    @property
    def url(self) -> str:
        """http://127.0.0.1:PORT, known after `start`."""
        return self.world.url

    @property
    def smtp_port(self) -> int:
        """The mail port, known after `start`."""
        return self.world.smtp_port

    def start(self) -> "Sandbox":
        """Bind both ports and serve. Raises OSError when a port is taken."""
        try:
            self._http = Listener(self.world.settings.port, self.wsgi)
            self.world.url = f"http://127.0.0.1:{self._http.server_port}"
            mailbox = _find("tests.sandbox.mailbox")
            if mailbox is not None:
                self._smtp = mailbox.listen(self.world)
            self.world.start()
            self._http.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Free what is held, close both ports, save the world."""
        self.world.stopping.set()
        if self._smtp is not None:
            self._smtp.stop()
        if self._http is not None:
            self._http.stop()
        self.world.stop()

    def __enter__(self) -> "Sandbox":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def create_sandbox(settings: Settings | Mapping[str, object]) -> Sandbox:
    """Make a sandbox from Settings, or from a mapping of its fields merged over the environment (`data` is needed)."""
    return Sandbox(settings if isinstance(settings, Settings) else read_settings(settings))


def _find(name: str) -> Any:
    return importlib.import_module(name) if importlib.util.find_spec(name) is not None else None


def _plain_start_page() -> Response:
    return Response("The sandbox is running. See /_sandbox/health and /mail.\n", content_type="text/plain")
