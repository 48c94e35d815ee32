"""Owns paging: a list of records becomes a connection with opaque cursors. Knows no type of the schema."""

import base64
from collections.abc import Callable, Sequence
from typing import Any

from graphql import GraphQLError

MAX_PAGE = 250
Record = dict[str, Any]


def _cursor(record_id: str) -> str:
    return base64.urlsafe_b64encode(record_id.encode()).decode()


def _position(ids: Sequence[str], cursor: str | None, missing: int) -> int:
    if cursor is None:
        return missing
    try:
        return ids.index(base64.urlsafe_b64decode(cursor.encode()).decode())
    except ValueError as error:
        raise GraphQLError(
            "Invalid cursor for current pagination sort.", extensions={"code": "BAD_USER_INPUT"}
        ) from error


def connection(rows: Sequence[Record], arguments: Record, view: Callable[[Record], Record]) -> Record:
    """The asked page of `rows` (records with an `id`), each shown by `view`. Raises GraphQLError on bad arguments."""
    first: int | None = arguments.get("first")
    last: int | None = arguments.get("last")
    if (first is None) == (last is None):
        raise GraphQLError("you must provide one of first or last", extensions={"code": "BAD_USER_INPUT"})
    size = first if first is not None else last or 0
    if not 0 <= size <= MAX_PAGE:
        raise GraphQLError(
            f"page size must be between 0 and {MAX_PAGE}, not {size}", extensions={"code": "BAD_USER_INPUT"}
        )
    ids = [row["id"] for row in rows]
    start = _position(ids, arguments.get("after"), -1) + 1
    end = _position(ids, arguments.get("before"), len(ids))
    if first is not None:
        low, high = start, min(end, start + first)
    else:
        low, high = max(start, end - size), end
    page = rows[low:high]
    nodes = [view(row) for row in page]
    return {
        "nodes": nodes,
        "edges": [{"node": node, "cursor": _cursor(row["id"])} for node, row in zip(nodes, page, strict=True)],
        "pageInfo": {
            "hasNextPage": high < len(rows),
            "hasPreviousPage": low > 0,
            "startCursor": _cursor(page[0]["id"]) if page else None,
            "endCursor": _cursor(page[-1]["id"]) if page else None,
        },
    }
