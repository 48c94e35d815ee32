"""The sandbox's own machinery behaves as its users rely on: clock, ledger, faults, state, mail, rates, process."""

import ast
import http.client
import json
import signal
import smtplib
import socket
import struct
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.sandbox.clock import Clock, parse_instant
from tests.sandbox.fx import business_day
from tests.sandbox.ledger import Ledger
from tests.sandbox.server import Sandbox, create_sandbox
from tests.sandbox.settings import read_settings

ROOT = Path(__file__).resolve().parents[3]
RATES = "/fx/eurofxref-daily.xml"
Lines = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with create_sandbox({"data": tmp_path / "data"}) as running:
        yield running


@pytest.fixture
def http_session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.fixture
def post(sandbox: Sandbox, http_session: requests.Session) -> Callable[[str, Any], Any]:
    def send(path: str, value: Any) -> Any:
        answer = http_session.post(sandbox.url + path, json=value, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    return send


@pytest.fixture
def ledger(sandbox: Sandbox, http_session: requests.Session) -> Lines:
    def read(**filters: Any) -> list[dict[str, Any]]:
        answer = http_session.get(sandbox.url + "/_sandbox/ledger", params=filters, timeout=10)
        return [json.loads(line) for line in answer.text.splitlines()]

    return read


def rates(sandbox: Sandbox, timeout: float = 5) -> requests.Response:
    return requests.get(sandbox.url + RATES, timeout=timeout, headers={"Connection": "close"})


# ---- clock -------------------------------------------------------------------------------------------------------


def test_clock_can_be_set_advanced_and_reset(sandbox: Sandbox, post: Any, http_session: requests.Session) -> None:
    assert post("/_sandbox/clock", {"now": "2024-12-25T03:00:00Z"})["now"].startswith("2024-12-25T03:00:0")
    assert post("/_sandbox/clock", {"advance_seconds": 3600})["now"].startswith("2024-12-25T04:00:0")
    assert post("/_sandbox/clock", {"advance_seconds": -60})["now"].startswith("2024-12-25T03:59:")
    post("/_sandbox/clock", {"reset": True})
    now = parse_instant(http_session.get(sandbox.url + "/_sandbox/clock", timeout=5).json()["now"])
    assert abs(now.timestamp() - time.time()) < 5


@pytest.mark.parametrize("nonsense", [{}, {"now": "yesterday"}, {"advance_seconds": "5"}, [1], {"reset": False}])
def test_nonsense_for_the_clock_is_refused_with_a_reason(sandbox: Sandbox, nonsense: Any) -> None:
    answer = requests.post(sandbox.url + "/_sandbox/clock", json=nonsense, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_scaled_clock_runs_faster_from_its_epoch() -> None:
    epoch = parse_instant(str(time.time() - 10))
    assert 990 <= (Clock(scale=100, epoch=epoch).now() - epoch).total_seconds() <= 1100


def test_an_instant_is_read_as_utc_with_or_without_zone_and_as_unix_seconds() -> None:
    assert (
        parse_instant("2026-01-01T01:00:00+01:00")
        == parse_instant("2026-01-01T00:00:00")
        == parse_instant("1767225600")
    )


# ---- ledger and state --------------------------------------------------------------------------------------------


def test_ledger_is_filtered_by_system_effect_key_and_number(sandbox: Sandbox, ledger: Lines) -> None:
    for system, effect, key in (("a", "made", "1"), ("a", "made", "2"), ("b", "made", "1"), ("a", "gone", "1")):
        sandbox.world.ledger.record(system, effect, key, {"ö": 1})
    assert [line["n"] for line in ledger(system="a", effect="made")] == [1, 2]
    assert [line["n"] for line in ledger(key="1", since=1)] == [3, 4]
    assert set(ledger()[0]) == {"n", "at", "system", "effect", "key", "body"}


def test_ledger_goes_on_counting_after_a_restart_and_drops_a_half_written_line(tmp_path: Path) -> None:
    path, clock = tmp_path / "ledger.jsonl", Clock()
    first = Ledger(path, clock)
    first.record("a", "made", "1")
    first.close()
    path.write_bytes(path.read_bytes() + b'{"n": 2, "at": "20')
    second = Ledger(path, clock)
    assert second.record("a", "made", "2")["n"] == 2
    second.close()
    assert [json.loads(line)["key"] for line in path.read_text("utf-8").splitlines()] == ["1", "2"]


def test_parts_and_counters_survive_a_restart(tmp_path: Path) -> None:
    for expected in (1, 2):
        with create_sandbox({"data": tmp_path}) as running:
            world = running.world
            assert world.next_id("order") == expected
            world.part("demo.orders").setdefault("seen", []).append(expected)
    assert json.loads((tmp_path / "demo.orders.json").read_text("utf-8")) == {"seen": [1, 2]}


def test_a_touched_part_is_on_disk_soon_without_a_stop(sandbox: Sandbox) -> None:
    sandbox.world.part("demo")["a"] = "ä"
    sandbox.world.touch("demo")
    path = sandbox.world.settings.data / "demo.json"
    until = time.monotonic() + 5
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert json.loads(path.read_text("utf-8")) == {"a": "ä"}


def test_the_name_of_a_part_cannot_leave_the_data_folder(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="name of a part"):
        sandbox.world.part("../evil")


# ---- connections -------------------------------------------------------------------------------------------------


def test_one_connection_carries_many_requests_even_if_a_body_was_not_read(sandbox: Sandbox) -> None:
    line = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=5)
    try:
        line.request("POST", "/nowhere", body=b"x" * 50_000)
        assert line.getresponse().read() is not None
        first = line.sock
        line.request("POST", "/_sandbox/clock", body=iter([b'{"advance_', b'seconds": 1}']), encode_chunked=True)
        assert line.getresponse().read()
        line.request("HEAD", "/_sandbox/health")
        assert line.getresponse().read() == b""
        line.request("GET", "/_sandbox/health")
        assert json.loads(line.getresponse().read())["ok"] is True
        assert line.sock is first
    finally:
        line.close()


# ---- faults ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "params", "status", "text", "executed"),
    [
        ("status", {"status": 503, "body": {"a": 1}, "headers": {"Retry-After": "2.0"}}, 503, '{"a": 1}', 0),
        ("status", {}, 500, "", 0),
        ("html", {}, 200, "<!DOCTYPE html>", 0),
        ("empty", {}, 200, "", 0),
        ("null", {}, 200, "null", 0),
        ("throttled", {}, 429, "Too Many", 0),
        ("commit_then_status", {}, 502, "", 1),
        ("commit_then_status", {"status": 500, "body": "oops"}, 500, "oops", 1),
        ("slow", {"seconds": 0.2}, 200, "<?xml", 1),
    ],
)
def test_fault_that_answers(
    sandbox: Sandbox, post: Any, ledger: Lines, kind: str, params: Any, status: int, text: str, executed: int
) -> None:
    post("/_sandbox/faults", {"system": "fx", "kind": kind, "params": params})
    answer = rates(sandbox)
    assert (answer.status_code, len(ledger(effect="fx.read"))) == (status, executed)
    assert answer.text.startswith(text)
    if text == "":
        assert answer.content == b""
    for name, value in params.get("headers", {}).items():
        assert answer.headers[name] == value
    assert rates(sandbox).text.startswith("<?xml")


@pytest.mark.parametrize(
    ("kind", "params", "error", "executed"),
    [
        ("reset", {}, requests.ConnectionError, 0),
        ("timeout", {"seconds": 3}, requests.Timeout, 0),
        ("timeout", {"seconds": 0.1}, requests.ConnectionError, 0),
        ("commit_then_timeout", {"seconds": 3}, requests.Timeout, 1),
        ("commit_then_reset", {}, requests.ConnectionError, 1),
    ],
)
def test_fault_that_leaves_the_caller_without_an_answer(
    sandbox: Sandbox, post: Any, ledger: Lines, kind: str, params: Any, error: type[Exception], executed: int
) -> None:
    post("/_sandbox/faults", {"system": "fx", "kind": kind, "params": params})
    with pytest.raises(error):
        rates(sandbox, timeout=0.6)
    assert len(ledger(effect="fx.read")) == executed
    assert rates(sandbox).ok


def test_a_reset_reaches_the_client_as_a_tcp_reset(sandbox: Sandbox, post: Any) -> None:
    post("/_sandbox/faults", {"system": "fx", "kind": "reset"})
    place = urlsplit(sandbox.url)
    with socket.create_connection((place.hostname, place.port), timeout=5) as line:
        line.sendall(f"GET {RATES} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        with pytest.raises(ConnectionResetError):
            line.recv(1)


def test_a_late_commit_happens_after_the_caller_was_sent_away(sandbox: Sandbox, post: Any, ledger: Lines) -> None:
    post("/_sandbox/faults", {"system": "fx", "kind": "late_commit", "params": {"seconds": 0.3}})
    with pytest.raises(requests.ConnectionError):
        rates(sandbox)
    assert ledger(effect="fx.read") == []
    until = time.monotonic() + 5
    while not ledger(effect="fx.read") and time.monotonic() < until:
        time.sleep(0.05)
    assert len(ledger(effect="fx.read")) == 1


def test_a_truncated_answer_promises_the_full_length(sandbox: Sandbox, post: Any) -> None:
    whole = len(rates(sandbox).content)
    post("/_sandbox/faults", {"system": "fx", "kind": "truncate"})
    line = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=5)
    line.request("GET", RATES)
    answer = line.getresponse()
    assert answer.getheader("Content-Length") == str(whole)
    with pytest.raises(http.client.IncompleteRead) as cut:
        answer.read()
    assert len(cut.value.partial) == whole // 2
    line.close()


def test_a_dripped_answer_comes_byte_by_byte_and_stays_under_a_read_time_out(sandbox: Sandbox, post: Any) -> None:
    post("/_sandbox/faults", {"system": "fx", "kind": "drip", "params": {"seconds": 0.05}})
    began = time.monotonic()
    with requests.get(sandbox.url + RATES, stream=True, timeout=0.5) as answer:
        got = [next(answer.iter_content(1)) for _ in range(20)]
    assert len(got) == 20
    assert time.monotonic() - began > 0.8


def test_a_bomb_is_small_on_the_wire_and_large_unpacked(sandbox: Sandbox, post: Any) -> None:
    post("/_sandbox/faults", {"system": "fx", "kind": "bomb", "params": {"mb": 5}})
    with requests.get(sandbox.url + RATES, stream=True, timeout=5) as answer:
        assert int(answer.headers["Content-Length"]) < 50_000
        assert len(answer.content) > 5_000_000
        assert answer.json()["data"].strip() == ""


def test_a_fault_strikes_after_so_many_calls_and_so_many_times(sandbox: Sandbox, post: Any) -> None:
    post("/_sandbox/faults", {"system": "fx", "kind": "status", "after": 1, "times": 2})
    assert [rates(sandbox).status_code for _ in range(5)] == [200, 500, 500, 200, 200]


def test_a_fault_without_end_lasts_until_it_is_deleted_and_counts(
    sandbox: Sandbox, post: Any, http_session: requests.Session, ledger: Lines
) -> None:
    number = post("/_sandbox/faults", {"system": "fx", "kind": "status", "times": None})["id"]
    assert [rates(sandbox).status_code for _ in range(3)] == [500, 500, 500]
    listed = http_session.get(sandbox.url + "/_sandbox/faults", timeout=5).json()
    assert [(fault["id"], fault["hits"]) for fault in listed] == [(number, 3)]
    assert len(ledger(effect="fault.status", key="daily")) == 3
    assert http_session.delete(f"{sandbox.url}/_sandbox/faults/{number}", timeout=5).json() == {"removed": 1}
    assert rates(sandbox).ok


def test_a_fault_strikes_only_its_system_operation_and_labels(sandbox: Sandbox, post: Any) -> None:
    for wish in (
        {"system": "amazon"},
        {"system": "fx", "operation": "weekly"},
        {"system": "fx", "match": {"shop": "a"}},
    ):
        post("/_sandbox/faults", {"kind": "status", **wish})
    assert rates(sandbox).ok
    assert sandbox.world.faults.hit("fx", "other", shop="b") is None
    fault = sandbox.world.faults.hit("fx", "other", shop="a", more="x")
    assert fault is not None
    assert fault.match == {"shop": "a"}


@pytest.mark.parametrize(
    "wish",
    [{"system": "fx"}, {"kind": "reset"}, {"system": "fx", "kind": "x"}, {"system": "fx", "kind": "reset", "tims": 1}],
)
def test_a_fault_that_makes_no_sense_is_refused(sandbox: Sandbox, wish: Any) -> None:
    answer = requests.post(sandbox.url + "/_sandbox/faults", json=wish, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_held_connections_do_not_hold_up_the_stop(tmp_path: Path) -> None:
    running = create_sandbox({"data": tmp_path}).start()
    running.world.faults.add({"system": "fx", "kind": "timeout", "times": None, "params": {"seconds": 60}})
    running.world.faults.add({"system": "smtp", "kind": "timeout", "times": None})
    errors: list[Exception] = []

    def ask() -> None:
        try:
            rates(running, timeout=30)
        except requests.ConnectionError as error:
            errors.append(error)

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    with socket.create_connection(("127.0.0.1", running.smtp_port), timeout=5):
        time.sleep(0.3)
        began = time.monotonic()
        running.stop()
        assert time.monotonic() - began < 3
    for asker in askers:
        asker.join(timeout=5)
    assert len(errors) == 3


def test_a_hold_ends_when_its_client_leaves(sandbox: Sandbox, post: Any) -> None:
    post("/_sandbox/faults", {"system": "fx", "kind": "timeout", "params": {"seconds": 60}})
    with pytest.raises(requests.Timeout):
        rates(sandbox, timeout=0.3)
    until = time.monotonic() + 5
    while any(thread.name == "sandbox-connection" for thread in threading.enumerate()) and time.monotonic() < until:
        with requests.get(sandbox.url + "/_sandbox/health", headers={"Connection": "close"}, timeout=5):
            pass
        held = [thread for thread in threading.enumerate() if thread.name == "sandbox-connection"]
        if len(held) <= 1:
            break
        time.sleep(0.05)
    # What may be left is the kept-alive connection of the fixture that set the fault.
    assert len(held) <= 1


# ---- mail --------------------------------------------------------------------------------------------------------


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
    mail = mails(sandbox, to="owner@shop.example")[0]
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
        ({"kind": "reset"}, smtplib.SMTPServerDisconnected, 0),
        ({"kind": "reset", "operation": "data"}, smtplib.SMTPServerDisconnected, 0),
    ],
)
def test_mail_trouble(sandbox: Sandbox, post: Any, wish: Any, error: type[Exception], kept: int) -> None:
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


# ---- exchange rates ----------------------------------------------------------------------------------------------


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


# ---- settings and process ----------------------------------------------------------------------------------------


def test_arguments_win_over_the_environment_and_nonsense_is_refused(tmp_path: Path) -> None:
    environ = {
        "SANDBOX_DATA": str(tmp_path),
        "APP_URL": "http://localhost:1/",
        "TIME_SCALE": "10",
        "SHOPIFY_API_KEY": "",
    }
    settings = read_settings({"app_url": "http://localhost:2", "port": None}, environ)
    assert (settings.data, settings.app_url, settings.time_scale) == (tmp_path, "http://localhost:2", 10)
    assert settings.api_key == "sandbox-api-key"
    with pytest.raises(ValueError, match="data folder"):
        read_settings({}, {})
    with pytest.raises(ValueError, match="could not convert"):
        read_settings({}, environ | {"TIME_SCALE": "fast"})


def test_the_apps_address_can_be_told_later(sandbox: Sandbox, post: Any, http_session: requests.Session) -> None:
    assert post("/_sandbox/settings", {"app_url": "http://localhost:4711"})["app_url"] == "http://localhost:4711"
    assert sandbox.world.settings.app_url == "http://localhost:4711"
    assert http_session.post(sandbox.url + "/_sandbox/settings", json={"data": "/"}, timeout=5).status_code == 400


@contextmanager
def started(*command: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A process and the line of JSON that it says; killed at the end if it still runs."""
    with subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def test_the_command_says_one_line_of_json_and_ends_cleanly_on_sigterm(tmp_path: Path) -> None:
    with started("-m", "tests.sandbox", "--port", "0", "--smtp-port", "0", "--data", str(tmp_path)) as (process, ready):
        assert set(ready) == {"url", "smtp_port"}
        assert requests.get(ready["url"] + "/_sandbox/health", timeout=5).json()["smtp_port"] == ready["smtp_port"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
        assert process.stdout is not None
        assert process.stdout.read() == ""


def test_the_command_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'tests.sandbox', '--die-with-parent', '--data', sys.argv[1]],"
        " stdout=subprocess.PIPE)\n"
        "sys.stdout.write(child.stdout.readline().decode()); sys.stdout.flush()\n"
        "time.sleep(60)\n"
    )
    with started("-c", script, str(tmp_path)) as (parent, ready):
        assert _listens(ready["url"])
        parent.kill()
        parent.wait(timeout=5)
        until = time.monotonic() + 10
        while _listens(ready["url"]) and time.monotonic() < until:
            time.sleep(0.1)
        assert not _listens(ready["url"])


def _listens(url: str) -> bool:
    place = urlsplit(url)
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return line.connect_ex((place.hostname, place.port)) == 0


def test_the_witness_imports_nothing_of_the_product() -> None:
    strangers = []
    for path in (ROOT / "tests" / "sandbox").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            strangers += [(path.name, name) for name in names if name.split(".")[0] in ("shopapp", "marketplaces")]
    assert strangers == []
