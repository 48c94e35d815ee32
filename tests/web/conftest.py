"""A merchant's browser on the whole application: a shop of the sandbox, minted ID tokens, rows put in place directly."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import Account, AccountSite, AccountStatus, Order, OrderLine, OrderState, Shop
from shopapp.records.vault import new_uid
from tests.stage.box import Box
from tests.stage.queue import Queue
from tests.web.desk import Desk, open_desk
from tests.web.ownership import watched

DE = "A1PA6795UKMFR9"
USER = "71"


# Test files whose pages are watched for queries that forget the shop.
WATCHED = (
    "orders",
    "order",
    "home",
    "plan",
    "inbox",
    "accounts",
    "backfills",
    "settings",
    "skus",
    "order_product",
    "listings",
)


@pytest.fixture(autouse=True)
def _every_row_is_asked_for_as_a_shops_own(request: pytest.FixtureRequest) -> Iterator[None]:
    """A page that reads rows without saying whose they are fails whichever test opens it."""
    if request.module.__name__.rpartition("test_")[2] not in WATCHED:
        yield
        return
    with watched() as wrong:
        yield
    assert not wrong, sorted(set(wrong))


@dataclass
class Merchant:
    """A staff member who has the app open: every request carries a fresh ID token, as App Bridge's fetch does."""

    client: FlaskClient
    box: Box
    domain: str
    user: str = USER
    locale: str = "en"

    def headers(self) -> dict[str, str]:
        """What App Bridge and the relay send along."""
        now = int(clock.now().timestamp())
        claims = {
            "iss": f"https://{self.domain}/admin", "dest": f"https://{self.domain}", "aud": self.box.api_key,
            "sub": self.user, "exp": now + 60, "nbf": now - 5, "iat": now - 5, "jti": secrets.token_hex(8), "sid": "s1",
        }  # fmt: skip
        token = jwt.encode(claims, self.box.api_secret, "HS256")
        return {
            "Authorization": f"Bearer {token}", "X-Requested-With": "XMLHttpRequest", "Sec-Fetch-Dest": "empty",
            "Accept": "text/html", "Accept-Language": self.locale,
        }  # fmt: skip

    def get(self, path: str) -> TestResponse:
        """A visit."""
        return self.client.get(path, headers=self.headers())

    def post(self, path: str, data: dict[str, Any] | None = None) -> TestResponse:
        """A form."""
        return self.client.post(path, data=data or {}, headers=self.headers())

    def page(self, path: str, status: int = 200) -> str:
        """The HTML of a visit that ends with `status`."""
        answer = self.get(path)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.location} {answer.text[:300]}"
        return str(answer.text)

    @property
    def shop_id(self) -> int:
        """Our key of the shop, installed by its first visit."""
        with db.reading() as s:
            found = s.query(Shop.id).filter_by(domain=self.domain).scalar()
        if found is None:
            self.get("/accounts")
            return self.shop_id
        return int(found)


def merchant_of(app: Flask, box: Box, **wish: Any) -> Merchant:
    """A merchant of a fresh shop."""
    domain = box.post("/shops", {"name": f"w-{secrets.token_hex(5)}", "timezone": "Europe/Berlin", **wish})["domain"]
    merchant = Merchant(app.test_client(), box, domain)
    assert merchant.shop_id
    return merchant


@pytest.fixture
def client(app: Flask, box: Box) -> Iterator[Merchant]:
    """The merchant whose pages are looked at."""
    yield merchant_of(app, box)
    box.clear_faults()


@pytest.fixture
def stranger(app: Flask, box: Box) -> Merchant:
    """The merchant of another shop."""
    return merchant_of(app, box)


@pytest.fixture
def shop_id(client: Merchant) -> int:
    """Our key of the client's shop."""
    return client.shop_id


@pytest.fixture
def desk(queue: Queue, tmp_path: Path) -> Iterator[Desk]:
    """The app with one installed shop and no remote at all: for pages that never ask one."""
    yield from open_desk(queue, tmp_path)


def add_account(shop_id: int, **values: Any) -> int:
    """An account of the shop, working unless said otherwise; its id."""
    now = clock.now()
    given = {
        "channel": "amazon", "realm": "eu", "seller_id": f"A{secrets.token_hex(6).upper()}", "label": "My Amazon",
        "status": AccountStatus.ACTIVE, "status_since": now, "created_at": now, "worked_at": now,
        "take_over_at": now - timedelta(days=1),
    }  # fmt: skip
    with db.writing() as s:
        account = Account(shop_id=shop_id, **(given | values))
        s.add(account)
        s.flush()
        if account.seller_id:
            site = {"channel": account.channel, "realm": account.realm, "seller_id": account.seller_id, "site": DE}
            s.add(AccountSite(shop_id=shop_id, account_id=account.id, name="Amazon.de", importing=True, **site))
        return account.id


def add_order(shop_id: int, account_id: int, number: str, *, skus: tuple[str, ...] = ("MUG-1",), **values: Any) -> int:
    """An order of the account with one line for each SKU; its id."""
    now = clock.now()
    given = {
        "remote_order_id": number, "state": OrderState.IMPORTED, "site": DE, "remote_state": "UNSHIPPED",
        "remote_created_at": now - timedelta(hours=1), "remote_updated_at": now, "found_at": now,
        "currency": "EUR", "total_minor": 1990, "buyer_name": "Erika Muster",
    }  # fmt: skip
    with db.writing() as s:
        account = s.get_one(Account, account_id)
        key = {"channel": account.channel, "realm": account.realm, "seller_id": account.seller_id or ""}
        order = Order(uid=new_uid(), shop_id=shop_id, account_id=account_id, **key, **(given | values))
        s.add(order)
        s.flush()
        for count, sku in enumerate(skus):
            line = {"line_id": str(count), "sku": sku, "title": f"Mug {sku}", "quantity": 1, "total_minor": 1990}
            s.add(OrderLine(shop_id=shop_id, order_id=order.id, **line))
        return order.id
