"""What mails say: in whose language and time, and that hostile words neither break nor hide an alert."""

from __future__ import annotations

import re

import pytest

from shopapp import i18n
from shopapp.alerts import letters, wording
from shopapp.alerts.catalogue import CATEGORIES, CAUSES, KINDS
from shopapp.alerts.causes import ACCOUNT_CAUSES, ORDER_CAUSES
from shopapp.config import ROOT
from shopapp.records import db
from shopapp.records.models import Category, Shop
from tests.unit.alerts import conftest as stage
from tests.unit.alerts.conftest import PostOffice

HOSTILE = "A\r\nBcc: x@evil.test\r\n\r\n<script>alert(1)</script>\u202egnp.exe\x00\ud800 %(label)s {{ 7*7 }}"
FULL = {
    "account_id": 3,
    "order_id": 12,
    "remote_order_id": "304-1",
    "label": "My Amazon",
    "channel": "amazon",
    "skus": ["A-1", "B-2"],
    "count": 2,
    "what": "role",
    "days": 7,
    "day": "2026-11-20",
    "missing": 1,
    "gone": 2,
    "extra": 0,
    "fetched": 3,
    "ids": "304-1, 304-2",
    "listing_id": 7,
    "sku": "A-1",
    "live": 100,
    "percent": 20,
    "run": "abc",
}


@pytest.mark.parametrize("words", [HOSTILE, "\n", "x" * 5000, "=cmd|' /C calc'!A0"])
def test_hostile_words_neither_suppress_nor_break_an_alert(shop_id: int, post: PostOffice, words: str) -> None:
    stage.tick(shop_id, Category.ORDER_IMPORT_FAILED)
    stage.failed(shop_id, 1, words=words, label=words, skus=[words], remote_order_id=f"304-1{words}")
    stage.pass_time(60)
    stage.deliver()
    [mail] = post.arrived
    message = mail.parsed
    assert len(stage.mails()[0].subject) <= 120
    assert message["Bcc"] is None
    assert "304-1" in mail.subject
    for kind in ("plain", "html"):
        body = mail.body(kind)
        assert "304-1" in body
        assert "\u202e" not in body
        assert "\x00" not in body
    assert "<script" not in mail.body("html")
    assert "49" not in mail.subject


def test_a_newline_in_a_label_does_not_suppress_the_account_mail(shop_id: int, post: PostOffice) -> None:
    stage.broken(shop_id, 1, "My\nAmazon\r\nX-Evil: 1")
    stage.pass_time(60)
    stage.deliver()
    assert post.subjects == ["Account 'My Amazon X-Evil: 1' has expired (Amazon)"]
    assert post.arrived[0].parsed["X-Evil"] is None


def test_a_subject_in_any_script_survives_the_way(shop_id: int, post: PostOffice) -> None:
    label = "Łódź 東京 Å " * 12
    stage.broken(shop_id, 1, label)
    stage.pass_time(60)
    stage.deliver()
    assert post.subjects[0].startswith("Account 'Łódź 東京 Å Łódź")
    assert len(stage.mails()[0].subject) <= 120


def test_times_are_the_shops_with_utc_beside(shop_id: int, post: PostOffice) -> None:
    stage.broken(shop_id, 1)
    stage.pass_time(60)
    stage.deliver()
    for kind in ("plain", "html"):
        assert "2:00:00" in post.arrived[0].body(kind)  # Berlin
        assert "(2026-09-01 12:00 UTC)" in post.arrived[0].body(kind)


def test_the_mail_tells_why_it_comes_and_how_to_stop_it(shop_id: int, post: PostOffice) -> None:
    stage.broken(shop_id, 1)
    stage.pass_time(60)
    stage.deliver()
    for kind in ("plain", "html"):
        body = post.arrived[0].body(kind)
        assert "/store/blue/apps/relay/settings" in body
        assert "https://relay.test/mail-link/unsubscribe/" in body
        assert "Press Save account" in body
        assert "/store/blue/apps/relay/help/connections" in body
    assert "<img" not in post.arrived[0].body("html")


def test_what_a_support_case_needs_is_named_as_that(shop_id: int, post: PostOffice) -> None:
    stage.tick(shop_id, Category.ORDER_IMPORT_FAILED)
    stage.failed(shop_id, 1, cause="other", code="8105", call="getOrder")
    stage.pass_time(60)
    stage.deliver()
    assert "Details: 8105 · getOrder" in post.arrived[0].body("plain").splitlines()
    assert ">Details: 8105 · getOrder<" in post.arrived[0].body("html")


def test_text_and_html_hold_the_same_facts(shop_id: int, post: PostOffice) -> None:
    stage.tick(shop_id, Category.ORDER_IMPORT_FAILED)
    stage.failed(shop_id, 7, words="no such SKU")
    stage.pass_time(60)
    stage.deliver()
    for kind in ("plain", "html"):
        body = post.arrived[0].body(kind)
        facts = ("304-0000007", "SKU-7", "My Amazon", "no such SKU", "exactly this SKU", "/apps/relay/orders/7")
        for fact in (*facts, "/apps/relay/listings/skus"):
            assert fact in body, (kind, fact)


@pytest.mark.parametrize("language", i18n.LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_words_in_every_language(mail_app: object, kind: str, language: str) -> None:
    told = wording.describe(language, kind, FULL, "what they said", "account:3")
    assert told.title
    assert told.text
    assert told.advice
    assert told.action
    assert told.link.startswith("/")
    assert "what they said" in told.said
    assert wording.MISSING not in told.title + told.text + told.advice + told.link


@pytest.mark.parametrize("kind", KINDS)
def test_missing_params_never_lose_an_alert(mail_app: object, kind: str) -> None:
    assert wording.describe("en", kind, {}, "", "order:5").title
    assert wording.describe("en", "from_a_newer_version", {}, "their words").said.endswith("“their words”")


@pytest.mark.parametrize("cause", [cause.key for cause in ACCOUNT_CAUSES])
def test_every_account_cause_has_an_honest_title_and_differs_in_the_rest(mail_app: object, cause: str) -> None:
    told = wording.describe("en", "account_expired", FULL | {"cause": cause}, "", "account:3")
    never = cause == "never_worked"
    assert told.title == ("Account 'My Amazon' is not connected yet" if never else "Account 'My Amazon' has expired")
    assert told.steps
    others = [other for other in ACCOUNT_CAUSES if other.key != cause]
    assert CAUSES[cause].text not in [other.text for other in others]


def test_an_unknown_cause_names_the_channel_as_the_source_and_guesses_nothing(mail_app: object) -> None:
    told = wording.describe("en", "account_expired", FULL | {"cause": "new_one"}, "E42", "account:3")
    assert told.text == "Amazon refuses our access. It said so; we do not know why."
    assert told.said == "Amazon reported: “E42”"


@pytest.mark.parametrize("cause", [cause.key for cause in ORDER_CAUSES])
def test_every_order_cause_names_id_reason_and_next_step(mail_app: object, cause: str) -> None:
    told = wording.describe("en", "order_import_failed", FULL | {"cause": cause}, "E42", "order:12")
    assert "304-1" in told.title
    assert told.reason
    assert told.advice
    assert told.link == "/orders/12"
    assert told.said.startswith("Shopify reported") is (cause == "rejected_by_shopify")
    assert "E42" in told.said
    if cause.startswith("sku"):
        assert "A-1, B-2" in told.text


def test_every_reason_that_mapping_and_placing_can_give_is_in_the_catalogue() -> None:
    sources = [*(ROOT / "marketplaces" / "channels").rglob("*.py"), *(ROOT / "shopapp" / "orders").rglob("*.py")]
    given = {reason for path in sources for reason in re.findall(r"reason=\"(\w+)\"", path.read_text("utf-8"))}
    about_accounts = {"seller_mismatch", "wrong_region", "wrong_address", "report_failed"}
    handled_before_anybody_is_told = {"bad_page_token", "document_failed"}
    assert len(given) > 5
    assert given - about_accounts - handled_before_anybody_is_told - set(CAUSES) == set()


def test_what_never_worked_tells_why_its_first_check_failed(mail_app: object) -> None:
    params = FULL | {"cause": "never_worked", "detail": "inactive", "code": "Unauthorized", "request_id": "r-1"}
    told = wording.describe("en", "account_expired", params, "no", "account:3")
    assert "first check" in told.text
    assert "not active" in told.text
    assert told.details == "Unauthorized · r-1"


def test_the_trials_end_is_said_as_such(mail_app: object) -> None:
    told = wording.describe("en", "plan_over", {"trial_ended": True}, "", "plan")
    assert told.reason == "The trial has ended"


def test_every_category_has_a_sentence() -> None:
    assert set(CATEGORIES) == set(Category)


def test_a_german_shop_reads_german_where_the_catalogue_has_it(shop_id: int) -> None:
    with db.reading() as s:
        shop = s.get_one(Shop, shop_id)
        shop.language = "de"
        assert letters.language_of(shop) == "de"
        s.rollback()


@pytest.mark.parametrize("mark", ["\r", "\n", "\u2028", "\u202e", "\x00", "\x1b"])
def test_no_subject_of_any_mail_can_hold_a_line_break_or_a_hidden_mark(mark: str) -> None:
    assert letters.subject_line(f"one{mark}two") in ("one two", "onetwo")
    assert len(letters.subject_line("x" * 500)) == letters.SUBJECT_LIMIT
