"""Reports of an import's errors from an instance that means no good: its address was typed by whoever runs it."""

from __future__ import annotations

import gzip

import pytest

from marketplaces.channels.mirakl.imports import REPORT_ROWS
from marketplaces.errors import Transient
from tests.channels.double import played
from tests.unit.marketplaces.rawserver import answer

ENDED = {"body": {"import_id": "1", "status": "COMPLETE", "has_error_report": True}}


def report(text: str) -> bytes:
    return answer(gzip.compress(text.encode()), headers="")


def refused(text: str) -> int:
    """How many changes are told as refused."""
    with played("mirakl", ENDED, report(text)) as play:
        told = play.channel.document_results(play.line(), "shop", "stock:1")
        assert told is not None
        return sum(1 for _ in told)


def test_a_report_with_quotes_and_breaks_is_read() -> None:
    assert refused('line;reason;offer-sku;quantity\n1;"no; ""never""\nat all";A-1;5\n2;gone;A-2;5\n') == 2


def test_a_report_of_more_rows_than_any_import_has_is_not_believed() -> None:
    with pytest.raises(Transient, match="more rows"):
        refused("line;reason;offer-sku\n" + "".join(f"1;x;{n}\n" for n in range(REPORT_ROWS + 1)))


@pytest.mark.parametrize(
    "text", ["", "\n", ";" * 3_000_000, '"' * 300_000, "line;reason;offer-sku\n1;" + "x" * 200_000]
)
def test_a_report_that_is_no_table_is_trouble_and_no_crash(text: str) -> None:
    with pytest.raises(Transient):
        refused(text)
