"""Mails as a weapon: flooding strangers, second recipients, links that act by themselves; what the operator sees."""

from __future__ import annotations

import time
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from shopapp import clock, runtime
from shopapp.alerts import choices, links
from shopapp.cli import doctor
from shopapp.config import SETTINGS, Config
from shopapp.records import db, vault
from shopapp.records.models import Category, Mail, MailState, Shop
from tests.web.desk import Desk, install

VICTIM = "victim@inbox.test"


def asked(desk: Desk, address: str = VICTIM) -> int:
    """Enter `address` in the settings; the status."""
    return desk.post("/settings", address=address, notify="account_expired").status


def to_victim() -> int:
    """Confirmation mails that would leave for the victim."""
    with db.reading() as s:
        return s.query(Mail).filter_by(kind="confirm_address", to_address=VICTIM).count()


def test_one_shop_cannot_flood_an_address(desk: Desk) -> None:
    for count in range(12):
        asked(desk)
        asked(desk, f"other{count}@inbox.test")
        desk.post("/settings/confirm")
    with db.reading() as s:
        assert s.query(Mail).filter_by(kind="confirm_address").count() <= 5


def test_many_shops_together_cannot_flood_an_address(desk: Desk) -> None:
    for count in range(10):
        name = f"s{count}.myshopify.com"
        shop = Desk(desk.app, install(name), name)
        assert asked(shop, VICTIM if count % 2 else VICTIM.upper()) in (303, 422)
        shop.post("/settings/confirm")
    with db.reading() as s:
        everything = s.query(Mail).filter_by(kind="confirm_address").all()
    assert len([one for one in everything if one.to_address.lower() == VICTIM]) <= 5
    clock.travel(by=timedelta(hours=25))
    late = Desk(desk.app, install("late.myshopify.com"), "late.myshopify.com")
    before = to_victim()
    with db.writing() as s:
        assert choices.ask_again(s, s.get_one(Shop, late.shop_id), VICTIM) == ""
    assert to_victim() == before + 1


def test_a_full_mailbox_of_others_does_not_stop_a_shop_from_using_another_address(desk: Desk) -> None:
    for count in range(10):
        asked(Desk(desk.app, install(f"s{count}.myshopify.com"), f"s{count}.myshopify.com"))
    assert asked(desk) == 422
    assert asked(desk, "mine@inbox.test") == 303


@pytest.mark.parametrize(
    "address",
    [
        "a@b.test\r\nBcc: x@y.test", "a@b.test\nX: y", "a@b.test,c@d.test", "a@b.test;c@d.test", "a@b.test c@d.test",
        '"a@b.test, c"@d.test', "A <a@b.test>", "<a@b.test>", "a@b.test>", "a@[127.0.0.1]", "a@b", "@b.test", "a@", "a@@b.test",
        "a@b..test", ".a@b.test", "a.@b.test", "a@-b.test", "a@b.test\x00", "a\u202e@b.test", "ä@b.test", "a b@c.test",
        "a@b.test%0aBcc:x@y.test", "a" * 65 + "@b.test", "a@" + "b" * 64 + ".test", "a@" + "b." * 200 + "test", "x" * 10_000,
        "mailto:a@b.test?bcc=c@d.test", "a@b.test\u2028", "=?utf-8?q?a?=@b.test\r\n", "a@b_c.test", "a:b@c.test", "a(b)@c.test",
    ],
)  # fmt: skip
def test_only_one_plain_address_is_taken(desk: Desk, address: str) -> None:
    taken = choices.usable(address)
    assert taken in ("", address.strip())
    assert not set(taken) & set('\r\n\x00,;<> "()[]:\u2028\u202e')
    assert desk.post("/settings", address=address, notify="account_expired").status == (303 if taken else 422)
    with db.reading() as s:
        assert [one.to_address for one in s.query(Mail)] == ([taken] if taken else [])


def test_an_address_of_any_length_is_judged_at_once(desk: Desk) -> None:
    endless = f"a@{'é' * 120_000}"
    began = time.process_time()
    assert choices.usable(endless) == ""
    assert time.process_time() - began < 0.5
    assert asked(desk, endless) == 422


def test_no_mail_goes_to_an_address_before_its_owner_has_confirmed_it(desk: Desk) -> None:
    asked(desk)
    assert desk.post("/settings/test-mail").status == 303
    with db.reading() as s:
        assert s.query(Mail).filter_by(kind="test").one().to_address == "owner@blue.test"
        assert choices.recipient(s, s.get_one(Shop, desk.shop_id)) == "owner@blue.test"


def ticket(desk: Desk) -> str:
    asked(desk)
    with db.reading() as s:
        row = s.query(Mail).filter_by(kind="confirm_address", state=MailState.WAITING).one()
        return vault.unseal(row, "secret")


def test_a_link_checker_and_a_prefetching_browser_change_nothing(desk: Desk) -> None:
    path = urlsplit(links.confirm_link(ticket(desk))).path
    stop = urlsplit(links.unsubscribe_link(desk.shop(), Category.ACCOUNT_EXPIRED)).path
    for method in ("GET", "HEAD", "OPTIONS"):
        for one in (path, stop):
            assert desk.client.open(one, method=method).status_code == 200
    assert desk.shop().alert_address_confirmed_at is None
    with db.reading() as s:
        assert choices.enabled(s, desk.shop_id, Category.ACCOUNT_EXPIRED)


def test_a_link_is_worth_nothing_changed_late_or_twice(desk: Desk) -> None:
    whole = ticket(desk)
    end, _, secret = whole.partition("-")
    for bad in (
        f"{int(end) + 9999}-{secret}",
        secret,
        f"{end}-",
        f"{end}-{secret}x",
        f"{end}-{secret[:-1]}",
        whole.upper(),
        "%00",
    ):
        assert desk.client.post(f"/mail-link/confirm/{bad}").status_code == 404
    clock.travel(by=timedelta(hours=24, seconds=1))
    assert desk.client.post(f"/mail-link/confirm/{whole}").status_code == 404
    clock.travel()
    assert desk.client.post(f"/mail-link/confirm/{whole}").status_code == 200
    assert desk.client.post(f"/mail-link/confirm/{whole}").status_code == 404
    assert desk.shop().alert_address == VICTIM


def test_the_right_to_stop_mails_of_one_shop_and_kind_stops_no_other(desk: Desk) -> None:
    other = install("other.myshopify.com")
    with db.reading() as s:
        foreign = s.get_one(Shop, other)
    path = urlsplit(links.unsubscribe_link(desk.shop(), Category.ACCOUNT_EXPIRED)).path
    uid, category, mac = path.rpartition("/")[2].split(".")
    kinds = [one.value for one in Category if one.value != category]
    bad = [
        f"{foreign.uid}.{category}.{mac}",
        *(f"{uid}.{kind}.{mac}" for kind in kinds),
        f"{uid}.{category}.",
        f"{uid}.{category}.é",
    ]
    for token in (*bad, f"{uid}.{category}.{mac[:-1]}", f"{uid}|{category}.x.{mac}", "..", "%00.%00.%00"):
        assert desk.client.post(f"/mail-link/unsubscribe/{token}").status_code == 404
    with db.reading() as s:
        assert all(choices.enabled(s, shop, Category.ACCOUNT_EXPIRED) for shop in (desk.shop_id, other))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://app:Hidden4711@db/shop", "postgresql://db/shop?user=app&password=Hidden4711",
        "postgresql://app@db/shop?password=Hidden4711&sslmode=require", "postgresql://app:Hid@Hidden4711@db/shop",
    ],
)  # fmt: skip
def test_the_doctor_shows_no_password(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    secrets = {one.name: f"Hidden4711{one.name}Hidden4711" for one in SETTINGS if one.secret}
    doctor._settings(Config.load({**secrets, "DATABASE_URL": url}, serving=False))
    shown = capsys.readouterr().out
    assert "DATABASE_URL" in shown
    assert "Hidden4711" not in shown
    assert "Hid@" not in shown


def test_a_configuration_and_its_errors_show_no_value(desk: Desk) -> None:
    config = runtime.config()
    for name in ("SHOPIFY_API_SECRET", "SECRET_KEY", "ENCRYPTION_KEY"):
        assert config[name] not in f"{config!r} {config}"
        assert config[name] not in desk.client.get("/readyz").text
