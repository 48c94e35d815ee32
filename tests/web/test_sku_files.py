"""Mappings by file: what a file says is shown before anything is saved; hostile files; nothing of other shops."""

from __future__ import annotations

import csv
import io

import pytest
from sqlalchemy import select

from shopapp.records import db
from shopapp.records.models import AuditEntry, OrderLine, SkuUpload
from shopapp.skus import keep
from shopapp.skus.keep import Pair
from tests.web.desk import HOSTILE, Desk, Page, install
from tests.web.test_skus import PATH, due, mappings, put, strangers, waits

IMPORT = f"{PATH}/import"
HEADER = "marketplace_sku,store_sku,account\n"


def send(desk: Desk, data: bytes | str, name: str = "mine.csv") -> Page:
    """Upload a file the way that a browser does."""
    given = data.encode() if isinstance(data, str) else data
    head = f'--edge\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/csv\r\n\r\n'
    body = head.encode() + given + b"\r\n--edge--\r\n"
    kind = "multipart/form-data; boundary=edge"
    return Page(desk.client.post(IMPORT, data=body, headers=desk.headers, content_type=kind))


def test_nothing_is_saved_before_the_report_was_seen_and_confirmed(desk: Desk) -> None:
    account = desk.account(label="Blue mugs")
    order, other = waits(desk, account, "M-1"), waits(desk, account, "M-9")
    put(desk.shop_id, "M-2", "OLD")
    put(desk.shop_id, "M-3", "A-3")
    text = HEADER + "M-1,A-1,\nM-2,NEW,\nM-3,A-3,\nM-4,,\nM-5,A-5,Nobody\nM-1,A-1,\nM-1,OWN,Blue mugs\n"
    done = send(desk, text)
    assert done.status == 303
    report = desk.get(done.goes_to)
    for said in (
        "2 mappings are new", "1 mapping changes", "1 mapping is there already", "2 lines cannot be taken",
        "1 line says the same", "1 order waits for one of these SKUs", "Save 3 mappings", "Enter a SKU.",
        "No account is called “Nobody”.", "mine.csv",
    ):  # fmt: skip
        assert said in report.text, said
    assert len(mappings(desk.shop_id)) == 2
    assert not due(order)
    done = desk.post(done.goes_to)
    assert (done.status, done.goes_to) == (303, f"{PATH}?done=skus_imported")
    assert set(mappings(desk.shop_id)) == {
        (None, "M-1", "A-1"), (None, "M-2", "NEW"), (None, "M-3", "A-3"), (account, "M-1", "OWN")
    }  # fmt: skip
    assert (due(order), due(other)) == (True, False)
    with db.reading() as s:
        (entry,) = s.scalars(select(AuditEntry).where(AuditEntry.action == "skus_imported"))
        assert (entry.user_id, entry.changes) == ("71", {"file": "mine.csv", "mappings": 3})
        assert s.scalars(select(SkuUpload)).all() == []
    assert "mine.csv, 3 mappings" in desk.get("/settings").text


def test_an_order_that_waits_for_two_skus_of_the_file_is_counted_once(desk: Desk) -> None:
    mine, other = desk.account(label="Mine"), desk.account(label="Other")
    order = waits(desk, mine, "M-1")
    with db.writing() as s:
        s.add(OrderLine(shop_id=desk.shop_id, order_id=order, line_id="2", sku="M-2", quantity=1, total_minor=100))
    waits(desk, other, "M-2")
    report = send(desk, HEADER + "M-1,A-1,\nM-2,A-2,\n").goes_to
    assert "2 orders wait for these SKUs" in desk.get(report).text
    report = send(desk, HEADER + "M-1,A-1,Mine\nM-2,A-2,Mine\n").goes_to
    assert "1 order waits for one of these SKUs" in desk.get(report).text


def test_confirming_again_is_not_found_and_a_newer_file_takes_the_place(desk: Desk) -> None:
    first = send(desk, HEADER + "M-1,A-1,\n").goes_to
    second = send(desk, HEADER + "M-2,A-2,\n").goes_to
    assert desk.post(first).status == 404
    assert desk.post(second).status == 303
    assert desk.post(second).status == 404
    assert mappings(desk.shop_id) == [(None, "M-2", "A-2")]


def test_a_file_can_be_thrown_away(desk: Desk) -> None:
    path = send(desk, HEADER + "M-1,A-1,\n").goes_to
    assert desk.post(f"{path}/drop").goes_to == PATH
    assert desk.get(path).status == 404
    assert mappings(desk.shop_id) == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "The file is empty."),
        (b"PK\x03\x04", "This is not a CSV file."),
        (b"a,b\n1,2", "The first line must name the columns “marketplace_sku, store_sku”; it says: “a, b”"),
        (b"x" * 10_000_001, "The file is too large"),
        (b"x" * 10_200_000, "The file is too large"),
        (f"<script>alert('x')</script>,{HOSTILE}\n".encode(), "The first line must name"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_saves_nothing(desk: Desk, data: bytes, said: str) -> None:
    page = send(desk, data)
    assert page.status == 422
    assert said in page.text
    assert page.tags("form", id="upload", enctype="multipart/form-data")
    assert "<script>alert" not in page.html
    with db.reading() as s:
        assert s.scalars(select(SkuUpload)).all() == []


def test_a_post_without_a_file_is_told_so(desk: Desk) -> None:
    page = desk.post(IMPORT, file="text, not a file")
    assert (page.status, "The file is empty." in page.text) == (422, True)


def test_hostile_lines_are_shown_as_text_and_saved_as_they_are(desk: Desk) -> None:
    target = io.StringIO()
    csv.writer(target).writerows(
        [["marketplace_sku", "store_sku", "account"], ["=1+1", HOSTILE, ""], ["M", "A", HOSTILE]]
    )
    done = send(desk, target.getvalue(), "<b>it's</b>.csv")
    report = desk.get(done.goes_to)
    assert "<script>alert" not in report.html
    assert "<b>" not in report.html
    assert "No account is called" in report.text
    desk.post(done.goes_to)
    assert mappings(desk.shop_id) == [(None, "=1+1", HOSTILE)]
    assert "<script>alert" not in desk.get("/settings").html


def test_ten_thousand_bad_lines_are_counted_and_the_first_are_shown(desk: Desk) -> None:
    report = desk.get(send(desk, HEADER + "M-1,,\n" * 10_000).goes_to)
    assert "10,000 lines cannot be taken" in report.text
    assert "The first 200 are shown." in report.text
    assert report.tags("s-button", type="submit", variant="primary", disabled="")


def test_more_than_there_is_room_for_is_refused_with_the_report_kept(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keep, "MOST", 3)
    path = send(desk, HEADER + "".join(f"M-{number},A,\n" for number in range(4))).goes_to
    page = desk.post(path)
    assert page.status == 422
    assert "There is room for" in page.text
    assert mappings(desk.shop_id) == []


def test_the_file_of_another_shop_is_not_there(desk: Desk) -> None:
    mine = send(desk, HEADER + "M-1,A-1,\n").goes_to
    red = install("red.myshopify.com")
    with db.writing() as s:
        s.scalars(select(SkuUpload)).one().shop_id = red
    assert desk.get(mine).status == 404
    assert desk.post(mine).status == 404
    assert desk.post(f"{mine}/drop").status == 404
    with db.reading() as s:
        assert len(s.scalars(select(SkuUpload)).all()) == 1


def test_the_export_holds_this_shops_mappings_alone_and_comes_back_unchanged(desk: Desk) -> None:
    account = desk.account(label="Blue mugs")
    strangers(desk)
    pairs = [Pair(None, "=1+1", "-5"), Pair(account, "M;1", 'a "b"'), Pair(None, "ö", "a,b")]
    for pair in pairs:
        put(desk.shop_id, pair.marketplace_sku, pair.store_sku, pair.account_id)
    answer = desk.get(f"{PATH}/export.csv").response
    assert answer.data.startswith(b"\xef\xbb\xbfmarketplace_sku,store_sku,account\r\n")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="sku-mappings.csv"'
    assert b"STRANGE" not in answer.data
    assert b"\r\n'=1+1,'-5," in answer.data
    desk.language = "de"
    german = desk.get(f"{PATH}/export.csv").response.data
    assert german.startswith(b"\xef\xbb\xbfmarketplace_sku;store_sku;account\r\n")
    for data in (answer.data, german):
        report = desk.get(send(desk, data).goes_to)
        assert "3" in report.text
        assert report.tags("s-button", type="submit", variant="primary", disabled=""), "nothing would change"
