"""A shop on an empty SQLite database and the counter; no queue, so that nothing is paced here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from shopapp import clock, runtime
from shopapp.accounts import line
from shopapp.config import Config
from shopapp.keys import fresh_key
from shopapp.listings import batching
from shopapp.plans import entitlements
from shopapp.records import db, vault
from shopapp.records.models import Shop
from shopapp.work import bell
from tests.stage import tables
from tests.unit.pushes.counter import Counter
from tests.unit.pushes.scene import START, Scene


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """The stage of one test, the clock standing still."""
    counter = Counter()
    env = {
        "AMAZON_CLIENT_ID": "amzn1.example",
        "AMAZON_CLIENT_SECRET": "example-client-secret",
        "AMAZON_APPLICATION_ID": "amzn1.sp.example",
        "AMAZON_API_BASE": counter.url,
        "AMAZON_TOKEN_URL": f"{counter.url}/token",
        "APP_URL": "https://relay.test",
        "SECRET_KEY": "k" * 40,
        "ENCRYPTION_KEY": fresh_key(),
    }
    config = Config.load(env, serving=False)
    runtime.setup(config)
    vault.configure(config.encryption_keys)
    bell.configure("", "")
    batching._counted.clear()
    line._http.cache_clear()
    engine = create_engine(f"sqlite:///{tmp_path}/p.db")
    db.use(engine)
    tables.make(engine)
    clock.travel(START, freeze=True)
    with db.writing() as s:
        shop = Shop(
            domain="blue.myshopify.com", installed_at=START, currency="EUR", email="owner@blue.test", locale="en",
            use_shop_email=True,
        )  # fmt: skip
        entitlements.begin_trial(shop)
        s.add(shop)
        s.flush()
        shop_id = shop.id
    yield Scene(counter, shop_id)
    line.http_of(_amazon()).close()
    line.http_of(_amazon(), 2).close()
    line._http.cache_clear()
    engine.dispose()
    counter.close()


def _amazon():  # type: ignore[no-untyped-def]
    from marketplaces.channels import registry

    return registry()["amazon"]
