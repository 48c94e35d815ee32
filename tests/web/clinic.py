"""A merchant with accounts at any channel whose remote says what the channel's vectors say. Knows no channel.

One application for all tests of a module; each test has a shop, a seller and a clock of its own. What is asked of one
channel is asked of every one: by the same code, through the same pages, over real HTTP and SMTP.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete

from marketplaces.channel import Channel
from marketplaces.channels import registry
from shopapp import clock, create_app, jobs
from shopapp.accounts import line, repair
from shopapp.alerts import choices
from shopapp.records import db
from shopapp.records.models import (
    Account,
    AccountSite,
    Category,
    ChannelOutage,
    InboxMessage,
    Incident,
    JournalEntry,
    Mail,
    Shop,
)
from shopapp.work import bell, claim
from tests.channels.double import NOW, Played, Row, as_list, of_row, vectors
from tests.sandbox.mail_server import MailServer
from tests.sandbox.settings import Settings
from tests.sandbox.world import World
from tests.stage import buckets, tables
from tests.stage.queue import Queue
from tests.stage.settings import settings_for
from tests.web.desk import KEY, SECRET, Desk, Page, install
from tests.web.remotes import Remote, alike, ways

BROKEN = ("AuthExpired", "AuthRevoked", "AccountInactive")
WORKS = {work.name: work for works in jobs.QUEUES.values() for work in works}


@dataclass
class Letter:
    """A mail as it arrived."""

    to: list[str]
    subject: str
    text: str
    html: str


@dataclass
class Clinic:
    """The application, the wire of every channel, and the post."""

    app: Flask
    remotes: dict[str, Remote]
    letters: list[Letter]

    def patient(self, key: str, language: str = "en") -> Patient:
        """A fresh shop whose accounts are at this channel; everything may be mailed to its owner."""
        clock.travel(NOW, freeze=True)
        name = f"shop-{secrets.token_hex(5)}"
        domain = f"{name}.myshopify.com"
        shop_id = install(domain, email=f"owner@{name}.test", locale=language, timezone="UTC")
        with db.writing() as s:
            s.execute(delete(ChannelOutage))  # what earlier tests heard
            assert not choices.save(s, s.get_one(Shop, shop_id), tuple(Category), True, "", "71")
        return Patient(self.app, shop_id, domain, language=language, clinic=self, key=key)


@dataclass
class Patient(Desk):
    """The merchant of one shop at one channel."""

    clinic: Clinic = field(kw_only=True)
    key: str = field(kw_only=True)
    seller: str = field(init=False)
    browser: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.browser = self.app.test_client()
        self.seller = alike(self.facts["seller_id"])
        self.hears_all_well()

    @property
    def facts(self) -> dict[str, Any]:
        """The channel's vectors."""
        facts: dict[str, Any] = vectors(self.key, "channel")
        return facts

    @property
    def channel(self) -> Channel:
        """The channel."""
        return registry()[self.key]

    # --- the wire ---------------------------------------------------------------------------------------------------

    def hears(self, *answers: Row, ways: Mapping[str, Row] | None = None) -> None:
        """From now on the channel says this."""
        buckets.refill(self.key)
        remote = self.clinic.remotes[self.key]
        remote.ways, remote.words = dict(ways or {}), {"seller_id": self.seller, "state": ""}
        remote.answers = list(answers) or [{"status": 500, "raw": "nothing was expected here"}]
        remote.server.requests.clear()

    def hears_all_well(self) -> None:
        """The channel renews access and says who that is."""
        proof = self.facts.get("typed", {}).get("proof", [])
        self.hears(*as_list(proof), ways=ways(self.key, "refresh", "identify"))

    def hears_refusal(self) -> None:
        """The channel refuses access, whatever is asked first."""
        row = self.refusal("AuthRevoked")
        assert row is not None
        self.hears_row(row)

    def hears_row(self, row: Row) -> None:
        """The channel gives this answer of the vectors; one of several calls, each on its own way."""
        answers, who = of_row(row), ways(self.key, "identify")
        if row["of"] == "api" and len(answers) > 1:
            self.hears(*answers[-1:], ways=dict(zip(who, answers, strict=False)))
        elif row["of"] == "search_orders" and len(answers) == 1:
            self.hears(*answers, ways={way: told for way, told in who.items() if "orders" not in way})
        else:
            self.hears(*answers)

    def hears_login(self) -> None:
        """The channel takes a login and says who that is."""
        proof = self.facts.get("typed", {}).get("proof", [])
        self.hears(*as_list(proof), ways=ways(self.key, "identify", "finish_login"))

    @property
    def refreshes(self) -> bool:
        """Whether access is short and renewed."""
        return "refresh" in self.facts

    @property
    def asked(self) -> list[bytes]:
        """What was said to the channel since it was last told what to answer."""
        return self.clinic.remotes[self.key].server.requests

    # --- linking ----------------------------------------------------------------------------------------------------

    def leave(self, answer: Page) -> str:
        """Leave the frame as the relay does; the login's address at the channel."""
        assert answer.status == 200, answer.html[:500]
        top = urlsplit(answer.response.headers["X-Relay-Top"])
        left = self.browser.get(f"{top.path}?{top.query}")
        assert left.status_code == 302, left.text[:300]
        return str(left.location)

    def way_back(self, address: str, **change: str) -> str:
        """Where the channel sends a browser that has logged in at `address`."""
        told = self.facts["login"]
        sent = {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}
        (name, form), *_ = [(name, form) for name, form in told["address"].items() if "{state}" in form]
        state = re.fullmatch(re.escape(form).replace(r"\{state\}", "(.+)"), sent[name])
        assert state, sent
        words = {"state": state[1], "seller_id": self.seller}
        query = {key: _filled(value, words) for key, value in told["callback"].items()} | change
        return f"/login/return/{self.key}?{urlencode(query)}"

    def come_back(self, address: str, **change: str) -> str:
        """Log in there and return; the path of the embedded page."""
        arrived = self.browser.get(self.way_back(address, **change))
        assert arrived.status_code == 302, arrived.text[:300]
        where = urlsplit(arrived.location)
        return f"/accounts/linked?{where.query}"

    def refused_return(self, address: str, change: Mapping[str, str]) -> bool:
        """Whether a return that was tampered with is refused by a page."""
        told = self.facts["login"]["callback"]
        words = {"state": "not-the-state", "seller_id": self.seller}
        query = {key: _filled(value, words) for key, value in told.items()} | dict(change)
        arrived = self.browser.get(f"/login/return/{self.key}?{urlencode(query)}")
        return arrived.status_code >= 400 or "accounts/linked" not in str(arrived.location)

    def come_back_hearing(self, row: Row) -> str:
        """Log in, and the channel says this to the question who that is; the path of the embedded page."""
        address = self.leave(self.post(f"/accounts/new/{self.key}/login", realm=self.facts["realm"]))
        self.hears_row(row)
        self.clinic.remotes[self.key].ways |= ways(self.key, "finish_login")
        return self.come_back(address)

    def log_in(self, answer: Page) -> Page:
        """The whole login; the embedded page that it ends at."""
        self.hears_login()
        return self.get(self.come_back(self.leave(answer)))

    def typed(self) -> dict[str, str]:
        """What this seller types."""
        return {
            name: _filled(value, {"seller_id": self.seller}) for name, value in self.facts["typed"]["values"].items()
        }

    def create(self) -> Page:
        """Create a connection by the channel's own way; the page that it ends at."""
        if "login" in self.facts:
            return self.log_in(self.post(f"/accounts/new/{self.key}/login", realm=self.facts["realm"]))
        self.hears_login()
        return self.post(f"/accounts/new/{self.key}/manual", realm=self.facts["realm"], **self.typed())

    def connect(self, label: str = "") -> int:
        """A connection that works, its import begun; its id."""
        page = self.create()
        assert page.status in (302, 303), page.text[:800]
        account_id = int(page.goes_to.split("/")[2])
        self.post(f"/accounts/{account_id}/import")
        if label:
            with db.writing() as s:
                s.get_one(Account, account_id).label = label
        return account_id

    def put(self, **columns: Any) -> int:
        """A connection that works, put in directly; its id."""
        facts = self.facts
        keeps = Played(self.channel, facts, None, None, None, self.seller)  # type: ignore[arg-type]  # only what is kept
        account_id = self.account(
            channel=self.key,
            realm=facts["realm"],
            seller_id=self.seller,
            label="My shop",
            due_at=clock.now(),
            **columns,
        )
        with db.writing() as s:
            account = s.get_one(Account, account_id)
            public = {name: self.seller if one == facts["seller_id"] else one for name, one in keeps.public().items()}
            line.store(account, replace(keeps.credentials(), public={"seller_id": self.seller} | public))
            site = {"channel": self.key, "realm": facts["realm"], "seller_id": self.seller, "site": facts["site"]}
            s.add(AccountSite(shop_id=self.shop_id, account_id=account_id, name="There", importing=True, **site))
        return account_id

    # --- breaking ---------------------------------------------------------------------------------------------------

    def refusal(self, error: str) -> dict[str, Any] | None:
        """An answer by which the channel ends access so, None when it has none."""
        found = [
            row for row in vectors(self.key, "answers") if row["error"] == error and row["of"] in ("api", "refresh")
        ]
        return found[0] if found else None

    def refuse(self, account_id: int, row: Row) -> Exception | None:
        """The channel says this to the stored access; what came of the test."""
        with db.writing() as s:
            account = s.get_one(Account, account_id)
            if row["of"] == "refresh":
                account.access_token, account.access_expires_at = "", None
            if row.get("ended"):
                account.expires_at = clock.now() - timedelta(days=1)
        self.hears_row(row)
        return repair.probe(account_id)

    def probe(self, account_id: int) -> Exception | None:
        """Test what is stored, as the poll does; what came of it."""
        return repair.probe(account_id)

    def broken(self, error: str = "AuthRevoked", label: str = "My shop") -> int:
        """A connection that worked and was refused; its id."""
        account_id, row = self.connect(label), self.refusal(error)
        assert row is not None
        assert self.refuse(account_id, row) is not None
        return account_id

    # --- what is there ----------------------------------------------------------------------------------------------

    def row(self, account_id: int) -> Account:
        """The account as it is now."""
        with db.reading() as s:
            return s.get_one(Account, account_id)

    def accounts(self) -> list[Account]:
        """All accounts of the shop."""
        with db.reading() as s:
            return list(s.query(Account).filter_by(shop_id=self.shop_id).order_by(Account.id))

    def incidents(self, kind: str = "") -> list[Incident]:
        """What is open."""
        with db.reading() as s:
            found = s.query(Incident).filter_by(shop_id=self.shop_id).filter(Incident.resolved_at.is_(None))
            return [one for one in found.order_by(Incident.id) if not kind or one.kind == kind]

    def kinds(self) -> list[str]:
        """The kinds that are open."""
        return [one.kind for one in self.incidents()]

    def journal(self, about: str) -> list[JournalEntry]:
        """The dated lines about a subject, oldest first."""
        with db.reading() as s:
            found = s.query(JournalEntry).filter_by(shop_id=self.shop_id, subject=about)
            return list(found.order_by(JournalEntry.id))

    def messages(self) -> list[int]:
        """The messages of the inbox."""
        with db.reading() as s:
            return [one.id for one in s.query(InboxMessage).filter_by(shop_id=self.shop_id).order_by(InboxMessage.id)]

    def drain(self, *names: str) -> int:
        """Work on what is due in this shop."""
        handled = 0
        for name in names:
            work = WORKS[name]
            mine = work.model.shop_id == self.shop_id
            handled += claim.drain([replace(work, only=lambda work=work, mine=mine: (*work.only(), mine))], seconds=5)
        return handled

    def wait(self, **span: float) -> None:
        """Let time pass."""
        self.travel(by=timedelta(**span))
        buckets.refill(self.key)

    def mailed(self) -> list[Letter]:
        """The mails to this merchant so far, once a quarter of an hour has passed."""
        self.wait(minutes=16)
        self.drain("mail")
        return [one for one in self.clinic.letters if self.shop().email in one.to]

    def outbox(self) -> list[Mail]:
        """The mails that are meant for this merchant, sent or not."""
        with db.reading() as s:
            return list(s.query(Mail).filter_by(shop_id=self.shop_id).order_by(Mail.id))


def _filled(text: str, words: Mapping[str, str]) -> str:
    for name, value in words.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _settings(remotes: Mapping[str, Remote]) -> dict[str, str]:
    found = {}
    for key, remote in remotes.items():
        for name, value in vectors(key, "channel")["keys"].items():
            found[f"{key.upper()}_{name}"] = value.replace("{url}", remote.server.url)
    return found


@contextmanager
def open_clinic(queue: Queue, folder: Path) -> Iterator[Clinic]:
    """Everything of a Clinic, on SQLite; torn down after."""
    queue.clear()
    letters: list[Letter] = []
    world = World(Settings(data=folder / "post"))

    def store(_sender: str, to: list[str], raw: bytes) -> None:
        letters.append(_letter(to, raw))

    post = MailServer(world, store)
    post.start()
    with ExitStack() as stack:
        remotes = {key: Remote() for key in registry()}
        for remote in remotes.values():
            stack.enter_context(remote.server)
        nowhere = {"url": "http://127.0.0.1:9", "app_url": "http://localhost:9", "api_key": KEY, "api_secret": SECRET}
        stands = SimpleNamespace(**nowhere, smtp_port=world.smtp_port, app_settings=_settings(remotes))
        app = create_app(settings_for(folder, f"sqlite:///{folder / 'test.db'}", queue.url, stands))  # type: ignore[arg-type]
        tables.make(db.engine())
        yield Clinic(app, remotes, letters)
        with app.app_context():
            db.db.session.remove()
            db.engine().dispose()
    bell.connection().close()
    bell.connection.cache_clear()
    world.stop()
    post.stop()


def _letter(to: list[str], raw: bytes) -> Letter:
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    bodies = {kind: message.get_body((kind,)) for kind in ("plain", "html")}
    text, html = (str(body.get_content()) if body else "" for body in bodies.values())
    return Letter(to, str(message["Subject"]), text, html)
