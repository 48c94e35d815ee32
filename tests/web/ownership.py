"""Watches what pages ask the database: every row of a shop that a page reads must be asked for as that shop's.

A statement over a table with a `shop_id` has to narrow it by `shop_id`, by its own key, or by a key of a parent that was
reached that way. A query that merely forgets the shop shows itself in every test that opens the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import g, has_request_context
from sqlalchemy import Engine, event

from shopapp.records.db import Base

OWNED = {table.name: table for table in Base.metadata.sorted_tables if "shop_id" in table.c}
# Of these a row is asked for by a key that only its shop can know, or that is unique over all shops by design.
KEYS = {
    "account_site": {"account_id", "seller_id"},
    "login_attempt": {"ticket_hash", "state_hash", "return_hash", "uid"},
    "mail": {"uid", "to_address"},
    "account": {"seller_id", "uid"},
}
_FROM = re.compile(r'\b(?:FROM|JOIN)\s+"?(\w+)"?(?:\s+AS\s+"?(\w+)"?)?', re.IGNORECASE)


def unowned(statement: str) -> list[str]:
    """Tables that `statement` reads without saying whose rows it wants."""
    if not statement.lstrip().upper().startswith(("SELECT", "WITH")):
        return []
    found = []
    for name, alias in _FROM.findall(statement):
        table = OWNED.get(name)
        if table is None:
            continue
        keys = {"shop_id", "id", *(one.parent.name for one in table.foreign_keys), *KEYS.get(name, set())}
        called = alias if alias and alias.upper() not in ("WHERE", "JOIN", "LEFT", "ORDER") else name
        narrowed = (
            rf'"?\b{called}\b"?\.(?:{"|".join(keys)})\)?\s*(?:=|IN\b)|=\s*"?\b{called}\b"?\.(?:{"|".join(keys)})\b'
        )
        if not re.search(narrowed, statement, re.IGNORECASE):
            found.append(name)
    return found


@contextmanager
def watched() -> Iterator[list[str]]:
    """What pages of a merchant's session ask for without a shop, while the block runs."""
    wrong: list[str] = []

    def before(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if has_request_context() and "shop_id" in g:
            wrong.extend(f"{table}: {' '.join(statement.split())[:600]}" for table in unowned(statement))

    event.listen(Engine, "before_cursor_execute", before)
    try:
        yield wrong
    finally:
        event.remove(Engine, "before_cursor_execute", before)
