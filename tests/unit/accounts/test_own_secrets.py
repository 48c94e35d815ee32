"""Our own client secret has a known end: the operator is warned step by step, each once, merchants hear nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select

from shopapp import clock, runtime
from shopapp.accounts import own_secrets
from shopapp.config import Config, ConfigError
from shopapp.records import db
from shopapp.records.models import Incident, Mail
from tests.stage import tables
from tests.unit.test_config import GOOD

END = datetime(2027, 5, 31, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _ground(tmp_path: Path) -> Iterator[None]:
    settings = {"AMAZON_SECRET_UNTIL": "2027-05-31", "OPERATOR_EMAIL": "operator@shopapp.test"}
    runtime.setup(Config.load(settings, serving=False))
    db.use(create_engine(f"sqlite:///{tmp_path}/o.db"))
    tables.make(db.engine())
    yield
    db.engine().dispose()


def days_told() -> list[int]:
    with db.reading() as s:
        assert s.scalars(select(Incident)).all() == []
        return [mail.params["days_left"] for mail in s.scalars(select(Mail).order_by(Mail.id))]


def test_the_operator_is_warned_at_each_step_once() -> None:
    for left in range(120, -5, -1):
        for hour in (3, 9, 15, 21):
            clock.travel(END - timedelta(days=left) + timedelta(hours=hour), freeze=True)
            own_secrets.warnings()
    assert days_told() == [90, 60, 30, 15, 7, 1]


def test_a_day_told_late_is_warned_of_at_once_and_not_for_the_steps_gone_by() -> None:
    clock.travel(END - timedelta(days=20), freeze=True)
    assert [own_secrets.warnings(), own_secrets.warnings()] == [1, 0]
    assert days_told() == [20]


def test_a_new_secret_starts_anew() -> None:
    clock.travel(END - timedelta(days=1), freeze=True)
    own_secrets.warnings()
    newer = {"AMAZON_SECRET_UNTIL": "2027-11-27", "OPERATOR_EMAIL": "operator@shopapp.test"}
    runtime.setup(Config.load(newer, serving=False))
    assert own_secrets.warnings() == 0
    clock.travel(END + timedelta(days=92), freeze=True)
    assert own_secrets.warnings() == 1


def test_a_day_that_is_none_keeps_the_app_from_starting() -> None:
    with pytest.raises(ConfigError, match="AMAZON_SECRET_UNTIL must be a day"):
        Config.load({**GOOD, "AMAZON_SECRET_UNTIL": "next May"})
