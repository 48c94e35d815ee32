"""Log lines stay JSON and keep secrets to themselves, however a field carries them."""

import json
import logging
from typing import Any

import pytest

from shopapp.logs import JsonFormatter

HIDDEN = "Hidden4711Value"


def logged(**fields: Any) -> tuple[str, dict[str, Any]]:
    record = logging.LogRecord("tests", logging.INFO, "", 0, "tested", (), None)
    record.fields = fields
    line = JsonFormatter().format(record)
    return line, json.loads(line)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"words": '{"access_token":"' + HIDDEN + '"}'}, id="an answer in JSON"),
        pytest.param({"words": json.dumps({"body": json.dumps({"refresh_token": HIDDEN})})}, id="JSON inside JSON"),
        pytest.param({"params": {"token": [HIDDEN], "refresh_token": HIDDEN}}, id="nested fields"),
        pytest.param({"state": HIDDEN}, id="a field of that name"),
        pytest.param({"error": ValueError(f"client_secret={HIDDEN}")}, id="an exception"),
        pytest.param({"url": f"redis://:{HIDDEN}@queue:6379/0"}, id="address of the queue"),
        pytest.param({"url": f"postgresql+psycopg://app:{HIDDEN}@db/shop"}, id="address of the database"),
    ],
)
def test_a_secret_inside_a_field_is_masked(fields: dict[str, Any]) -> None:
    assert HIDDEN not in logged(**fields)[0]


def test_masking_never_breaks_the_line_open() -> None:
    fields: dict[str, Any] = {"code": 400, "state": None, "session": True, "token": [], "params": {"code": 7}}
    found = logged(**fields)[1]
    assert {**fields, **found} == found


def test_a_text_with_line_breaks_forges_no_second_line() -> None:
    line, found = logged(path='/x\r\n{"event":"forged"}\x1b[31m')
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line
    assert found["event"] == "tested"
