"""Bringing the database to the newest schema, and telling whether it is there."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from shopapp.records.db import Base


def _config(engine: Engine) -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run all missing migrations."""
    command.upgrade(_config(engine), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Undo migrations down to `revision` ("base" undoes all)."""
    command.downgrade(_config(engine), revision)


def write(engine: Engine, message: str) -> None:
    """Write a new migration from the difference between the models and the database (for developers)."""
    command.revision(_config(engine), message=message, autogenerate=True)


def at_head(engine: Engine) -> bool:
    """Whether every migration has run."""
    return _current(engine) == set(ScriptDirectory.from_config(_config(engine)).get_heads())


def is_newer(engine: Engine) -> bool:
    """Whether a later release has migrated the database: no migration of ours leads from there."""
    known = {script.revision for script in ScriptDirectory.from_config(_config(engine)).walk_revisions()}
    return not _current(engine) <= known


def _current(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(MigrationContext.configure(connection).get_current_heads())


def differences(engine: Engine) -> list[object]:
    """What the models have and the database has not, or the other way round; [] when equal."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))
