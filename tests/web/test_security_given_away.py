"""A login that was given away: the seller who follows somebody else's link must not be linked to that somebody's shop."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from marketplaces.channels import registry
from tests.stage.queue import Queue
from tests.web.clinic import Clinic, Patient, open_clinic

KEYS = [key for key, channel in registry().items() if channel.guessable]


@pytest.fixture(scope="module")
def clinic(queue: Queue, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    with open_clinic(queue, tmp_path_factory.mktemp("away")) as made:
        yield made


def left(patient: Patient) -> str:
    """The marketplace's login, as whoever began it sees its address."""
    address = patient.leave(patient.post(f"/accounts/new/{patient.key}/login", realm=patient.facts["realm"]))
    patient.hears_login()
    return address


@pytest.mark.parametrize("key", KEYS)
def test_who_began_a_login_cannot_finish_it_once_another_browser_came_back(clinic: Clinic, key: str) -> None:
    """What comes back is the seller's public number: whoever sent him the link knows it as well."""
    thief = clinic.patient(key)
    way = thief.way_back(left(thief))
    assert thief.app.test_client().get(way).status_code == 400
    assert thief.browser.get(way).status_code == 400
    assert thief.asked == []
    assert [one.credentials for one in thief.accounts()] == [""]


@pytest.mark.parametrize("key", KEYS)
def test_nor_can_who_was_there_a_moment_earlier_and_waits(clinic: Clinic, key: str) -> None:
    """Some access is made only while the browser is on its way back: it is asked for once more a little later."""
    thief = clinic.patient(key)
    address = left(thief)
    way, came, asked = thief.way_back(address), [], threading.Event()
    remote = clinic.remotes[key]
    good = dict(remote.ways)
    (token,) = (one for one in good if "token" in one)
    remote.ways = {one: answer for one, answer in good.items() if one != token}
    remote.answers = [{"status": 404, "body": {"error": {"code": "NotFound", "message": "not yet"}}}, good[token]]

    def thiefs() -> None:
        asked.set()
        came.append(thief.browser.get(way).status_code)

    waiting = threading.Thread(target=thiefs)
    waiting.start()
    assert asked.wait(10)
    _until(lambda: bool(thief.asked))
    assert thief.app.test_client().get(way).status_code == 400
    waiting.join(30)
    assert came == [400]
    assert [one.credentials for one in thief.accounts()] == [""]


def _until(holds: Any) -> None:
    pause = threading.Event()
    for _ in range(1000):
        if holds():
            return
        pause.wait(0.02)
    raise AssertionError("it never came to that")


@pytest.mark.parametrize("key", KEYS)
def test_a_second_try_in_the_same_browser_closes_nothing(clinic: Clinic, key: str) -> None:
    patient = clinic.patient(key)
    address = left(patient)
    assert patient.app.test_client().get(patient.way_back(address, state="x" * 43)).status_code == 400
    assert patient.come_back(address).startswith("/accounts/linked?return=")
