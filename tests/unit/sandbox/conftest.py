"""Fixtures of the sandbox's unit tests: a started sandbox with its switches, and a seat at its Amazon."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.sandbox.server import Sandbox, create_sandbox
from tests.unit.sandbox.seat import DE, UK, Amazon, Json, Lines
from tests.unit.sandbox.shelf import Shelf


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with create_sandbox({"data": tmp_path / "data"}) as running:
        yield running


@pytest.fixture
def http_session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.fixture
def post(sandbox: Sandbox, http_session: requests.Session) -> Callable[[str, Any], Any]:
    def send(path: str, value: Any) -> Any:
        answer = http_session.post(sandbox.url + path, json=value, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    return send


@pytest.fixture
def ledger(sandbox: Sandbox, http_session: requests.Session) -> Lines:
    def read(**filters: Any) -> list[dict[str, Any]]:
        answer = http_session.get(sandbox.url + "/_sandbox/ledger", params=filters, timeout=10)
        return [json.loads(line) for line in answer.text.splitlines()]

    return read


@pytest.fixture
def amazon(tmp_path: Path) -> Iterator[Amazon]:
    """Its clock nearly stands still, so that a slow machine refills no bucket."""
    settings = {"data": tmp_path, "time_scale": 0.001}
    with create_sandbox(settings) as sandbox, requests.Session() as session:
        yield Amazon(sandbox, session)


@pytest.fixture
def seller(amazon: Amazon) -> Json:
    """A seller whose orders are visible at once."""
    made = amazon.seller(marketplaces=[DE, UK])
    return amazon.state(made, visible_lag_seconds=0)


@pytest.fixture
def token(amazon: Amazon, seller: Json) -> str:
    return amazon.access(seller["seller_id"])


@pytest.fixture
def shelf(amazon: Amazon, seller: Json, token: str) -> Shelf:
    """That seller's listings; usage plans do not bite."""
    amazon.control("amazon/settings", {"buckets": False})
    return Shelf(amazon, seller, token)
