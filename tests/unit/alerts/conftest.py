"""A shop on an empty SQLite database, a real mail server on loopback with faults, and a hand on the outbox's drain."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine

from shopapp import clock, runtime
from shopapp.alerts import choices, incidents, outbox
from shopapp.alerts.postman import Limits
from shopapp.config import Config
from shopapp.keys import fresh_key
from shopapp.records import db, vault
from shopapp.records.models import Category, Incident, Mail, Shop
from shopapp.work import claim
from tests.sandbox.mail_server import MailServer
from tests.sandbox.settings import Settings
from tests.sandbox.world import World
from tests.stage import tables

START = datetime(2026, 9, 1, 12, tzinfo=UTC)
OWNER = "owner@blue.test"
WORK = claim.Work("mail", Mail, outbox.deliver)


@dataclass
class Arrived:
    """One delivery as the server saw it."""

    to: list[str]
    raw: bytes

    @property
    def parsed(self) -> EmailMessage:
        message = email.message_from_bytes(self.raw, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        return message

    @property
    def subject(self) -> str:
        return str(self.parsed["Subject"])

    def body(self, kind: str) -> str:
        part = self.parsed.get_body((kind,))
        assert part is not None
        return str(part.get_content())


@dataclass
class PostOffice:
    """The mail server: what arrived, and its faults."""

    server: MailServer
    arrived: list[Arrived] = field(default_factory=list)

    def fault(self, operation: str, kind: str, to: str = "", times: int | None = 1, **params: Any) -> None:
        wish = {"system": "smtp", "operation": operation, "kind": kind, "times": times, "params": params}
        self.server.world.faults.add(wish | ({"match": {"to": to}} if to else {}))

    def heal(self) -> None:
        self.server.world.faults.remove()

    @property
    def subjects(self) -> list[str]:
        return [mail.subject for mail in self.arrived]


@pytest.fixture(scope="session")
def mail_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostOffice]:
    """One server for all tests of this folder."""
    world = World(Settings(data=tmp_path_factory.mktemp("smtp")))
    post = PostOffice(MailServer(world, lambda _sender, to, raw: post.arrived.append(Arrived(to, raw))))
    post.server.start()
    yield post
    world.stop()
    post.server.stop()


@pytest.fixture
def post(mail_server: PostOffice) -> Iterator[PostOffice]:
    """The server, empty and without faults."""
    mail_server.heal()
    mail_server.arrived.clear()
    yield mail_server
    mail_server.heal()


def settings(port: int, **other: str) -> Config:
    """What the outbox needs of the configuration."""
    env = {
        "APP_URL": "https://relay.test",
        "APP_HANDLE": "relay",
        "SECRET_KEY": "k" * 40,
        "ENCRYPTION_KEY": fresh_key(),
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": str(port),
        "MAIL_USE_TLS": "0",
        "MAIL_FROM": "alerts@relay.test",
        "OPERATOR_EMAIL": "operator@relay.test",
    }
    return Config.load(env | other, serving=False)


@pytest.fixture
def mail_app(post: PostOffice) -> Flask:
    """Flask with the outbox set up, patient: a busy machine is no silent server. `hasty` is for servers that are silent."""
    config = settings(post.server.world.smtp_port)
    runtime.setup(config)
    vault.configure(config.encryption_keys)
    app = Flask("mail")
    app.testing = True
    outbox.init_app(app, Limits(step=20, total=60))
    return app


@pytest.fixture
def hasty(mail_app: Flask) -> None:
    """Short time-outs, where a server never answers."""
    outbox.init_app(mail_app, Limits(step=1, total=2))


@pytest.fixture
def shop_id(tmp_path: Path, mail_app: Flask) -> Iterator[int]:
    """A German-time shop that speaks English, the clock standing at START."""
    engine = create_engine(f"sqlite:///{tmp_path}/alerts.db")
    db.use(engine)
    tables.make(engine)
    clock.travel(START, freeze=True)
    with db.writing() as s:
        shop = make_shop("blue")
        s.add(shop)
        s.flush()
        number = shop.id
    yield number
    engine.dispose()


def make_shop(name: str) -> Shop:
    """A new shop with an e-mail."""
    return Shop(
        domain=f"{name}.myshopify.com",
        installed_at=clock.now(),
        email=f"owner@{name}.test",
        timezone="Europe/Berlin",
        locale="en",
    )


def tick(shop_id: int, *categories: Category) -> None:
    """Tick these categories (and only these)."""
    with db.writing() as s:
        assert not choices.save(s, s.get_one(Shop, shop_id), categories, True, "", "7")


def broken(shop_id: int, number: int, label: str = "", cause: str = "expired", words: str = "") -> int:
    """Account `number` stops working; the incident's id."""
    params = {"account_id": number, "label": label or f"Shop {number}", "channel": "amazon", "cause": cause}
    with db.writing() as s:
        return incidents.open_(s, shop_id, "account_expired", f"account:{number}", params, words).id


def failed(shop_id: int, number: int, cause: str = "sku_unknown", words: str = "", **more: Any) -> int:
    """Order `number` is not imported; the incident's id."""
    params = {
        "order_id": number,
        "remote_order_id": f"304-{number:07d}",
        "label": "My Amazon",
        "channel": "amazon",
        "cause": cause,
        "skus": [f"SKU-{number}"],
    }
    with db.writing() as s:
        return incidents.open_(s, shop_id, "order_import_failed", f"order:{number}", params | more, words).id


def deliver() -> int:
    """Work on every mail that is due now, once each; how many were claimed."""
    with db.writing() as s:
        claims = claim.claim(s, WORK, 500)
    for mine in claims:
        outbox.deliver(mine)
    return len(claims)


def pass_time(seconds: float = 0, **more: float) -> None:
    """Let the clock go on by so much, standing still there."""
    clock.travel(by=timedelta(seconds=seconds, **more), freeze=True)


def mails() -> list[Mail]:
    """All rows of the outbox."""
    with db.reading() as s:
        return list(s.query(Mail).order_by(Mail.id))


def incident(incident_id: int) -> Incident:
    """One incident as it is stored."""
    with db.reading() as s:
        return s.get_one(Incident, incident_id)


Open = Callable[..., int]
