"""What every new application would work out anew, kept for the process: hundreds of tests make one each."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule as EveryRule

_statements: LRUCache[Any, Any] = LRUCache(2000)


def keep() -> None:
    """From now on, in this process."""
    Flask.jinja_options = {"bytecode_cache": Templates()}
    Flask.url_rule_class = Rule
    for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        # What SQLAlchemy put together is kept by dialect: the dialects of all engines of a kind are the same to it.
        dialect.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign,assignment]
        dialect.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign,assignment]
    event.listen(Engine, "engine_connect", _share)


def _share(connection: Connection) -> None:
    connection.engine._compiled_cache = _statements


class Templates(BytecodeCache):
    """Compiled templates. A changed template has another checksum, and is compiled again."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """What is known of the template."""
        if known := self._kept.get(bucket.key):
            bucket.bytecode_from_string(known)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it."""
        self._kept[bucket.key] = bucket.bytecode_to_string()


class Rule(EveryRule):
    """An address rule whose builders (functions of the rule and its values) are those of an equal rule before."""

    _builders: ClassVar[dict[tuple[Any, ...], Any]] = {}

    def _compile_builder(self, append_unknown: bool = True) -> Any:
        what = (self.rule, repr(self.defaults), self.subdomain, self.host, append_unknown)
        if what not in self._builders:
            Rule._builders[what] = super()._compile_builder(append_unknown)
        return self._builders[what]
