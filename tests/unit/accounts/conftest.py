"""An empty database, the sandbox as Amazon, a queue for the buckets; no web."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from shopapp import runtime
from shopapp.records import db, vault
from shopapp.work import bell
from tests.stage import tables
from tests.stage.box import Box
from tests.stage.queue import Queue
from tests.stage.settings import settings_for
from tests.unit.accounts.steps import Stage


@pytest.fixture
def stage(database: str, tmp_path: Path, queue: Queue, box: Box) -> Iterator[Stage]:
    """An empty database, the sandbox as Amazon, a queue for the buckets."""
    queue.clear()
    config = settings_for(tmp_path, database, queue.url, box)
    runtime.setup(config)
    vault.configure(config.encryption_keys)
    bell.configure(queue.url, "")
    engine = create_engine(config.database_url)
    db.use(engine)
    tables.make(engine)
    ready = Stage(box)
    yield ready
    ready.heal()
    engine.dispose()
    bell.connection().close()
    bell.connection.cache_clear()
