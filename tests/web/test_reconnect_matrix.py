"""Reconnecting a store, asked of every channel: the rows C of the requirements. The same code for all channels."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from shopapp.accounts import forecast
from shopapp.accounts.line import stored
from shopapp.records.models import AccountStatus
from tests.channels.double import vectors
from tests.stage.queue import Queue
from tests.web.clinic import Clinic, Patient, open_clinic
from tests.web.desk import Page
from tests.web.doors import KEYS, LOGIN, TYPED, entered_again, repaired, save, well
from tests.web.remotes import alike


@pytest.fixture(scope="module")
def clinic(queue: Queue, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    with open_clinic(queue, tmp_path_factory.mktemp("doors")) as made:
        yield made


@pytest.mark.parametrize("key", KEYS)
def test_a_store_is_in_exactly_one_table_with_its_way_back(clinic: Clinic, key: str) -> None:
    """C2, C3."""
    patient = clinic.patient(key)
    account_id = patient.broken(label="North")
    page = patient.get("/accounts")
    assert "Stores pending connection" in page.text
    assert "Reconnect store" in page.text
    assert page.html.count(f'href="/accounts/{account_id}/repair"') == 1
    patient.hears_all_well()
    patient.post(f"/accounts/{account_id}/continue")
    page = patient.get("/accounts")
    assert "Stores pending connection" not in page.text
    assert f"/accounts/{account_id}/repair" not in page.links


@pytest.mark.parametrize("key", KEYS)
def test_the_instructions_differ_by_cause_and_an_unknown_one_guesses_nothing(clinic: Clinic, key: str) -> None:
    """C5, C11, C14."""
    patient = clinic.patient(key)
    shown = {}
    for cause in ("expired", "revoked", "unknown"):
        status = cause if cause != "unknown" else "revoked"
        account_id = patient.account(
            channel=key, realm=patient.facts["realm"], status=status, cause=cause, seller_id=alike(patient.seller)
        )
        shown[cause] = patient.get(f"/accounts/{account_id}/repair").text
        for step in patient.channel.steps[cause]:
            assert step.text in shown[cause]
    assert shown["expired"] != shown["revoked"]


@pytest.mark.parametrize("key", KEYS)
def test_continue_tests_what_is_stored_first_and_asks_for_a_login_only_when_it_is_refused(
    clinic: Clinic, key: str
) -> None:
    """C8, C12, C15."""
    patient = clinic.patient(key)
    account_id = patient.broken()
    kept = stored(patient.row(account_id)).secrets
    patient.hears_refusal()
    answer = patient.post(f"/accounts/{account_id}/continue")
    if key in LOGIN:
        assert "X-Relay-Top" in answer.response.headers
    else:
        assert f"/accounts/{account_id}/manual" in (answer.goes_to, *answer.links)
    patient.hears({"status": 503, "raw": "<html>"})
    page = patient.post(f"/accounts/{account_id}/continue")
    assert page.status == 422
    assert "did not give a usable answer" in page.text
    assert patient.row(account_id).status == AccountStatus.REVOKED
    patient.hears_all_well()
    done = patient.post(f"/accounts/{account_id}/continue")
    assert (done.status, done.goes_to) == (303, f"/accounts/{account_id}?done=account_repaired")
    assert stored(patient.row(account_id)).secrets.keys() == kept.keys()
    well(patient, account_id)


@pytest.mark.parametrize("key", KEYS)
def test_save_account_two_clicks_from_the_banner_repairs_it(clinic: Clinic, key: str) -> None:
    """A14, C8, E3: the door of the founding articles."""
    patient = clinic.patient(key)
    account_id = patient.broken()
    page = repaired(patient, account_id, save(patient, account_id))
    assert page.goes_to == f"/accounts/{account_id}?done=account_repaired"
    well(patient, account_id)


@pytest.mark.parametrize("key", TYPED)
def test_typing_the_access_is_offered_beside_every_other_way(clinic: Clinic, key: str) -> None:
    """C16, C17, C18."""
    patient = clinic.patient(key)
    account_id = patient.broken()
    assert f"/accounts/{account_id}/manual" in patient.get(f"/accounts/{account_id}/repair").links
    page = entered_again(patient, account_id) if not patient.refreshes else _typed_with_access(patient, account_id)
    assert page.goes_to == f"/accounts/{account_id}?done=account_repaired"
    well(patient, account_id)


def _typed_with_access(patient: Patient, account_id: int) -> Page:
    patient.hears_all_well()
    return patient.post(f"/accounts/{account_id}/manual", **patient.typed())


@pytest.mark.parametrize("key", [key for key in KEYS if vectors(key, "channel").get("ends")])
def test_a_known_end_is_told_before_and_renewed_while_it_works(clinic: Clinic, key: str) -> None:
    """C13."""
    patient = clinic.patient(key)
    account_id = patient.connect()
    end = patient.row(account_id).expires_at
    assert end is not None
    patient.travel(end)
    patient.travel(by=-timedelta(days=6))
    forecast.notices()
    (notice,) = patient.incidents("expiry_notice")
    assert notice.params["days"] <= 7
    page = patient.get(f"/accounts/{account_id}")
    assert page.tags("form", action=f"/accounts/{account_id}/renew")
    assert patient.row(account_id).status == AccountStatus.ACTIVE
    back = patient.log_in(patient.post(f"/accounts/{account_id}/renew"))
    assert back.goes_to == f"/accounts/{account_id}?done=account_repaired"
    assert "expiry_notice" not in patient.kinds()


@pytest.mark.parametrize("key", KEYS)
def test_every_link_of_the_way_is_alive(clinic: Clinic, key: str) -> None:
    """C19: steps link to the longer help, and no page of ours is missing."""
    patient = clinic.patient(key)
    account_id = patient.broken()
    pages = [f"/accounts/{account_id}", f"/accounts/{account_id}/repair", f"/accounts/new/{key}", "/help/connections"]
    for path in pages:
        page = patient.get(path)
        assert page.status == 200
        for link in page.links:
            if link.startswith("/"):
                assert patient.get(link).status in (200, 302), link
    guide = patient.get("/help/connections").text
    for cause in ("expired", "revoked", "inactive"):
        assert all(step.text in guide for step in patient.channel.steps[cause])
