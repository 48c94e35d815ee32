"""All faults of the wire, one after the other, at a marketplace that a shop lives from: what matters is as it was."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from marketplaces.wire import Http
from shopapp import clock
from shopapp.accounts import line
from shopapp.orders.pages import Place
from shopapp.records import db
from shopapp.records.models import AccountStatus, OrderState
from tests.channels.faults import STRANGE
from tests.journeys.life import Life

pytestmark = pytest.mark.journey

ALL = os.environ.get("SHOPAPP_FAULTS") == "all"  # every fault at both endpoints on both databases
DEADLINE = 2.0  # seconds of a call here; that 30 are shipped is proven by tests/channels
WHOLE = 1 if ALL else 4  # at every so many-th fault all other jobs run as well
TOKEN = "lwa"  # the sandbox's name of the token endpoint


@pytest.fixture(autouse=True)
def _short_deadline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(line, "Http", functools.partial(Http, seconds=DEADLINE))
    line._http.cache_clear()
    yield
    line._http.cache_clear()


def _said(status: int, body: Any, **headers: str) -> tuple[str, dict[str, Any]]:
    text = body if isinstance(body, str) else json.dumps(body)
    return "status", {"status": status, "body": text, "headers": headers}


def _page(**more: Any) -> dict[str, Any]:
    return {"orders": [], "lastUpdatedBefore": clock.now().isoformat(), **more}


def _faults() -> dict[str, tuple[str, dict[str, Any]]]:
    """Name -> the sandbox's kind and params: each row of the matrix once."""
    rows: dict[str, tuple[str, dict[str, Any]]] = {
        f"429 {wait}": _said(429, {"errors": []}, **({"Retry-After": wait} if wait else {}))
        for wait in ("", "2", "2.0", "-5", "86400", "Sat, 21 Nov 2037 11:00:00 GMT", "soon")
    }
    rows |= {f"{status}": _said(status, {"error": "invalid_grant"}) for status in (500, 502, 503, 504, 408)}
    rows |= {f"{status} of a proxy": _said(status, "<html>blocked</html>") for status in (400, 401, 403, 404)}
    rows |= {f"{status} away": _said(status, "", Location="https://evil.example/") for status in (301, 302, 307)}
    for body in (
        "null",
        "[]",
        "{}",
        '""',
        "7",
        '{"orders": [',
        "[" * 100_000,
        '{"n": ' + "9" * 5000 + "}",
        '{"n": NaN}',
    ):
        rows[f"body {body[:12]}"] = _said(200, body)
    rows["a page that does not end"] = _said(200, _page(pagination={"nextToken": "again"}))
    rows["a token that cannot be kept"] = _said(200, _page(pagination={"nextToken": "\x00\ud800"}))
    rows["a page of the next century"] = _said(200, _page(lastUpdatedBefore="2199-01-01T00:00:00Z"))
    rows["rows that are no orders"] = _said(200, _page(orders=[*STRANGE]))
    rows |= {kind: (kind, {}) for kind in ("html", "empty", "null", "truncate", "reset", "commit_then_reset")}
    rows |= {"timeout": ("timeout", {"seconds": 0.1}), "bomb": ("bomb", {"mb": 50})}
    return rows | {"silence": ("timeout", {"seconds": 2 * DEADLINE}), "drip": ("drip", {"seconds": 0.05})}


def _struck() -> list[tuple[str, str, str, dict[str, Any]]]:
    """(name, system, kind, params) in order. By default each is struck once, and a third of them on SQLite."""
    chosen = []
    sqlite = db.engine().dialect.name == "sqlite"
    for number, (name, (kind, params)) in enumerate(_faults().items()):
        systems = ["amazon", TOKEN] if ALL else [TOKEN if number % 4 == 2 and name not in PAGES else "amazon"]
        if ALL or not sqlite or number % 3 == 0:
            chosen += [(name, system, kind, params) for system in systems]
    return chosen


PAGES = (
    "a page that does not end",
    "a token that cannot be kept",
    "a page of the next century",
    "rows that are no orders",
)
HEALTHY = ("a page of the next century", "rows that are no orders")  # answers all the same: the cursor may move


@pytest.mark.both_databases
def test_after_every_fault_of_the_matrix_all_is_as_before_and_the_next_poll_imports(life: Life) -> None:
    life = life.another(plan="plus")
    life.product("A-1", price="0.10")
    seller = life.seller()
    account_id = life.connect(seller)
    life.work(minutes=5)
    for number, (name, system, kind, params) in enumerate(_struck()):
        cursor = life.account(account_id).cursor_at
        assert cursor is not None
        life.box.fault(system, kind, times=None, params=params)
        # Longer than any wait, and the access is over: the poll begins with a refresh.
        if number % WHOLE:
            life.poll(minutes=61)
        else:
            life.work(minutes=61)
            life.work(minutes=1)  # if another job was just refreshing, the poll came back a little later
        account = life.account(account_id)
        assert account.status == AccountStatus.ACTIVE, f"{name} of {system}"
        assert Place.read(account.page_token).token in ("", "again"), name
        moved = account.cursor_at
        assert moved is not None
        if system == "amazon" and name in HEALTHY:
            assert cursor <= moved <= clock.now() - timedelta(minutes=10), name
        else:
            assert moved == cursor, f"{name} of {system}"
        struck = life.box.get("/faults")
        assert struck[0]["hits"], f"{name} of {system} struck nothing: {account.poll_words} {account.due_at}"
        life.box.clear_faults()
    sold = life.sell(seller, sku="A-1", price="0.10", count=20)
    life.work(minutes=61)
    life.work(minutes=3)
    life.work(minutes=3)
    assert sorted(life.created()) == sorted(sold)
    assert {row.state for row in life.orders()} == {OrderState.IMPORTED}
    assert not life.incidents("account_expired", all_time=True)
    assert not life.incidents("permission_missing", all_time=True)
    assert not life.banners()
    assert not life.mails()
    assert life.account(account_id).poll_words == ""
