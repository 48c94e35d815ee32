"""The table of requirements in tests/README.md: every row is there exactly once, and every test it names exists."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^\| ([A-EP]\d+) \| (.*) \|$", re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
PEERS = (
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 21, 22, 23, 24, 25, 26, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37,
)  # fmt: skip
EXPECTED = {
    *(f"A{number}" for number in range(1, 26)),
    *(f"B{number}" for number in range(1, 35)),
    *(f"C{number}" for number in range(1, 21)),
    *(f"D{number}" for number in range(1, 13)),
    *(f"E{number}" for number in range(9)),
    *(f"P{number}" for number in PEERS),
}


def rows() -> list[tuple[str, str]]:
    """(row, what stands beside it), in the order of the table."""
    return ROW.findall((TESTS / "README.md").read_text("utf-8"))


@lru_cache
def names_in(path: str) -> frozenset[str]:
    """The names of a file's tests, without importing it."""
    source = TESTS.parent / path
    if not source.is_file():
        return frozenset()
    nodes = ast.walk(ast.parse(source.read_text("utf-8")))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in nodes if isinstance(node, kinds) and node.name.startswith("test_"))


def test_every_requirement_stands_in_the_table_exactly_once() -> None:
    found = [row for row, _ in rows()]
    assert len(found) == len(set(found))
    assert set(found) == EXPECTED


@pytest.mark.parametrize(("row", "beside"), rows(), ids=[row for row, _ in rows()])
def test_every_row_names_tests_that_exist_or_what_it_waits_for(row: str, beside: str) -> None:
    named = NAMED.findall(beside)
    rest = NAMED.sub("", beside).strip(" ,")
    assert named or rest.startswith("later: "), f"{row} proves nothing and waits for nothing"
    assert not rest or rest.startswith("later: "), f"{row}: {rest!r} is neither a test nor a reason"
    assert not [f"{path}::{name}" for path, name in named if name not in names_in(path)]
