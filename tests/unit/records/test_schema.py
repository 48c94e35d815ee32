"""The tables: every column is marked, the migrations' head equals the models, on both databases."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from shopapp.records import db, migrate, models
from tests.stage.postgres import Postgres

ROOT = Path(__file__).resolve().parent.parent.parent.parent
TABLES = db.Base.metadata.tables


def test_every_column_is_marked_personal_or_not() -> None:
    unmarked = [
        f"{table.name}.{column.name}"
        for table in TABLES.values()
        for column in table.c
        if "personal" not in column.info
    ]
    assert unmarked == []
    assert {"payload", "buyer_name"} <= {column.name for column in models.Order.__table__.c if column.info["personal"]}


def test_every_table_of_a_shop_can_be_found_by_its_shop() -> None:
    without = {name for name, table in TABLES.items() if not {"shop_id", "shop_domain"} & set(table.c.keys())}
    assert without == {"shop", "chore", "fx_rate", "channel_outage"}


def _check(url: str) -> None:
    engine = create_engine(url)
    db.use(engine)
    try:
        assert not migrate.at_head(engine)
        migrate.upgrade(engine)
        assert migrate.at_head(engine)
        assert migrate.differences(engine) == []
        migrate.downgrade(engine, "base")
        assert not migrate.at_head(engine)
        migrate.upgrade(engine)
    finally:
        engine.dispose()


def test_the_newest_migration_equals_the_models_on_sqlite(tmp_path: object) -> None:
    _check(f"sqlite:///{tmp_path}/m.db")


@pytest.mark.postgres
def test_the_newest_migration_equals_the_models_on_postgresql(postgres: Postgres) -> None:
    with postgres.database() as url:
        _check(url)


@pytest.mark.postgres
def test_machines_that_are_started_together_migrate_one_after_the_other(postgres: Postgres) -> None:
    command = [sys.executable, "-m", "shopapp.cli", "migrate"]
    with postgres.database() as url:
        env = {**os.environ, "DATABASE_URL": url}
        together = [subprocess.Popen(command, env=env, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(3)]
        told = [one.communicate(timeout=120)[1] for one in together]
        assert [one.returncode for one in together] == [0, 0, 0], told
