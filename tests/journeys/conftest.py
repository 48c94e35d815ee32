"""The stage of the journeys: the application served over HTTP, a merchant at its pages, both clocks moved together.

Every journey is also watched: a call to a remote inside an open transaction fails it, and so do a broken invariant of
the incidents, a secret in the log, and a counter of orders that a recount would correct.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import httpx
import pytest
import requests
from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from marketplaces.transport import Transport
from shopapp.alerts import invariants
from shopapp.logs import JsonFormatter
from shopapp.records import db, tallies
from shopapp.shopify_admin import budget, wire
from tests.journeys.life import Life, forget_what_is_remembered
from tests.journeys.secrets_seen import Ear, secrets_in
from tests.stage.box import Box


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        pass


@pytest.fixture
def live(app: Flask, box: Box) -> Iterator[BaseWSGIServer]:
    """The application at the address where the sandbox expects it."""
    server = make_server("localhost", box.app_port, app, threaded=True, request_handler=_Quiet)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="live-app")
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def life(live: BaseWSGIServer, app: Flask, box: Box) -> Iterator[Life]:
    """A fresh shop with its merchant; the app context of the workers is pushed, the clocks are put back afterwards."""
    budget.forget()
    forget_what_is_remembered()
    with app.app_context():
        begun = Life(box)
        yield begun
        begun.end()
    wire.close()


@pytest.fixture(autouse=True)
def _no_call_inside_a_transaction(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever speaks to a remote while this thread has a transaction open fails the test, also from a drain's thread."""
    wrong: list[str] = []

    def watched(real, where):  # type: ignore[no-untyped-def]
        def send(self, request, *args, **more):  # type: ignore[no-untyped-def]
            if db.open_transactions():
                wrong.append(f"{request.method} {str(request.url).split('?')[0]} by {where}")
            return real(self, request, *args, **more)

        return send

    monkeypatch.setattr(Transport, "send", watched(Transport.send, "our transport"))  # marketplaces and Shopify
    monkeypatch.setattr(requests.Session, "send", watched(requests.Session.send, "requests"))
    monkeypatch.setattr(httpx.Client, "send", watched(httpx.Client.send, "httpx"))
    yield
    assert not wrong, f"calls inside a transaction: {sorted(set(wrong))}"


@pytest.fixture(autouse=True)
def _what_holds_after_every_journey(request: pytest.FixtureRequest) -> Iterator[None]:
    """The incidents tell the truth, and the log keeps secrets: asked of the journey's own database and log."""
    if "app" not in request.fixturenames:
        yield
        return
    request.getfixturevalue("app")
    box: Box = request.getfixturevalue("box")
    ear = Ear()
    ear.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.addHandler(ear)
    logging.getLogger("shopapp").setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(ear)
        logging.getLogger("shopapp").setLevel(logging.NOTSET)
    with db.reading() as s:
        assert invariants.check(s) == []
        assert tallies.differences(s) == []
        known = secrets_in(s, box)
    told = "\n".join(ear.lines)
    assert not [name for name, secret in known if secret in told]
    assert "work_crashed" not in told, [line for line in ear.lines if "work_crashed" in line][:3]
