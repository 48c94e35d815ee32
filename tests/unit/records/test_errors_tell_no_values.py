"""What the database says of a row that it refuses must not carry the row into the log."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from shopapp import create_app
from shopapp.logs import JsonFormatter
from shopapp.records import db
from shopapp.records.models import Order
from shopapp.work import bell
from tests.stage import tables
from tests.stage.box import Box
from tests.stage.queue import Queue
from tests.stage.settings import settings_for

CANARY = "Brigitta Canarini, Elmweg 17"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def ready(request: pytest.FixtureRequest, queue: Queue, box: Box, tmp_path: Path) -> Iterator[None]:
    if request.param == "sqlite":
        yield from _ready(f"sqlite:///{tmp_path / 'test.db'}", queue, box, tmp_path)
        return
    with request.getfixturevalue("postgres").database(tables=True) as url:
        yield from _ready(url, queue, box, tmp_path)


def _ready(url: str, queue: Queue, box: Box, folder: Path) -> Iterator[None]:
    app = create_app(settings_for(folder, url, queue.url, box))
    tables.make(db.engine())
    yield
    with app.app_context():
        db.engine().dispose()
    bell.connection().close()
    bell.connection.cache_clear()


@pytest.mark.parametrize("wrong", ["a value is missing", "a text is too long", "not a number", "not JSON"])
def test_a_refused_row_is_logged_without_its_values(ready: None, wrong: str) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    log = logging.getLogger("tests.refused")
    log.addHandler(handler)
    try:
        _refused(wrong)
    except SQLAlchemyError:
        log.exception("order_lost_in_page")
    finally:
        log.removeHandler(handler)
    if db.engine().dialect.name == "postgresql":
        assert "order_lost_in_page" in stream.getvalue(), "the database refused nothing"
    for word in ("Canarini", "Elmweg"):
        assert word not in stream.getvalue()


def _refused(wrong: str) -> None:
    with db.writing() as s:
        match wrong:
            case "a value is missing":
                s.add(Order(buyer_name=CANARY, payload={"name": CANARY}))
                s.flush()
            case "a text is too long":
                s.execute(text("SELECT CAST(:told AS varchar(3)), CAST(:told AS integer)"), {"told": CANARY})
            case "not a number":
                s.execute(text("SELECT CAST(:told AS integer)"), {"told": CANARY})
            case _:
                s.execute(text("SELECT CAST(:told AS json)"), {"told": f"{{{CANARY}"})
