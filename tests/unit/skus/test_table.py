"""Mappings from a file and into one: hostile files, every bad line named by its number, no formulas, an exact way back."""

from __future__ import annotations

import csv
import io
import random
import time

import pytest

from shopapp.skus import table
from shopapp.skus.keep import EMPTY, STRANGE, TOO_LONG, Pair
from shopapp.skus.table import Accounts, Bad, Told, Unreadable, read, write

ACCOUNTS = Accounts([(1, "Blue mugs", "A1"), (2, "Twice", "A2"), (3, "Twice", "A3"), (4, "A5", "A4")])
HEADER = "marketplace_sku,store_sku,account\n"


def told(text: str, encoding: str = "utf-8") -> Told:
    return read(text.encode(encoding), ACCOUNTS)


def reasons(found: Told) -> list[tuple[int, str, str]]:
    return [(one.line, one.column, one.why) for one in found.bad]


@pytest.mark.parametrize(
    "text",
    [
        "marketplace_sku,store_sku,account\nM-1,A-1,\nM-2,A-2,Blue mugs\n",
        "marketplace_sku;store_sku;account\r\nM-1;A-1;\r\nM-2;A-2;Blue mugs\r\n",
        "\ufeffMarketplace SKU;Store SKU;Account\rM-1;A-1;\rM-2;A-2;A1",
        'account\tstore_sku\ttitle\tmarketplace_sku\n\t"A-1"\tMug\t"M-1"\n\n \t\t\nBlue mugs\tA-2\t"a ""mug"""\tM-2\n\n',
        "\n\n;;\nmarketplace_sku;store_sku;account\n M-1 ; A-1 ;\n'M-1;x;nobody\nM-2;A-2;Blue mugs;;;\n",
    ],
)
def test_the_usual_ways_of_writing_a_table_are_understood(text: str) -> None:
    found = told(text)
    assert found.pairs == [Pair(None, "M-1", "A-1"), Pair(1, "M-2", "A-2")]
    assert [one.why for one in found.bad] == ([table.NO_SUCH_ACCOUNT] if "nobody" in text else [])
    assert not found.guessed


def test_inner_blanks_and_quoted_marks_belong_to_a_sku() -> None:
    found = told(HEADER + 'M  1,"a,b",\n"say ""x""",A-2,\n"a;b",A 3,\n')
    assert found.pairs == [Pair(None, "M  1", "a,b"), Pair(None, 'say "x"', "A-2"), Pair(None, "a;b", "A 3")]


def test_every_bad_line_is_named_by_its_number_in_the_file() -> None:
    lines = [
        "M-1,A-1,", ",A-2,", "M-3,,", "M-4,A-4,Nobody", "M-5,A-5,Twice", "M-6,A-6,,,x", 'M-7,"A-7,', "M-8,a\x00b,",
        f"M-9,{'x' * 256},", "M-1,A-1,", "M-1,OTHER,", "M-1,OTHER,Blue mugs", "M-\u202e10,A,", "M\x8511,A,", "=M,=1+1,",
    ]  # fmt: skip
    found = told("\n" + HEADER + "\n".join(lines))
    assert reasons(found) == [
        (4, "marketplace_sku", EMPTY), (5, "store_sku", EMPTY), (6, "account", table.NO_SUCH_ACCOUNT),
        (7, "account", table.SEVERAL_ACCOUNTS), (8, "", table.TOO_MANY), (9, "", table.SPOILT),
        (10, "store_sku", STRANGE), (11, "store_sku", TOO_LONG), (13, "store_sku", table.SAID_BEFORE),
        (15, "marketplace_sku", STRANGE), (16, "marketplace_sku", STRANGE),
    ]  # fmt: skip
    assert found.bad[8].params == {"line": "3"}
    assert found.pairs == [Pair(None, "M-1", "A-1"), Pair(1, "M-1", "OTHER"), Pair(None, "=M", "=1+1")]
    assert (found.lines, found.repeated) == (15, 1)


def test_an_account_is_called_by_its_name_or_its_seller_id() -> None:
    found = told(HEADER + "a,b,Twice\nc,d,A3\ne,f, Blue mugs \ng,h,A5\n")
    assert [pair.account_id for pair in found.pairs] == [3, 1, 4]
    assert found.bad == [Bad(2, "account", table.SEVERAL_ACCOUNTS, {"name": "Twice"})]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", table.NOTHING),
        (b"\n \n;;\n", table.NOTHING),
        ("marketplace_sku,store_sku\na,b".encode("utf-16"), table.NOT_TEXT),
        (b"PK\x03\x04rest of a workbook", table.NOT_TEXT),
        (b"sku,title\na,b", table.NO_COLUMNS),
        (b"marketplace_sku\na", table.NO_COLUMNS),
        (b"marketplace_sku,store_sku,store_sku\na,b,c", table.NO_COLUMNS),
        (b"M-1,A-1\nM-2,A-2", table.NO_COLUMNS),
        (b'"marketplace_sku,store_sku\na,b', table.NO_COLUMNS),
        (b"marketplace_sku,store_sku\n" + b"a,b\n" * 100_001, table.TOO_LARGE),
        (b"x" * 10_000_001, table.TOO_LARGE),
        (b"\x00\x01\x02", table.NO_COLUMNS),
    ],
)
def test_what_is_no_table_of_mappings_is_refused_as_a_whole(data: bytes, why: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read(data, ACCOUNTS)
    assert refused.value.why == why


def test_a_file_that_is_not_utf8_is_read_and_says_so() -> None:
    found = told("marketplace_sku;store_sku\nM-1;GRÖSSE-1\n", "cp1252")
    assert (found.pairs, found.guessed) == ([Pair(None, "M-1", "GRÖSSE-1")], True)


def test_a_hundred_thousand_lines_are_read_at_once() -> None:
    data = HEADER + "".join(f"M-{number:06},SKU-{number:06},Blue mugs\n" for number in range(100_000))
    began = time.process_time()
    found = told(data)
    assert len(found.pairs) == 100_000
    assert time.process_time() - began < 5


def test_the_written_table_is_utf8_with_a_mark_and_holds_no_formula() -> None:
    rows = [(None, "=1+1", "-5"), (1, "@x", "a;=b"), (None, '"=1', "ö"), (2, "+", "\uff1d1")]
    text = "".join(write(rows, ACCOUNTS))
    assert text.encode().startswith(b"\xef\xbb\xbf")
    cut = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert cut[0] == ["marketplace_sku", "store_sku", "account"]
    assert cut[1] == ["'=1+1", "'-5", ""]
    assert cut[2] == ["'@x", "a;'=b", "Blue mugs"]
    for row in cut[1:]:
        for cell in row:
            assert not any(part.lstrip(' "').startswith(tuple("=+-@＝＋－＠")) for part in cell.split(";"))
    assert cut[4][2] == "A2", "a name that two accounts have would not lead back"


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_what_was_written_is_read_back_unchanged(delimiter: str) -> None:
    dice = random.Random(7)
    signs = "ab1 ',;|\"=+-@＝ö\\"
    rows: dict[tuple[int | None, str], str] = {}
    for _ in range(3000):
        sku, store = ("".join(dice.choices(signs, k=dice.randint(1, 8))).strip() for _ in range(2))
        if sku and store:
            rows[dice.choice([None, 1, 2]), sku] = store
    written = [(account_id, sku, store) for (account_id, sku), store in rows.items()]
    found = read("".join(write(written, ACCOUNTS, delimiter)).encode(), ACCOUNTS)
    assert found.bad == []
    assert [(pair.account_id, pair.marketplace_sku, pair.store_sku) for pair in found.pairs] == written
