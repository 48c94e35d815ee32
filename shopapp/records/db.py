"""The database: engine, transactions, dialect. The only module that knows SQLite from PostgreSQL.

`reading()` and `writing()` give a plain session that lives for one transaction. A function whose first parameter is `s`
joins the caller's; one without owns its own and may talk to the network between them, never inside.

Rows are locked by `with_for_update(key_share=True)`: a plain FOR UPDATE would collide with every row that refers to the
locked one (its foreign key takes a share of it), and two transactions that note something first and lock then, deadlock.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, TypeVar

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    ColumnElement,
    DateTime,
    Dialect,
    Engine,
    Integer,
    MetaData,
    Select,
    String,
    TextClause,
    TypeDecorator,
    and_,
    bindparam,
    cast,
    event,
    func,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column

from shopapp import clock

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of all models."""

    metadata = MetaData(naming_convention=NAMING)


Row = TypeVar("Row")
IDLE = 1.0  # seconds in which a connection is trusted without asking
TOGETHER = 32  # rows in one statement of `add_up`
db = SQLAlchemy(model_class=Base, disable_autonaming=True)
_engine: Engine | None = None
_open = threading.local()


class Moment(TypeDecorator[datetime]):
    """Aware UTC on both sides; stored without a zone on SQLite, as timestamptz on PostgreSQL."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times; hand UTC to the driver."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime reached the database")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Exact(TypeDecorator[Decimal]):
    """An exact decimal kept as text: SQLite has no decimal type of its own, and rates must not pass through floats."""

    impl = String(40)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        """As plain digits."""
        return None if value is None else format(value, "f")

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        """Back to a decimal."""
        return None if value is None else Decimal(value)


def plain(*args: Any, **kwargs: Any) -> Any:
    """A column that holds nothing personal."""
    return mapped_column(*args, info={"personal": False}, **kwargs)


def personal(*args: Any, **kwargs: Any) -> Any:
    """A column that may hold personal data: exported, purged and redacted by this mark alone."""
    return mapped_column(*args, info={"personal": True}, **kwargs)


def init_app(app: Flask, url: str, threads: int = 32) -> None:
    """Attach the database to the app and keep its engine for the drains' threads."""
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    options: dict[str, Any] = {}
    if url.startswith("sqlite"):
        options["connect_args"] = {"timeout": 30, "check_same_thread": False}
    # What is written holds buyers: an error tells its statement, never the values.
    options |= {"pool_size": threads, "max_overflow": 16, "hide_parameters": True}
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    db.init_app(app)
    with app.app_context():
        use(db.engine)


def use(new: Engine) -> None:
    """Make `new` the engine of this process and teach it our transaction manners."""
    global _engine
    _engine = new
    if new.dialect.name == "sqlite" and not event.contains(new, "connect", _sqlite_connect):
        event.listen(new, "connect", _sqlite_connect)
        event.listen(new, "begin", _sqlite_begin)
    if new.dialect.name != "sqlite" and not event.contains(new, "checkin", _given_back):
        event.listen(new, "checkin", _given_back)
        event.listen(new, "checkout", partial(_still_there, new.dialect))


def engine() -> Engine:
    """The engine of this process."""
    if _engine is None:
        raise RuntimeError("the database is not set up; call create_app first")
    return _engine


def after_fork() -> None:
    """Forget the parent's connections in a forked child without closing them for the parent."""
    if _engine is not None:
        _engine.dispose(close=False)


def _given_back(_connection: Any, record: Any) -> None:
    record.info["given_back"] = clock.monotonic()


def _still_there(dialect: Dialect, connection: Any, record: Any, _proxy: Any) -> None:
    """Ask a connection that lay about whether it still works; the pool replaces it if not.

    Asked each time, this would be a tenth of all that we say to the database. One that breaks while it is in use is
    answered by `unreachable`.
    """
    if clock.monotonic() - record.info.get("given_back", clock.monotonic()) < IDLE:
        return
    try:
        dialect.do_ping(connection)
    except Exception as error:
        raise DisconnectionError("the connection broke while nobody used it") from error


def _sqlite_connect(connection: Any, _record: Any) -> None:
    # The driver's own BEGIN would let a released savepoint survive an outer rollback; we say BEGIN ourselves.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin(connection: Any) -> None:
    mode = connection.get_execution_options().get("begin", "")
    connection.exec_driver_sql(f"BEGIN {mode}".strip())


@contextmanager
def _session(options: dict[str, str]) -> Iterator[Session]:
    bind = engine()
    if bind.dialect.name == "sqlite":
        bind = bind.execution_options(**options)
    _open.count = open_transactions() + 1
    session = Session(bind, expire_on_commit=False)
    try:
        with session.begin():
            yield session
    finally:
        session.close()
        _open.count -= 1


@contextmanager
def writing() -> Iterator[Session]:
    """A transaction that may write; committed on leaving, rolled back on an exception."""
    with _session({"begin": "IMMEDIATE"}) as s:
        yield s


@contextmanager
def reading() -> Iterator[Session]:
    """A transaction that only reads; on SQLite it takes no write lock."""
    with _session({}) as s:
        yield s


def open_transactions() -> int:
    """How many of our transactions this thread has open: the network may only be used at 0."""
    return getattr(_open, "count", 0)


def fetch(s: Session, model: type[Row], row_id: int, *, lock: bool = False) -> Row:
    """The row of this id; with `lock` as it is now, and ours until the transaction ends. NoResultFound without any.

    Like `Session.get_one`, which puts its statement together anew each time: for the ways that every order takes.
    """
    anything: Any = model
    row: Row = s.execute(_by_id(anything, lock and locks_rows(s)), {"row_id": row_id}).unique().scalar_one()
    return row


@lru_cache(maxsize=64)
def _by_id(model: Any, locking: bool) -> Any:
    found = select(model).where(model.id == bindparam("row_id")).execution_options(populate_existing=locking)
    return found.with_for_update(key_share=True, of=model) if locking else found


def upsert(
    s: Session,
    model: type[Base],
    rows: Sequence[dict[str, Any]],
    *,
    key: Sequence[str],
    update: Sequence[str] = (),
    newer: str | None = None,
) -> None:
    """Insert `rows`; where `key` exists already, update the columns named (none: leave it as it is).

    With `newer`, a row is only updated when its incoming value of that column is greater than the stored one.
    """
    if not rows:
        return
    dialect = s.get_bind().dialect.name
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement: Any = make(model.__table__)  # type: ignore[arg-type]  # a Table at run time
    if update:
        columns = {name: statement.excluded[name] for name in update}
        where = None if newer is None else statement.excluded[newer] > model.__table__.c[newer]
        statement = statement.on_conflict_do_update(index_elements=list(key), set_=columns, where=where)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=list(key))
    s.execute(statement, list(rows))


def upsert_from(
    s: Session,
    model: type[Base],
    rows: Select[Any],
    *,
    columns: Sequence[str],
    key: Sequence[str],
    update: Sequence[str],
) -> None:
    """`upsert` of rows that the database itself selects, which has to have a WHERE; they fill `columns` in this order."""
    make: Any = postgresql.insert if s.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = make(model.__table__).from_select(list(columns), rows)
    changed = {name: statement.excluded[name] for name in update}
    s.execute(statement.on_conflict_do_update(index_elements=list(key), set_=changed))


def insert_new(s: Session, model: type[Base], row: dict[str, Any], *, key: Sequence[str]) -> bool:
    """Insert one row unless `key` (columns of a unique constraint) exists; whether it was new."""
    statement = _inserting(s.get_bind().dialect.name, model, tuple(key))
    return s.execute(statement, row).first() is not None


@lru_cache(maxsize=64)
def _inserting(dialect: str, model: type[Base], key: tuple[str, ...]) -> Any:
    make: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = make(model.__table__).on_conflict_do_nothing(index_elements=list(key))
    # The row count of such a statement is not to be had on PostgreSQL; what it gives back is.
    return statement.returning(next(iter(model.__table__.primary_key)))


def keep(model: type[Base], rows: Sequence[dict[str, Any]], *, key: Sequence[str]) -> None:
    """Insert `rows` where `key` does not exist yet, all in one statement that is its own transaction: one way there and
    back, where a session takes four. Committed when this returns; at most 64 rows."""
    make: Any = postgresql.insert if engine().dialect.name == "postgresql" else sqlite.insert
    table: Any = model.__table__
    statement = make(table).on_conflict_do_nothing(index_elements=list(key))
    bind = engine()
    options = {"isolation_level": "AUTOCOMMIT"} if bind.dialect.name == "postgresql" else {"begin": "IMMEDIATE"}
    with bind.connect().execution_options(**options) as connection, connection.begin():
        # Asked to give something back, the rows go in one statement and not in one each.
        connection.execute(statement.returning(*table.primary_key), list(rows))


def add_up(s: Session, model: type[Base], rows: Sequence[dict[str, Any]], *, key: Sequence[str], total: str) -> None:
    """Add the `total` of each row to the stored one of the same `key`; a row that is not there yet begins with it.

    The rows are taken in their order, in as few statements as may be.
    """
    for start in range(0, len(rows), TOGETHER):
        some = rows[start : start + TOGETHER]
        values = {f"{name}_{at}": value for at, row in enumerate(some) for name, value in row.items()}
        s.connection().execute(_adding(model, tuple(key), total, len(some)), values)


@lru_cache(maxsize=256)
def _adding(model: type[Base], key: tuple[str, ...], total: str, count: int) -> TextClause:
    """Written out, because SQLAlchemy would put such a statement together anew each time; both dialects read it."""
    table: Any = model.__table__
    names = (*key, total)
    rows = ", ".join("(" + ", ".join(f":{name}_{at}" for name in names) + ")" for at in range(count))
    more = f"{total} = {table.name}.{total} + excluded.{total}"
    into = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES {rows}"  # noqa: S608  # names of our own columns
    words = f"{into} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {more}"
    typed = [bindparam(f"{name}_{at}", type_=table.c[name].type) for at in range(count) for name in names]
    return text(words).bindparams(*typed)


def floor_to_minutes(s: Session, moment: Any, minutes: int) -> ColumnElement[datetime]:
    """SQL: the last whole `minutes` of the hour at or before `moment`."""
    if s.get_bind().dialect.name == "postgresql":
        return func.date_bin(text(f"interval '{minutes} minutes'"), moment, text("timestamptz 'epoch'"), type_=Moment())
    seconds = cast(func.strftime("%s", moment), Integer) // (minutes * 60) * (minutes * 60)
    return func.strftime("%Y-%m-%d %H:%M:%S.000000", seconds, "unixepoch", type_=Moment())


def starts_with(s: Session, column: Any, beginning: str) -> ColumnElement[bool]:
    """SQL: `column` begins with `beginning` (not empty), as a range that an index of ours can answer.

    PostgreSQL's indices for it carry `text_pattern_ops`, which compare byte by byte whatever the database's language.
    """
    last = ord(beginning[-1]) + 1
    # After U+D7FF come the surrogates, which are no characters; after the last character there is only "from here on".
    end = beginning[:-1] + chr(0xE000 if last == 0xD800 else last) if last <= 0x10FFFF else ""
    reach: tuple[Any, ...]
    if s.get_bind().dialect.name == "postgresql":
        reach = (column.op("~>=~", is_comparison=True)(beginning), column.op("~<~", is_comparison=True)(end))
    else:
        reach = (column >= beginning, column < end)
    return and_(*reach) if end else and_(reach[0])


def locks_rows(s: Session) -> bool:
    """Whether this database locks single rows (PostgreSQL); SQLite has one writer and needs no locks."""
    return s.get_bind().dialect.name == "postgresql"


def collided(error: BaseException) -> bool:
    """Whether a transaction was undone only because it met another one (deadlock, busy): done again, it succeeds."""
    if not isinstance(error, OperationalError):
        return False
    state = getattr(error.orig, "sqlstate", None)  # PostgreSQL: serialization failure, deadlock, lock not available
    return state in ("40001", "40P01", "55P03") or "database is locked" in str(error.orig)


def unreachable(error: BaseException) -> bool:
    """Whether the database itself was at fault: gone, restarting, full. What was under way is to be done again soon."""
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        words = str(error.orig)
        lost = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
        return lost and "no such " not in words and "syntax error" not in words  # SQLite knows one class for all
    return str(state)[:2] in ("08", "53", "57", "58")  # connection, resources, operator's intervention, system


def lacks_schema(error: BaseException) -> bool:
    """Whether a table or a column is missing: the migrations of this release have not run."""
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    return state in ("42P01", "42703") or (
        state is None and ("no such " in str(error.orig) or "has no column" in str(error.orig))
    )


def ping() -> bool:
    """Whether the database answers."""
    with reading() as s:
        return bool(s.execute(text("SELECT 1")).scalar_one() == 1)
