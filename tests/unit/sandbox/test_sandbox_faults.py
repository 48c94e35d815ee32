"""Every kind of fault, by what its caller sees and by what was executed."""

import http.client
import socket
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.sandbox.server import Sandbox, create_sandbox
from tests.unit.sandbox.seat import RATES, Lines, rates


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
