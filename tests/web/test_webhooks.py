"""Deliveries over HTTP: acknowledged only once committed, refused when not Shopify's; and the two health pages."""

import base64
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import Client

from shopapp import clock
from shopapp.records import db, migrate
from shopapp.records.models import Receipt
from shopapp.web import health, session, webhooks
from shopapp.work import bell, schedule
from tests.stage.box import Box
from tests.stage.queue import Queue
from tests.unit.shops.ground import Ground, as_settings, both_databases, ready_ground

BODY = '{"name": "Müller & Söhne"}'.encode()


@pytest.fixture
def ground(request: pytest.FixtureRequest, box: Box, queue: Queue, tmp_path: Path) -> Iterator[Ground]:
    yield from ready_ground(request, box, queue, tmp_path)


@pytest.fixture
def client(ground: Ground) -> FlaskClient:
    app = Flask(__name__)
    session.init_app(app)
    app.register_blueprint(webhooks.blueprint)
    app.register_blueprint(health.blueprint)
    return app.test_client()


def signed(ground: Ground, body: bytes = BODY, **other: str) -> dict[str, str]:
    digest = hmac.new(ground.config["SHOPIFY_API_SECRET"].encode(), body, hashlib.sha256).digest()
    headers = {
        "X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode(),
        "X-Shopify-Topic": "shop/update",
        "X-Shopify-Shop-Domain": "a-b.myshopify.com",
        "X-Shopify-Webhook-Id": secrets.token_hex(8),
        "Content-Type": "application/json",
    }
    return headers | {f"X-Shopify-{name.replace('_', '-')}": value for name, value in other.items()}


def stored() -> list[Receipt]:
    with db.reading() as s:
        return list(s.scalars(select(Receipt)))


def test_a_delivery_is_committed_before_it_is_answered_and_rings(ground: Ground, client: FlaskClient) -> None:
    assert client.post("/webhooks/shopify", data=BODY, headers=signed(ground)).status_code == 200
    (row,) = stored()
    assert (row.topic, row.shop_domain, row.body) == ("shop/update", "a-b.myshopify.com", BODY)
    assert row.due_at is not None
    assert row.due_at <= clock.now()
    assert bell.queue("now").count == 1


def test_without_the_queue_the_delivery_is_kept_all_the_same(
    ground: Ground, client: FlaskClient, tmp_path: Path
) -> None:
    bell.configure(f"unix://{tmp_path}/nobody.sock", "shopapp.jobs.horse")
    assert client.post("/webhooks/shopify", data=BODY, headers=signed(ground)).status_code == 200
    assert len(stored()) == 1


@both_databases
def test_copies_that_arrive_together_are_kept_once(ground: Ground, client: FlaskClient) -> None:
    headers = signed(ground)

    def post(_: int) -> int:
        return client.application.test_client().post("/webhooks/shopify", data=BODY, headers=headers).status_code

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(post, range(12))) == [200] * 12
    assert len(stored()) == 1


def test_two_messages_of_one_event_are_both_kept(ground: Ground, client: FlaskClient) -> None:
    for _ in range(2):
        client.post("/webhooks/shopify", data=BODY, headers=signed(ground, Event_Id="the-same-action"))
    assert len(stored()) == 2


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Hmac_Sha256": "wrong"}, 401),
        ({"Hmac_Sha256": ""}, 401),
        ({"Shop_Domain": "evil.test"}, 400),
        ({"Topic": ""}, 400),
        ({"Webhook_Id": "x" * 500}, 400),
    ],
)
def test_what_is_not_shopifys_is_refused_and_not_kept(
    ground: Ground, client: FlaskClient, changes: dict[str, str], status: int
) -> None:
    assert client.post("/webhooks/shopify", data=BODY, headers=signed(ground, **changes)).status_code == status
    assert stored() == []


def test_a_cookie_signature_is_no_webhook_signature(ground: Ground, client: FlaskClient) -> None:
    with as_settings(ground.config, SHOPIFY_API_SECRET=secrets.token_hex(24)):
        headers = signed(ground)
        assert client.post("/webhooks/shopify", data=BODY, headers=headers).status_code == 401


def test_a_body_that_cannot_be_committed_is_not_acknowledged(ground: Ground, client: FlaskClient) -> None:
    db.Base.metadata.tables["receipt"].drop(db.engine())
    assert client.post("/webhooks/shopify", data=BODY, headers=signed(ground)).status_code == 503


def test_a_get_is_not_answered(client: FlaskClient) -> None:
    assert client.get("/webhooks/shopify").status_code == 405


def test_the_process_says_that_it_lives_without_asking_anybody(ground: Ground, client: FlaskClient) -> None:
    db.engine().dispose()
    answer = client.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


def make_ready() -> None:
    db.Base.metadata.drop_all(db.engine())
    migrate.upgrade(db.engine())
    schedule.beat()


@both_databases
def test_readiness_needs_database_scheduler_queue_and_key(ground: Ground, client: FlaskClient, tmp_path: Path) -> None:
    assert health.troubles()
    assert client.get("/readyz").status_code == 503
    make_ready()
    assert health.troubles() == []
    assert client.get("/readyz").status_code == 200
    clock.travel(by=timedelta(minutes=2))
    assert health.troubles() == ["scheduler"]
    clock.travel()
    with as_settings(ground.config, ENCRYPTION_KEY=""):
        assert health.troubles() == ["encryption_key"]
    bell.configure(f"unix://{tmp_path}/nobody.sock", "shopapp.jobs.horse")
    assert health.troubles() == ["queue"]
    answer = client.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "not ready\n")


def test_readiness_needs_the_tables(ground: Ground, client: FlaskClient) -> None:
    make_ready()
    db.Base.metadata.tables["chore"].drop(db.engine())
    assert health.troubles() == ["database"]
    assert client.get("/readyz").status_code == 503


def burst(client: FlaskClient, requests: list[dict[str, str]]) -> list[int]:
    def post(headers: dict[str, str]) -> int:
        return client.application.test_client().post("/webhooks/shopify", data=BODY, headers=headers).status_code

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(post, requests))


@both_databases
def test_of_a_burst_nothing_is_lost_and_copies_are_kept_once(ground: Ground, client: FlaskClient) -> None:
    once = [signed(ground) for _ in range(200)]
    assert burst(client, [*once, *once[::4]]) == [200] * 250
    ids = [row.webhook_id for row in stored()]
    assert sorted(ids) == sorted(one["X-Shopify-Webhook-Id"] for one in once)
    assert bell.queue("now").count >= 1


@both_databases
def test_a_burst_into_a_database_that_fails_is_not_acknowledged_and_the_next_one_is_kept(
    ground: Ground, client: FlaskClient
) -> None:
    table = db.Base.metadata.tables["receipt"]
    table.drop(db.engine())
    once = [signed(ground) for _ in range(40)]
    assert set(burst(client, once)) == {503}
    table.create(db.engine())
    assert burst(client, once) == [200] * 40
    assert len(stored()) == 40


@both_databases
def test_nobody_hears_of_a_delivery_before_it_is_committed(
    ground: Ground, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, go_on, real = threading.Event(), threading.Event(), db.keep

    def slow(*args: Any, **more: Any) -> None:
        reached.set()
        assert go_on.wait(20)
        real(*args, **more)

    monkeypatch.setattr(db, "keep", slow)
    with ThreadPoolExecutor(12) as pool:
        answers = [pool.submit(burst, client, [signed(ground)]) for _ in range(12)]
        assert reached.wait(20)
        time.sleep(0.3)
        assert not [one for one in answers if one.done()]
        assert stored() == []
        go_on.set()
        assert [one.result(20) for one in answers] == [[200]] * 12
    assert len(stored()) == 12


def test_the_door_answers_before_the_application_and_passes_everything_else_on(ground: Ground) -> None:
    def application(_environ: Any, start_response: Any) -> list[bytes]:
        start_response("204 No Content", [])
        return []

    client = Client(webhooks.Door(application))
    assert client.post("/webhooks/shopify", data=BODY, headers=signed(ground)).status_code == 200
    assert client.post("/webhooks/shopify", data=BODY).status_code == 401
    assert client.post("/webhooks/shopify", data=b"x" * (webhooks.LARGEST + 1)).status_code == 413
    assert client.get("/webhooks/shopify").status_code == 204
    assert client.post("/webhooks/shopify/", data=BODY, headers=signed(ground)).status_code == 204
    assert len(stored()) == 1
