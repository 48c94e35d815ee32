"""Commands an operator runs by hand: migrations and key rotation."""

from __future__ import annotations

from typing import Any

from sqlalchemy import create_engine, select
from sqlalchemy.exc import SQLAlchemyError

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
    """Encrypt every stored secret with the first key of ENCRYPTION_KEY. Safe to run again, also while serving.

    1 when some of them open with none of the keys; all others are done nevertheless.
    """
    from shopapp import create_app

    create_app()
    changed, lost = 0, list[str]()
    for model, columns in sealed_columns().items():
        last: int | None = 0
        while last is not None:
            try:
                done, closed, last = _renew(model, columns, last, batch)
            except SQLAlchemyError as error:
                if not db.collided(error):
                    raise
                continue
            changed += done
            lost += closed
    if lost:
        print(f"{changed} secrets encrypted anew; {len(lost)} do not open: {lost[0]}; put its key back behind a comma")
        return 1
    print(f"{changed} secrets encrypted anew; older keys may now be removed from ENCRYPTION_KEY")
    return 0


def _renew(model: Any, columns: tuple[str, ...], last: int, batch: int) -> tuple[int, list[str], int | None]:
    """The next rows after `last`: how many secrets were encrypted anew, what does not open, the last row (None: no more)."""
    changed, lost = 0, []
    with db.writing() as s:
        found = select(model).where(model.id > last).order_by(model.id).limit(batch)
        if db.locks_rows(s):  # else a token that is refreshed meanwhile would be overwritten by the one before it
            found = found.with_for_update(key_share=True, of=model)
        rows = s.scalars(found).all()
        for row in rows:
            for column in columns:
                if vault.is_current(getattr(row, column) or ""):
                    continue
                try:
                    vault.seal(row, column, vault.unseal(row, column))
                    changed += 1
                except vault.VaultError as error:
                    lost.append(str(error))
    return changed, lost, rows[-1].id if len(rows) == batch else None


def sealed_columns() -> dict[Any, tuple[str, ...]]:
    """Which columns hold sealed secrets."""
    from shopapp.records.models import Account, LoginAttempt, Mail, Shop

    return {
        Shop: ("access_token", "refresh_token"),
        Account: ("credentials", "access_token"),
        LoginAttempt: ("state", "verifier", "result"),
        Mail: ("secret",),
    }
