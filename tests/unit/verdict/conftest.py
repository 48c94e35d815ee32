"""A database of its own for each test, and a clock that stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from shopapp import clock, runtime
from shopapp.config import Config
from shopapp.records import db
from tests.stage import tables
from tests.unit.verdict.ward import START


@pytest.fixture(autouse=True)
def _database(tmp_path: Path) -> Iterator[None]:
    runtime.setup(Config.load({"APP_URL": "https://app.test", "SECRET_KEY": "k" * 40}, serving=False))
    engine = create_engine(f"sqlite:///{tmp_path}/v.db")
    db.use(engine)
    tables.make(engine)
    clock.travel(START, freeze=True)
    yield
    engine.dispose()
