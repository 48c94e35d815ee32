"""Who gets which mail, and where: checkboxes, the address and its confirmation."""

from __future__ import annotations

import re

import pytest

from shopapp import clock
from shopapp.alerts import choices, links, mails
from shopapp.records import db
from shopapp.records.models import AuditEntry, Category, Shop
from tests.unit.alerts import conftest as stage
from tests.unit.alerts.conftest import OWNER, PostOffice

TYPED = "alerts@desk.test"


def _save(shop_id: int, *chosen: str, own: bool = True, address: str = "") -> dict[str, str]:
    with db.writing() as s:
        return choices.save(s, s.get_one(Shop, shop_id), chosen, own, address, "7")


def _recipient(shop_id: int) -> str:
    with db.reading() as s:
        return choices.recipient(s, s.get_one(Shop, shop_id))


def test_only_broken_accounts_are_mailed_by_default(shop_id: int) -> None:
    with db.reading() as s:
        assert [category for category, on in choices.categories(s, shop_id).items() if on] == ["account_expired"]


def test_an_order_failure_is_mailed_only_when_ticked(shop_id: int, post: PostOffice) -> None:
    off = stage.failed(shop_id, 1)
    _save(shop_id, Category.ORDER_IMPORT_FAILED)
    on = stage.failed(shop_id, 2)
    stage.pass_time(60)
    stage.deliver()
    assert post.subjects == ["Order 304-0000002 from Amazon was not imported"]
    assert stage.incident(off).mail_skipped == "category_off"
    assert stage.incident(on).mail_id


def test_even_the_default_can_be_switched_off_and_what_waits_is_cancelled(shop_id: int, post: PostOffice) -> None:
    number = stage.broken(shop_id, 1)
    assert not _save(shop_id)
    assert stage.mails()[0].state == "cancelled"
    _save(shop_id, Category.ACCOUNT_EXPIRED)  # ticked again: what was cancelled stays so
    stage.pass_time(60)
    stage.deliver()
    assert not post.arrived
    assert stage.incident(number).mail_skipped == "category_off"


def test_a_typed_address_is_used_only_once_confirmed(shop_id: int, post: PostOffice) -> None:
    assert not _save(shop_id, Category.ACCOUNT_EXPIRED, own=False, address=TYPED)
    assert _recipient(shop_id) == OWNER
    stage.deliver()
    [mail] = post.arrived
    assert mail.to == [TYPED]
    found = re.search(r"https://relay\.test/mail-link/confirm/(\S+)", mail.body("plain"))
    assert found is not None
    assert stage.mails()[0].secret == ""
    with db.writing() as s:
        assert choices.confirm(s, found[1]) is not None
        assert choices.confirm(s, found[1]) is None  # once
    assert _recipient(shop_id) == TYPED


def test_the_links_secret_is_stored_nowhere_in_the_clear(shop_id: int) -> None:
    _save(shop_id, own=False, address=TYPED)
    with db.reading() as s:
        ticket = s.get_one(Shop, shop_id).alert_address_ticket
    [row] = stage.mails()
    assert re.fullmatch(r"[0-9a-f]{64}", ticket)
    assert row.secret.count(".") == 1  # sealed
    assert row.params == {}


def test_a_confirmation_ends_after_a_day_and_its_end_cannot_be_moved(shop_id: int) -> None:
    ticket = links.new_ticket(clock.now())
    with db.writing() as s:
        s.get_one(Shop, shop_id).alert_address_ticket = links.ticket_hash(ticket)
    end, _, secret = ticket.partition("-")
    with db.reading() as s:
        assert choices.asked(s, ticket) is not None
        assert choices.asked(s, f"{int(end) + 99999}-{secret}") is None
        assert choices.asked(s, f"x{ticket}") is None
        assert choices.asked(s, "") is None
    stage.pass_time(hours=24)
    with db.reading() as s:
        assert choices.asked(s, ticket) is None


def test_a_second_address_makes_the_first_link_useless(shop_id: int, post: PostOffice) -> None:
    _save(shop_id, own=False, address="first@desk.test")
    _save(shop_id, own=False, address="second@desk.test")
    stage.deliver()
    assert [mail.to for mail in post.arrived] == [["second@desk.test"]]


def test_saving_the_same_address_again_asks_nobody_and_changes_nothing(shop_id: int) -> None:
    _save(shop_id, own=False, address=TYPED)
    _save(shop_id, own=False, address=TYPED)
    assert len(stage.mails()) == 1
    with db.reading() as s:
        assert s.query(AuditEntry).count() == 1
        assert TYPED not in str(s.query(AuditEntry).one().changes)


def test_our_form_floods_nobody(shop_id: int) -> None:
    answers = [_save(shop_id, own=False, address=f"a{number}@desk.test") for number in range(mails.CONFIRMATIONS + 1)]
    assert [bool(answer) for answer in answers] == [False] * mails.CONFIRMATIONS + [True]


def test_the_shops_email_is_followed_when_it_changes(shop_id: int) -> None:
    _save(shop_id, own=False, address=TYPED)
    _save(shop_id, own=True)
    with db.writing() as s:
        s.get_one(Shop, shop_id).email = "new@blue.test"
    assert _recipient(shop_id) == "new@blue.test"


def test_without_any_address_the_reason_is_noted(shop_id: int) -> None:
    with db.writing() as s:
        s.get_one(Shop, shop_id).email = ""
    assert stage.incident(stage.broken(shop_id, 1)).mail_skipped == "no_address"


@pytest.mark.parametrize(
    "address",
    [
        "", "nobody", "a@b", "a@b.c\nBcc: x@y.z", "a@b.de, c@d.de", "Name <a@b.de>", "a@b..de", ".a@b.de", "a@-b.de",
        "a b@c.de", '"a b"@c.de', "a@[127.0.0.1]", f"{'a' * 65}@b.de", f"a@{'b' * 64}.de", "ä@b.de", "a@b@c.de",
    ],
)  # fmt: skip
def test_what_is_no_single_address_is_refused_and_nothing_is_stored(shop_id: int, address: str) -> None:
    assert set(_save(shop_id, Category.ORDER_IMPORT_FAILED, own=False, address=address)) == {"address"}
    with db.reading() as s:
        assert not choices.enabled(s, shop_id, Category.ORDER_IMPORT_FAILED)
        assert s.get_one(Shop, shop_id).use_shop_email


@pytest.mark.parametrize("address", ["a@b.de", " a.b+c@sub.b.de ", "o'neil@b.co.uk", "x@bücher.example"])
def test_ordinary_addresses_are_taken(shop_id: int, address: str) -> None:
    assert choices.usable(address).count("@") == 1


def test_an_unknown_category_is_refused(shop_id: int) -> None:
    assert _save(shop_id, "everything") == {"categories": "This kind of notification does not exist."}


def test_a_forged_unsubscribe_token_is_not_read(shop_id: int) -> None:
    with db.reading() as s:
        shop = s.get_one(Shop, shop_id)
    token = links.unsubscribe_link(shop, "account_expired").rsplit("/", 1)[1]
    assert links.read_unsubscribe(token) == (shop.uid, Category.ACCOUNT_EXPIRED)
    for forged in (token[:-1], token.replace("account_expired", "order_import_failed"), "", "a.b.c", "é.é.é"):
        assert links.read_unsubscribe(forged) is None
