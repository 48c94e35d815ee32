"""A marketplace that takes its time: whoever typed its address must not keep the web threads of everybody busy."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from marketplaces.channel import LoginKind
from marketplaces.channels import registry
from shopapp.accounts import trials
from tests.stage.queue import Queue
from tests.web.clinic import Clinic, Patient, open_clinic

TYPED = [key for key, channel in registry().items() if channel.login_kind is LoginKind.FORM]


@pytest.fixture(scope="module")
def clinic(queue: Queue, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    with open_clinic(queue, tmp_path_factory.mktemp("slow")) as made:
        yield made


def type_in(patient: Patient, came: list[int]) -> None:
    path, realm = f"/accounts/new/{patient.key}/manual", patient.facts["realm"]
    client = patient.app.test_client()
    came.append(client.post(path, data={"realm": realm, **patient.typed()}, headers=patient.headers).status_code)


@pytest.mark.parametrize("key", TYPED)
def test_a_slow_marketplace_keeps_one_thread_of_its_shop_and_some_of_all(clinic: Clinic, key: str) -> None:
    patients = [clinic.patient(key) for _ in range(trials.AT_ONCE + 1)]
    remote = clinic.remotes[key]
    play, answered, asked = remote.server.play, threading.Event(), threading.Semaphore(0)

    def slowly(line: object) -> None:
        asked.release()
        answered.wait(60)
        play(line)  # type: ignore[arg-type]  # a socket

    remote.server.play = slowly
    came: list[int] = []
    waiting = [threading.Thread(target=type_in, args=(one, came)) for one in patients[: trials.AT_ONCE]]
    try:
        for thread in waiting:
            thread.start()
            assert asked.acquire(timeout=60)
        refused: list[int] = []
        type_in(patients[0], refused)
        type_in(patients[-1], refused)
        assert refused == [422, 422]
        assert came == []
    finally:
        remote.server.play = play
        answered.set()
        for thread in waiting:
            thread.join(60)
    assert len(came) == trials.AT_ONCE
    type_in(patients[-1], refused)
    assert refused[-1] in (303, 422)
