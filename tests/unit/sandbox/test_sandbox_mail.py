"""Mails are kept, shown and refused on demand; exchange rates come in the bank's format."""

import smtplib
import xml.etree.ElementTree as ET
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.sandbox.clock import parse_instant
from tests.sandbox.fx import business_day
from tests.sandbox.server import Sandbox, create_sandbox
from tests.unit.sandbox.seat import Lines, rates

# A reset may overtake the end of the client's connect.
CUT = (smtplib.SMTPServerDisconnected, ConnectionResetError)


def letter(number: int = 1, to: str = "owner@shop.example") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "app@example.com", to, f"Grüße <b>{number}</b>"
    message["Message-ID"] = f"<{number}@example.com>"
    message.set_content("Hällo\n")
    message.add_alternative('<p>Hällo <a href="http://app.example/x">Link</a></p>', subtype="html")
    message.add_attachment(b"1,2", maintype="text", subtype="csv", filename="orders.csv")
    return message


def send(sandbox: Sandbox, message: EmailMessage, timeout: float = 1) -> None:
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=timeout) as client:
        client.login("any", "thing")
        client.send_message(message)


def mails(sandbox: Sandbox, **filters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = requests.get(sandbox.url + "/_sandbox/mails", params=filters, timeout=5).json()
    return found


def test_a_mail_is_kept_whole_and_recorded_by_its_message_id(sandbox: Sandbox, ledger: Lines) -> None:
    send(sandbox, letter(1))
    send(sandbox, letter(2, to="other@shop.example"))
    [mail] = mails(sandbox, to="owner@shop.example")
    assert (mail["from"], mail["to"], mail["subject"]) == ("app@example.com", ["owner@shop.example"], "Grüße <b>1</b>")
    assert mail["text"].strip() == "Hällo"
    assert "http://app.example/x" in mail["html"]
    assert mail["attachments"] == ["orders.csv"]
    assert ["Message-ID", "<1@example.com>"] in mail["headers"]
    assert mail["raw"].startswith("From: app@example.com\r\n")
    assert [line["key"] for line in ledger(effect="mail.received")] == ["<1@example.com>", "<2@example.com>"]


def test_a_person_reads_mails_as_pages_and_markup_in_them_stays_inert(sandbox: Sandbox) -> None:
    send(sandbox, letter())
    listed = requests.get(sandbox.url + "/mail", timeout=5).text
    assert 'href="/mail/1"' in listed
    assert "Grüße &lt;b&gt;1&lt;/b&gt;" in listed
    shown = requests.get(sandbox.url + "/mail/1", timeout=5).text
    assert "<b>1</b>" not in shown
    assert 'sandbox="allow-top-navigation-by-user-activation allow-popups"' in shown
    assert "&lt;base target=&#34;_top&#34;&gt;" in shown
    assert "Message-ID: &lt;1@example.com&gt;" in shown
    assert requests.get(sandbox.url + "/mail/2", timeout=5).status_code == 404


@pytest.mark.parametrize(
    ("wish", "error", "kept"),
    [
        ({"kind": "status", "params": {"status": 451}}, smtplib.SMTPRecipientsRefused, 0),
        ({"kind": "status", "params": {"status": 550, "body": "No such user"}}, smtplib.SMTPRecipientsRefused, 0),
        ({"kind": "status", "operation": "data", "params": {"status": 554}}, smtplib.SMTPDataError, 0),
        ({"kind": "timeout", "params": {"seconds": 5}}, smtplib.SMTPServerDisconnected, 0),
        ({"kind": "timeout", "operation": "data", "params": {"seconds": 5}}, smtplib.SMTPServerDisconnected, 0),
        ({"kind": "commit_then_timeout", "params": {"seconds": 5}}, smtplib.SMTPServerDisconnected, 1),
        ({"kind": "commit_then_reset"}, smtplib.SMTPServerDisconnected, 1),
        ({"kind": "reset"}, CUT, 0),
        ({"kind": "reset", "operation": "data"}, smtplib.SMTPServerDisconnected, 0),
    ],
)
def test_mail_trouble(sandbox: Sandbox, post: Any, wish: Any, error: Any, kept: int) -> None:
    post("/_sandbox/faults", {"system": "smtp", **wish})
    with pytest.raises(error) as raised:
        send(sandbox, letter(), timeout=0.5)
    if isinstance(raised.value, smtplib.SMTPRecipientsRefused):
        assert raised.value.recipients["owner@shop.example"][0] == wish["params"]["status"]
    assert len(mails(sandbox)) == kept
    send(sandbox, letter(2))
    assert len(mails(sandbox)) == kept + 1


def test_a_refused_recipient_can_be_one_of_several(sandbox: Sandbox, post: Any) -> None:
    post("/_sandbox/faults", {"system": "smtp", "kind": "status", "match": {"to": "bad@shop.example"}})
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=5) as client:
        refused = client.send_message(letter(), to_addrs=["owner@shop.example", "bad@shop.example"])
    assert list(refused) == ["bad@shop.example"]
    assert mails(sandbox)[0]["to"] == ["owner@shop.example"]


def test_mails_survive_a_restart(tmp_path: Path) -> None:
    with create_sandbox({"data": tmp_path}) as running:
        send(running, letter(1))
    with create_sandbox({"data": tmp_path}) as running:
        send(running, letter(2))
        assert [mail["n"] for mail in mails(running)] == [1, 2]
        assert [mail["n"] for mail in mails(running, since=1)] == [2]


def test_rates_come_in_the_central_banks_format(sandbox: Sandbox, post: Any) -> None:
    post("/_sandbox/clock", {"now": "2026-11-22T10:00:00Z"})
    answer = rates(sandbox)
    tree = ET.fromstring(answer.content)
    space = "{http://www.ecb.int/vocabulary/2002-08-01/eurofxref}"
    day = tree.find(f"{space}Cube/{space}Cube")
    assert day is not None
    assert day.get("time") == "2026-11-20"
    found = {cube.get("currency"): cube.get("rate") for cube in day}
    assert len(found) >= 12
    assert {"USD", "GBP", "JPY", "SEK", "BRL", "TRY"} <= set(found)
    assert "EUR" not in found


def test_rates_and_their_day_can_be_chosen(sandbox: Sandbox, post: Any) -> None:
    post("/_sandbox/fx", {"rates": {"USD": "2.5"}, "day": "2026-01-02"})
    assert 'time="2026-01-02"' in rates(sandbox).text
    assert '<Cube currency="USD" rate="2.5"/>' in rates(sandbox).text


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2026-11-20T14:59:00Z", "2026-11-19"),
        ("2026-11-20T15:00:00Z", "2026-11-20"),
        ("2026-11-21T23:00:00Z", "2026-11-20"),
        ("2026-11-23T08:00:00Z", "2026-11-20"),
    ],
)
def test_rates_are_of_the_last_working_day(now: str, day: str) -> None:
    assert business_day(parse_instant(now)) == day
