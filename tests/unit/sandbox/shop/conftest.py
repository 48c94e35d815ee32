"""A shop of the sandbox spoken to over real HTTP, and an app that receives its webhooks."""

import secrets
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.sandbox.server import Sandbox, create_sandbox
from tests.sandbox.shopify.client import ShopClient
from tests.sandbox.shopify.webhooks import TOPICS

APP = ("an-api-key-of-the-tests", "an-api-secret-of-the-tests-long-enough")


class Receiver(ThreadingHTTPServer):
    """An app that takes webhooks: `got` holds (path, headers, body), `answers` by shop the statuses still to give."""

    daemon_threads = True

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: dict[str, list[int]] = {}
        super().__init__(("127.0.0.1", 0), _Receiving)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def of(self, shop: ShopClient, topic: str | None = None) -> list[tuple[str, dict[str, str], bytes]]:
        return [
            one
            for one in list(self.got)
            if one[1]["x-shopify-shop-domain"] == shop.domain and topic in (None, one[1]["x-shopify-topic"])
        ]


class _Receiving(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.got.append((self.path, headers, body))
        waiting = self.server.answers.get(headers["x-shopify-shop-domain"])
        status = waiting.pop(0) if waiting else 200
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _started(folder: Path, receiver: Receiver) -> Sandbox:
    folder.mkdir(parents=True, exist_ok=True)
    toml = folder / "app.toml"
    # Every topic, unlike the real app: what is cut out of a message is shown with products/delete.
    rest = sorted(TOPICS - {"products/delete"})
    toml.write_text(
        f"[[webhooks.subscriptions]]\ntopics = {rest}\n"
        '[[webhooks.subscriptions]]\ntopics = ["products/delete"]\ninclude_fields = ["id", "nothing"]\n'
    )
    app = {"app_url": receiver.url, "api_key": APP[0], "api_secret": APP[1], "app_toml": toml}
    return create_sandbox({"data": folder, **app})


@pytest.fixture(scope="session")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Sandbox]:
    """One sandbox for all tests that leave its clock alone; each makes its own shop."""
    with _started(tmp_path_factory.mktemp("shared"), receiver) as running:
        yield running


@pytest.fixture
def start(tmp_path: Path, receiver: Receiver) -> Callable[[], Sandbox]:
    """Make a sandbox of this test's own, always on the same data."""
    return lambda: _started(tmp_path / "data", receiver)


@pytest.fixture
def own_sandbox(start: Callable[[], Sandbox]) -> Iterator[Sandbox]:
    """A sandbox of this test's own, whose clock it may move."""
    with start() as running:
        yield running


@pytest.fixture
def http_session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.fixture
def make_shop(shared_sandbox: Sandbox, http_session: requests.Session) -> Callable[..., ShopClient]:
    """Make a shop that has not installed the app."""
    return lambda **wish: ShopClient(shared_sandbox.url, http_session, {"index_lag_seconds": 0, **wish}, APP)


@pytest.fixture
def shop(make_shop: Callable[..., ShopClient]) -> ShopClient:
    """A shop with the app, without search lag."""
    return make_shop().install()


@pytest.fixture
def timed_shop(own_sandbox: Sandbox, http_session: requests.Session) -> ShopClient:
    """A shop with the app in a sandbox whose clock this test may move."""
    return ShopClient(own_sandbox.url, http_session, {"name": f"timed-{secrets.token_hex(4)}"}, APP).install()


@pytest.fixture
def later(own_sandbox: Sandbox) -> Callable[[float], None]:
    """Let sandbox time pass."""
    return own_sandbox.world.clock.advance
