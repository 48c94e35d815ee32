"""The ground of the tests of Shopify's side: this process set up on an empty database, the sandbox as Shopify."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from sqlalchemy import create_engine
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from shopapp import runtime
from shopapp.config import Config
from shopapp.records import db, vault
from shopapp.records.models import Shop
from shopapp.shopify_admin import auth, budget, wire
from shopapp.shopify_admin.auth import Visitor
from shopapp.shops import install
from shopapp.work import bell
from tests.stage import tables
from tests.stage.box import Box
from tests.stage.postgres import Postgres
from tests.stage.queue import Queue
from tests.stage.settings import settings_for


@dataclass
class Ground:
    """A process that is ready to work, and a few things to do with it."""

    box: Box
    config: Config

    def new_shop(self, **wish: Any) -> str:
        """The domain of a fresh shop of the sandbox that has not opened the app."""
        return str(self.box.post("/shops", {"name": f"t-{secrets.token_hex(5)}", **wish})["domain"])

    def id_token(self, domain: str, **wish: Any) -> dict[str, Any]:
        """id_token, host and query of a first load."""
        made: dict[str, Any] = self.box.post(f"/shops/{domain}/id_token", wish)
        return made

    def visitor(self, domain: str, **wish: Any) -> Visitor:
        """A staff member of the shop with a fresh ID token."""
        query = parse_qs(self.id_token(domain, **wish)["query"])
        found = auth.verify(asked(f"/?id_token={query['id_token'][0]}&locale={query['locale'][0]}"))
        assert isinstance(found, Visitor)
        return found

    def install(self, **wish: Any) -> Shop:
        """A shop that has just opened the app for the first time."""
        return install.arrive(self.visitor(self.new_shop(**wish)))

    def effects(self, domain: str, effect: str) -> list[dict[str, Any]]:
        """What the sandbox received of one shop."""
        return self.box.ledger(system="shopify", effect=effect, key=domain)

    def set(self, domain: str, **settings: Any) -> None:
        """Change a shop's switches."""
        self.box.post(f"/shops/{domain}/settings", settings)


def asked(path: str, method: str = "GET", headers: dict[str, str] | None = None, data: bytes = b"") -> Request:
    """A request as the app receives it."""
    return Request(EnvironBuilder(path, "https://app.test", method=method, headers=headers, data=data).get_environ())


def shop_of(shop_id: int) -> Shop:
    """The row as it is now."""
    with db.reading() as s:
        return s.get_one(Shop, shop_id)


# A test with this mark runs on both databases; without it on SQLite.
both_databases = pytest.mark.parametrize(
    "ground", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


def ready_ground(request: pytest.FixtureRequest, box: Box, queue: Queue, folder: Path) -> Iterator[Ground]:
    """Set this process up on an empty database, tear it down after: the body of the fixture `ground`."""
    if getattr(request, "param", "sqlite") == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        with server.database(tables=True) as url:
            yield from _on(url, {}, box, queue, folder)
    else:
        lasting = {"timeout": 30, "check_same_thread": False}
        yield from _on(f"sqlite:///{folder / 'test.db'}", lasting, box, queue, folder)


def _on(url: str, connect: dict[str, Any], box: Box, queue: Queue, folder: Path) -> Iterator[Ground]:
    config = settings_for(folder, url, queue.url, box)
    runtime.setup(config)
    vault.configure(config.encryption_keys)
    engine = create_engine(config.database_url, connect_args=connect, pool_size=32)
    db.use(engine)
    tables.make(engine)
    bell.configure(queue.url, "shopapp.jobs.horse")
    queue.clear()
    budget.forget()
    yield Ground(box, config)
    box.clear_faults()
    wire.close()
    engine.dispose()
    bell.connection().close()
    bell.connection.cache_clear()


@contextmanager
def as_settings(config: Config, **changes: str) -> Iterator[None]:
    """Run with some settings changed."""
    runtime.setup(Config(dict(config.env) | changes))
    try:
        yield
    finally:
        runtime.setup(config)
