"""The rows of Amazon's listings report, good and hostile: what a row says is believed whole or not at all."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from collections.abc import Iterator

import pytest

from marketplaces.channel import AppKeys, Line
from marketplaces.channels.amazon import documents, reports
from marketplaces.data import Credentials, Money, RemoteListing
from marketplaces.errors import Rejected, Transient
from marketplaces.files import LONGEST, Saved
from marketplaces.wire import Http
from tests.unit.marketplaces.probe import NOW

DE, JP, COM = "A1PA6795UKMFR9", "A1VC38T7YXB528", "ATVPDKIKX0DER"
HEAD = "item-name\titem-description\tlisting-id\tseller-sku\tprice\tquantity\tasin1\tfulfillment-channel\tstatus"


def read(text: str | bytes, site: str = DE, charset: str = "") -> list[RemoteListing]:
    content = text if isinstance(text, bytes) else text.encode(charset or "utf-8")
    saved = Saved(io.BytesIO(content), "getReportDocument")
    lines = saved.lines(reports.CAP)
    return list(reports.rows(saved, lines, reports._header(next(lines, b""), charset), charset, site))


def row(
    sku: str, *, name: str = "Mug", price: str = "19.90", quantity: str = "3", more: str = "DEFAULT\tActive"
) -> str:
    return f"{name}\tA mug\t0101A\t{sku}\t{price}\t{quantity}\tB000000001\t{more}"


def test_a_row_says_what_is_offered_there() -> None:
    (one,) = read(f"{HEAD}\n{row('MUG-1')}\n")
    assert one == RemoteListing("MUG-1", DE, "B000000001", "Mug", "", Money(1990, "EUR"), 3)


def test_an_empty_report_has_no_rows_and_one_of_other_columns_is_refused() -> None:
    assert read(HEAD) == []
    for text in ("", "\n", "<html>\n", "sku\tasin\n"):
        with pytest.raises(Rejected) as caught:
            read(text)
        assert caught.value.reason == "channel_changed"


def test_a_report_of_british_spelling_tells_as_well_what_amazon_ships() -> None:
    head = HEAD.replace("fulfillment-channel", "fulfilment-channel")
    mine, theirs = read(f"{head}\n{row('A')}\n{row('B', quantity='', more='AMAZON_EU' + chr(9) + 'Active')}\n")
    assert (mine.by_channel, mine.quantity) == (False, 3)
    assert (theirs.by_channel, theirs.quantity) == (True, None)


@pytest.mark.parametrize(
    ("charset", "name"), [("utf-8", "Tasse für Öl"), ("cp1252", "Crème"), ("shift_jis", "マグカップ")]
)
def test_every_encoding_that_is_told_is_read(charset: str, name: str) -> None:
    (one,) = read(f"{HEAD}\r\n{row('A', name=name)}\r\n", charset=charset)
    assert (one.sku, one.title) == ("A", name)


def test_without_a_told_encoding_both_usual_ones_are_read_and_a_mark_at_the_beginning_does_no_harm() -> None:
    text = f"{HEAD}\n{row('Crème-1', name='Größe')}\n"
    for content in (text.encode(), b"\xef\xbb\xbf" + text.encode(), text.encode("cp1252")):
        (one,) = read(content)
        assert (one.sku, one.title) == ("Crème-1", "Größe")


@pytest.mark.parametrize(
    "bad",
    [
        row(""),
        row("A\x00B"),
        row("A\u202eB"),
        row("A" * 300),
        row("A", name="Mug\twith a tab"),
        "only a name",
        "x" * (LONGEST + 10),
    ],
)
def test_a_row_that_cannot_be_believed_is_told_and_spoils_no_other(bad: str) -> None:
    found = read(f"{HEAD}\n{row('B')}\n{bad}\n{row('C')}\n")
    assert [one.sku for one in found] == ["B", "", "C"]
    assert found[1].problems == (reports.UNREADABLE,)


def test_a_sku_that_was_lost_in_the_encoding_is_not_guessed() -> None:
    content = f"{HEAD}\n{row('PLAIN')}\n".encode() + row("Ł-1").encode("utf-8")[:-1] + b"\xff\n"
    assert [one.sku for one in read(content, charset="ascii")] == ["PLAIN", ""]


def test_quotes_are_characters_and_inner_blanks_count() -> None:
    found = read(f"{HEAD}\n{row(chr(34) + 'A  1')}\n{row('B', name=chr(34) + 'loud')}\n")
    assert [(one.sku, one.title) for one in found] == [('"A  1', "Mug"), ("B", '"loud')]


def test_what_amazon_ships_has_no_quantity_of_ours() -> None:
    found = read(f"{HEAD}\n{row('F', more='AMAZON_EU' + chr(9) + 'Active')}\n{row('M')}\n")
    assert [(one.sku, one.by_channel, one.quantity) for one in found] == [("F", True, None), ("M", False, 3)]


@pytest.mark.parametrize(
    ("price", "quantity", "expected"),
    [
        ("", "", (None, None)),
        ("19,90", "0", (1990, 0)),
        ("1.234,50", "-1", (None, None)),
        ("NaN", "1e3", (None, None)),
        ("-5", "٣", (None, None)),
        ("19.905", "99999999999999999999", (None, None)),
        ("9" * 30, "3.5", (None, None)),
    ],
)
def test_numbers_that_are_none_are_unknown(price: str, quantity: str, expected: tuple[int | None, int | None]) -> None:
    (one,) = read(f"{HEAD}\n{row('A', price=price, quantity=quantity)}\n")
    assert (one.price.minor if one.price else None, one.quantity) == expected


def test_money_is_in_the_currency_of_the_marketplace() -> None:
    (yen,) = read(f"{HEAD}\n{row('A', price='1500')}\n", site=JP)
    (dollar,) = read(f"{HEAD}\n{row('A', price='15')}\n", site=COM)
    assert (str(yen.price), str(dollar.price)) == ("1500 JPY", "15.00 USD")


def test_sold_out_is_still_listed_and_incomplete_is_not_on_sale() -> None:
    text = "\n".join([HEAD, row("S", quantity="0", more="DEFAULT\tInactive"), row("I", more="DEFAULT\tIncomplete")])
    assert [(one.sku, one.live, one.problems) for one in read(text)] == [
        ("S", True, ("Inactive",)),
        ("I", False, ("Incomplete",)),
    ]


def test_a_large_report_is_never_in_memory() -> None:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as target:
        target.write(f"{HEAD}\n".encode())
        for number in range(2_000):  # few and long ones: what is traced is slow, each row as much as a short one
            target.write(f"{row(f'SKU-{number}', name='A long name ' * 200)}\n".encode())
    saved = Saved(packed, "getReportDocument")
    lines = saved.lines(reports.CAP)
    header = reports._header(next(lines), "")
    tracemalloc.start()
    try:
        seen = sum(1 for _ in reports.rows(saved, lines, header, "", DE))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seen == 2_000
    assert peak < 2_000_000


def line(**keys: str) -> Iterator[Line]:
    http = Http((), now=lambda: NOW)
    yield Line(http, AppKeys(keys), "eu", "A1SELLER", (DE,), Credentials({}), lambda: NOW)
    http.close()


@pytest.mark.parametrize(
    "url",
    [
        "https://tortuga-prod-eu.s3-eu-west-1.amazonaws.com/x?X-Amz-Signature=1",
        "https://tortuga-prod-na.s3-external-1.amazonaws.com/x",
        "https://bucket.s3.eu-west-1.amazonaws.com/x",
        "https://s3.amazonaws.com/bucket/x",
        "https://d34o8swod1owfl.cloudfront.net/Report_47700__GET_MERCHANT_LISTINGS_ALL_DATA_.txt",
    ],
)
def test_documents_of_amazons_storage_are_fetched(url: str) -> None:
    (one,) = line()
    assert documents.hosts_of(one, url, "getReportDocument") == (url.split("/")[2],)


@pytest.mark.parametrize(
    "url",
    [
        "http://bucket.s3.amazonaws.com/x",
        "https://bucket.s3.amazonaws.com:8443/x",
        "https://user@bucket.s3.amazonaws.com/x",
        "https://s3.amazonaws.com.example.com/x",
        "https://evil-s3.amazonaws.com.example.com/x",
        "https://ec2.amazonaws.com/x",
        "https://other.cloudfront.net/x",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:6379/",
        "https://[::1",
        "file:///etc/passwd",
        "",
    ],
)
def test_an_address_of_nobody_is_not_asked(url: str) -> None:
    (one,) = line()
    with pytest.raises(Transient, match="none of Amazon's hosts"):
        documents.hosts_of(one, url, "getReportDocument")


def test_the_sandboxs_documents_lie_where_its_api_is() -> None:
    (one,) = line(API_BASE="http://127.0.0.1:8001/amazon/api/{region}")
    assert documents.hosts_of(one, "http://127.0.0.1:8001/amazon/documents/1", "x") == ("http://127.0.0.1:8001",)
    with pytest.raises(Transient):
        documents.hosts_of(one, "http://127.0.0.1:6379/", "x")
