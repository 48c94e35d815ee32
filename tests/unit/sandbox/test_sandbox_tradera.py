"""The stand-in for Tradera: keys of one use, ends of access, the calls of a day, what waits and what is queued."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.sandbox.server import Sandbox, create_sandbox
from tests.sandbox.tradera.members import APP_ID, APP_KEY, PUBLIC_KEY

WINDOW = {"fromDate": "2020-01-01T00:00:00Z", "toDate": "2090-01-01T00:00:00Z", "queryDateMode": "1"}


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with create_sandbox({"data": tmp_path_factory.mktemp("tradera"), "bucket_factor": "1"}) as running:
        yield running


class Desk:
    """An application at the stand-in, and a member of its own."""

    def __init__(self, box: Sandbox) -> None:
        self.url, self.control = f"{box.url}/tradera", f"{box.url}/_sandbox"
        self.http = requests.Session()
        self.switch("tradera/settings", {"daily_calls": None, "app_refused": False})
        self.switch("clock", {"reset": True})
        self.member: str = self.switch("tradera/sellers", {})["seller_id"]
        self.app = {"X-App-Id": APP_ID, "X-App-Key": APP_KEY}

    def switch(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.http.post(f"{self.control}/{path}", json=body, timeout=20)
        assert answer.ok, answer.text
        return answer.json()

    def log_in(self, key: str, **form: str) -> requests.Response:
        args = {"appId": APP_ID, "pkey": PUBLIC_KEY, "skey": key, "ruparams": "state=abc"}
        told = form or {"seller": self.member}
        return self.http.post(f"{self.url}/token-login", params=args, data=told, timeout=20, allow_redirects=False)

    def fetch(self, key: str, user: str = "") -> requests.Response:
        body = {"userId": int(user or self.member), "secretKey": key}
        return self.http.post(f"{self.url}/v4/auth/token", json=body, headers=self.app, timeout=20)

    def ask(self, path: str, token: str, **params: str) -> requests.Response:
        headers = self.app | {"X-User-Id": self.member, "X-User-Token": token}
        return self.http.get(f"{self.url}/v4{path}", headers=headers, params=params, timeout=20)

    def token(self) -> str:
        key = f"a-key-of-more-than-32-characters-{self.member}"
        self.log_in(key)
        return str(self.fetch(key).json()["authToken"])


@pytest.fixture
def desk(box: Sandbox) -> Iterator[Desk]:
    made = Desk(box)
    yield made
    made.switch("clock", {"reset": True})
    made.http.close()


def test_a_login_hands_back_who_it_was_and_what_it_was_given_and_its_key_works_once(desk: Desk) -> None:
    key = "k" * 40
    back = urlsplit(desk.log_in(key).headers["Location"])
    assert back.path == "/login/return/tradera"
    assert parse_qs(back.query) == {"userId": [desk.member], "state": ["abc"]}
    assert desk.fetch(key, "1").status_code == 403
    assert desk.fetch(key).json()["authToken"]
    assert desk.fetch(key).status_code == 403


def test_a_refusal_comes_back_without_a_user(desk: Desk) -> None:
    back = urlsplit(desk.log_in("n" * 40, action="cancel").headers["Location"])
    assert parse_qs(back.query) == {"state": ["abc"]}


@pytest.mark.parametrize("key", ["short", "x" * 256])
def test_a_key_must_have_32_to_255_characters(desk: Desk, key: str) -> None:
    assert desk.log_in(key).status_code == 400


def test_a_token_may_come_late_and_ends_on_its_day(desk: Desk) -> None:
    desk.switch(f"tradera/sellers/{desk.member}/state", {"token_delay_seconds": 30, "token_days": 2})
    key = "l" * 40
    desk.log_in(key)
    assert desk.fetch(key).json()["authToken"] is None
    desk.switch("clock", {"advance_seconds": 31})
    token = desk.fetch(key).json()["authToken"]
    assert desk.ask("/users/me", token).json()["id"] == int(desk.member)
    desk.switch("clock", {"advance_seconds": 2 * 86_400})
    assert desk.ask("/users/me", token).status_code == 403


def test_the_calls_of_a_method_are_counted_over_all_for_24_hours(desk: Desk) -> None:
    token = desk.token()
    desk.switch("tradera/settings", {"daily_calls": 3})
    assert [desk.ask("/users/me", token).status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    assert desk.ask("/orders", token, **WINDOW).status_code == 200
    desk.switch("clock", {"advance_seconds": 86_401})
    assert desk.ask("/users/me", token).status_code == 200


def test_an_auction_is_an_order_before_it_is_paid_and_changes_when_it_is(desk: Desk) -> None:
    token, mine = desk.token(), f"tradera/sellers/{desk.member}/orders"
    (number,) = desk.switch(mine, {"type": "auction", "price": 120})["order_ids"]
    (order,) = desk.ask("/orders", token, **WINDOW).json()
    assert order["sellerOrderPayments"] == []
    desk.switch("clock", {"advance_seconds": 60})
    desk.switch(f"{mine}/{number}", {"pay": True})
    (paid,) = desk.ask("/orders", token, **WINDOW).json()
    assert paid["sellerOrderPayments"][0]["amount"] == 120
    assert paid["lastUpdatedDate"] > order["lastUpdatedDate"]


def test_who_is_no_seller_is_known_and_refused_for_everything_else(desk: Desk) -> None:
    token = desk.token()
    desk.switch(f"tradera/sellers/{desk.member}/state", {"active": False})
    assert desk.ask("/users/me", token).status_code == 200
    assert desk.ask(f"/users/{desk.member}/seller-info", token).status_code == 403
    assert desk.ask("/orders", token, **WINDOW).status_code == 403
