"""The tables: every column is marked, the migrations' head equals the models, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine

from shopapp.records import db, migrate, models
from tests.stage.postgres import Postgres

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
