"""Doctor never says ok of what is broken: the mail server's other door, a key that only old rows need, nobody at work."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from shopapp import clock, runtime
from shopapp.cli import doctor, quotas
from shopapp.config import Config
from shopapp.keys import fresh_key
from shopapp.records import db, vault
from shopapp.records.models import Shop
from shopapp.work import bell
from tests.stage import tables
from tests.stage.queue import Queue
from tests.stage.settings import GOOD
from tests.unit.alerts.test_tls import relay

__all__ = ["relay"]  # a fixture
MAILED = {**GOOD, "MAIL_SERVER": "127.0.0.1", "MAIL_USERNAME": "user", "MAIL_PASSWORD": "password"}


@pytest.fixture(autouse=True)
def _database(tmp_path: Path) -> Iterator[None]:
    engine = create_engine(f"sqlite:///{tmp_path}/d.db")
    db.use(engine)
    tables.make(engine)
    yield
    engine.dispose()
    bell.configure("", "")


def settings(**other: str) -> Config:
    config = Config.load(MAILED | other)
    runtime.setup(config)
    return config


@pytest.mark.filterwarnings("ignore:.*auth_required.*", "ignore:.*require_starttls.*", "ignore:.*Requiring AUTH.*")
@pytest.mark.parametrize("relay", ["starttls", "tls"], indirect=True)
def test_the_mail_server_is_asked_the_way_mails_go(
    relay: tuple[int, object, Path], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, _, certificate = relay
    first = "1" if request.node.callspec.params["relay"] == "tls" else "0"
    config = settings(MAIL_PORT=str(port), MAIL_USE_SSL=first)
    with pytest.raises(doctor.Trouble, match="SSLCertVerificationError"):
        doctor._mail(config)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert doctor._mail(config).startswith("127.0.0.1 answers")


def test_a_key_that_only_the_oldest_row_needs_is_missed() -> None:
    old, new = fresh_key(), fresh_key()
    for number in range(30):
        vault.configure([new] if number else [old])
        with db.writing() as s:
            shop = Shop(domain=f"{number}.myshopify.com", installed_at=clock.now(), uid=vault.new_uid())
            vault.seal(shop, "refresh_token", "x")
            s.add(shop)
    with pytest.raises(doctor.Trouble, match="put it back behind a comma"):
        doctor._keys(settings())
    vault.configure([new, old])
    assert doctor._keys(settings()).startswith("fine")


def test_a_queue_that_nobody_works_on_is_told(queue: Queue) -> None:
    queue.clear()
    bell.configure(queue.url, "none")
    config = settings(REDIS_URL=queue.url)
    assert bell.ring("now")
    assert doctor._queue(config) == "answers, drains waiting: now 1, bulk 0"
    (job,) = bell.queue("now").get_jobs()
    job.enqueued_at = datetime.now(UTC) - timedelta(minutes=4)
    job.save()
    with pytest.raises(doctor.Trouble, match="start `shopapp worker --queue now`"):
        doctor._queue(config)
    bell.connection().close()


def test_a_channel_of_which_a_key_is_forgotten_is_told() -> None:
    settings(AMAZON_CLIENT_ID="a", AMAZON_APPLICATION_ID="b")
    assert ("amazon", False, "is not offered to merchants: AMAZON_CLIENT_SECRET not set") in list(quotas.told())
