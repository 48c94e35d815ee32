"""All tables on an empty database, at once: the words for them are put together once in a process."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Engine, create_mock_engine

from shopapp.records import db


def make(engine: Engine) -> None:
    """Create every table and index of the models, unless the database was made with them."""
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        if engine.dialect.name == "sqlite":
            raw.executescript(f"BEGIN;{_words('sqlite')}COMMIT;")
        elif connection.exec_driver_sql("SELECT to_regclass('shop')").scalar() is None:
            raw.execute(_words("postgresql"))
            raw.commit()


@cache
def _words(dialect: str) -> str:
    said: list[str] = []
    mock: Any = create_mock_engine(
        f"{dialect}://", lambda sql, *_args, **_more: said.append(str(sql.compile(dialect=mock.dialect)))
    )
    db.Base.metadata.create_all(mock, checkfirst=False)
    return "".join(f"{one};\n" for one in said)
