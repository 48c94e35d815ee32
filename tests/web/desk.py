"""A merchant at the desk: the whole app on an empty database, ID tokens minted by the test, rows put in directly.

No remote is there: a page view calls none, and a page that tried would be refused the connection.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jwt
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from marketplaces.channels import registry
from shopapp import clock, create_app, runtime
from shopapp.alerts import incidents
from shopapp.plans.entitlements import begin_trial
from shopapp.records import db
from shopapp.records.models import Account, AccountStatus, Incident, Order, OrderLine, OrderState, Shop
from shopapp.work import bell
from tests.stage import tables
from tests.stage.queue import Queue
from tests.stage.settings import settings_for

USER = "71"
KEY, SECRET = secrets.token_hex(16), secrets.token_hex(24)
HOSTILE = """"><script>alert('x')</script><s-banner heading='y'>&"""


def nowhere() -> Any:
    """What stands in for the sandbox in the settings: addresses at which nobody listens."""
    return SimpleNamespace(
        url="http://127.0.0.1:9",
        smtp_port=9,
        app_url="http://localhost:9",
        api_key=KEY,
        api_secret=SECRET,
        app_settings=_every_channel("http://127.0.0.1:9"),
    )


def _every_channel(address: str) -> dict[str, str]:
    """What every channel needs to be offered, and nobody behind it."""
    found = {"AMAZON_APPLICATION_ID": "amzn1.sp.solution.sandbox"}
    for channel in registry().values():
        for one in channel.app_keys:
            base = one.name.endswith(("_BASE", "_URL"))
            value = f"{address}/{channel.key}/{one.name.lower()}" if base else f"{channel.key}-{one.name.lower()}"
            if base or one.name in channel.settings:
                found.setdefault(f"{channel.key.upper()}_{one.name}", value)
    found["AMAZON_LOGIN_BASE"] = f"{address}/amazon/sellercentral/{{region}}"
    return found


@dataclass
class Tags(HTMLParser):
    """The start tags of a page: (name, attributes)."""

    found: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


@dataclass
class Page:
    """An answer as a person and a parser see it."""

    response: TestResponse

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def html(self) -> str:
        return self.response.get_data(as_text=True)

    @property
    def text(self) -> str:
        """The words between the tags and in the attributes that a person reads, blanks folded."""
        return re.sub(r"\s+", " ", unescape(self.html)).replace("\u00a0", " ").replace("\u202f", " ")

    def tags(self, name: str, /, **attributes: str) -> list[dict[str, str]]:
        """The attributes of each element `name` that has these."""
        tags = Tags()
        tags.feed(self.html)
        return [
            has
            for tag, has in tags.found
            if tag == name and all(has.get(key) == one for key, one in attributes.items())
        ]

    @property
    def links(self) -> list[str]:
        """Where the page leads."""
        tags = Tags()
        tags.feed(self.html)
        return [has["href"] for tag, has in tags.found if tag in ("a", "s-link", "s-button") and "href" in has]

    @property
    def goes_to(self) -> str:
        return self.response.headers.get("Location", "")


@dataclass
class Desk:
    """The app, one installed shop, and its merchant."""

    app: Flask
    shop_id: int
    domain: str
    client: FlaskClient = field(init=False)
    language: str = "en"

    def __post_init__(self) -> None:
        self.client = self.app.test_client()

    def token(self) -> str:
        now, config = int(time.time()), runtime.config()
        claims = {
            "iss": f"https://{self.domain}/admin",
            "dest": f"https://{self.domain}",
            "aud": config["SHOPIFY_API_KEY"],
            "sub": USER,
            "exp": now + 60,
            "nbf": now - 5,
            "iat": now - 5,
            "jti": "j",
            "sid": "s",
        }
        return jwt.encode(claims, config["SHOPIFY_API_SECRET"], algorithm="HS256")

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.token()}",
            "X-Requested-With": "XMLHttpRequest",
            "Sec-Fetch-Dest": "empty",
            "Accept-Language": self.language,
        }

    def get(self, path: str) -> Page:
        return Page(self.client.get(path, headers=self.headers))

    def post(self, path: str, **form: Any) -> Page:
        return Page(self.client.post(path, data=form, headers=self.headers))

    def shop(self) -> Shop:
        with db.reading() as s:
            return s.get_one(Shop, self.shop_id)

    def change(self, **columns: Any) -> None:
        """Change the shop's row."""
        with db.writing() as s:
            shop = s.get_one(Shop, self.shop_id)
            for name, value in columns.items():
                setattr(shop, name, value)

    def account(self, **columns: Any) -> int:
        """An account; a working one unless said otherwise."""
        now = clock.now()
        values: dict[str, Any] = {
            "channel": "amazon",
            "realm": "eu",
            "seller_id": f"A{time.monotonic_ns()}",
            "label": "My Amazon",
            "status": AccountStatus.ACTIVE,
            "status_since": now - timedelta(days=3),
            "worked_at": now - timedelta(days=3),
            "created_at": now - timedelta(days=3),
            "take_over_at": now - timedelta(days=3),
            "polled_at": now - timedelta(minutes=2),
            "polled_count": 3,
        } | columns
        with db.writing() as s:
            account = Account(shop_id=values.pop("shop_id", self.shop_id), **values)
            s.add(account)
            s.flush()
            return account.id

    def order(self, account_id: int, state: str = OrderState.IMPORTED, **columns: Any) -> int:
        """An order with one line."""
        now = clock.now()
        values: dict[str, Any] = {
            "channel": "amazon",
            "realm": "eu",
            "seller_id": "A1",
            "remote_order_id": f"304-{time.monotonic_ns()}",
            "remote_created_at": now - timedelta(hours=1),
            "remote_updated_at": now - timedelta(hours=1),
            "found_at": now,
            "currency": "EUR",
            "total_minor": 1990,
        } | columns
        sku, gid = values.pop("sku", "SKU-1"), values.pop("variant_gid", "")
        with db.writing() as s:
            order = Order(shop_id=self.shop_id, account_id=account_id, state=state, **values)
            order.lines = [
                OrderLine(
                    shop_id=self.shop_id, line_id="1", sku=sku, title="Mug", quantity=1, total_minor=1990,
                    variant_gid=gid,
                )
            ]  # fmt: skip
            s.add(order)
            s.flush()
            return order.id

    def incident(self, kind: str, subject: str, words: str = "", **params: Any) -> int:
        """An open incident."""
        with db.writing() as s:
            return incidents.open_(s, self.shop_id, kind, subject, params, words).id

    def break_account(self, label: str = "My Amazon", words: str = "invalid_grant", **columns: Any) -> int:
        """An account whose access was refused, with its incident; its id."""
        broken = {"status": AccountStatus.EXPIRED, "cause": "expired", "cause_words": words}
        account_id = self.account(label=label, **(broken | columns))
        params = {"account_id": account_id, "label": label, "channel": "amazon", "cause": "expired"}
        self.incident("account_expired", f"account:{account_id}", words, **params)
        return account_id

    def travel(self, to: datetime | None = None, *, by: timedelta | None = None) -> None:
        """Move the app's clock; the shop's access stays fresh."""
        clock.travel(to, by=by, freeze=True)
        self.change(
            last_opened_at=clock.now(),
            access_expires_at=clock.now() + timedelta(hours=1),
            refresh_expires_at=clock.now() + timedelta(days=30),
        )

    def resolve(self, incident_id: int) -> None:
        with db.writing() as s:
            s.get_one(Incident, incident_id).resolved_at = clock.now()


def install(domain: str, **columns: Any) -> int:
    """A shop that opened the app a moment ago, with everything it needs; its id."""
    now = clock.now()
    values: dict[str, Any] = {
        "gid": "gid://shopify/Shop/1",
        "email": "owner@blue.test",
        "currency": "EUR",
        "timezone": "Europe/Berlin",
        "location_count": 1,
        "installed_at": now - timedelta(days=3),
        "last_opened_at": now,
        "scopes": runtime.config().scopes,
        "access_token": "sealed",
        "access_expires_at": now + timedelta(hours=1),
        "refresh_token": "sealed",
        "refresh_expires_at": now + timedelta(days=30),
        "ref_definition_at": now,
        "locale": "en",
    } | columns
    with db.writing() as s:
        shop = Shop(domain=domain, **values)
        begin_trial(shop)
        s.add(shop)
        s.flush()
        return shop.id


def open_desk(queue: Queue, folder: Path, **settings: str) -> Iterator[Desk]:
    """The app with one shop, on SQLite; torn down after."""
    queue.clear()
    app = create_app(settings_for(folder, f"sqlite:///{folder / 'test.db'}", queue.url, nowhere(), **settings))
    tables.make(db.engine())
    domain = "blue.myshopify.com"
    yield Desk(app, install(domain), domain)
    with app.app_context():
        db.db.session.remove()
        db.engine().dispose()
    bell.connection().close()
    bell.connection.cache_clear()
