"""Commands an operator runs by hand: migrations and key rotation."""

from __future__ import annotations

from typing import Any

from sqlalchemy import create_engine, select

from shopapp.cli import folder
from shopapp.config import Config, ConfigError
from shopapp.records import db, vault
from shopapp.records import migrate as migrations


def migrate() -> int:
    """Bring the database to the newest schema; needs no other setting than the database."""
    config = Config.load(serving=False)
    config.check_database()
    if not config["DATABASE_URL"]:
        folder.make(config.data)
    engine = create_engine(config.database_url)
    db.use(engine)
    if migrations.is_newer(engine):
        raise ConfigError("The database is of a later release of shopapp than this one; run that release.")
    migrations.upgrade(engine)
    engine.dispose()
    return 0


def rotate_keys(batch: int = 200) -> int:
    """Encrypt every stored secret with the first key of ENCRYPTION_KEY. Safe to run again, also while serving."""
    from shopapp import create_app

    create_app()
    changed = 0
    for model, columns in sealed_columns().items():
        last = 0
        while True:
            with db.writing() as s:
                rows = s.scalars(select(model).where(model.id > last).order_by(model.id).limit(batch)).all()
                for row in rows:
                    last = row.id
                    for column in columns:
                        if not vault.is_current(getattr(row, column) or ""):
                            vault.seal(row, column, vault.unseal(row, column))
                            changed += 1
            if len(rows) < batch:
                break
    print(f"{changed} secrets encrypted anew; older keys may now be removed from ENCRYPTION_KEY")
    return 0


def sealed_columns() -> dict[Any, tuple[str, ...]]:
    """Which columns hold sealed secrets."""
    from shopapp.records.models import Account, LoginAttempt, Mail, Shop

    return {
        Shop: ("access_token", "refresh_token"),
        Account: ("credentials", "access_token"),
        LoginAttempt: ("state", "verifier", "result"),
        Mail: ("secret",),
    }
