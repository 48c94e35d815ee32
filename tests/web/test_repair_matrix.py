"""Broken connections, asked of every channel: the rows A of the requirements.

The same code for all channels: what differs is in their vectors and in what they declare.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape

import pytest

from shopapp.accounts.line import stored
from shopapp.records.models import AccountStatus
from tests.channels.double import as_list, vectors
from tests.stage.queue import Queue
from tests.web.clinic import BROKEN, Clinic, open_clinic
from tests.web.doors import BREAKS, KEYS, LOGIN, RENEWED, STATUS, TYPED, caused, repaired, well
from tests.web.remotes import alike


@pytest.fixture(scope="module")
def clinic(queue: Queue, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    with open_clinic(queue, tmp_path_factory.mktemp("clinic")) as made:
        yield made


@pytest.mark.parametrize(("key", "error"), BREAKS)
def test_a_broken_connection_says_how_to_repair_it_one_click_from_everywhere(
    clinic: Clinic, key: str, error: str
) -> None:
    """A1, A5, A6, A24, C9, C10: mail, banner, inbox and settings lead to steps of this channel and cause."""
    patient = clinic.patient(key)
    account_id = patient.broken(error, "Nordic corner")
    here, steps = f"/accounts/{account_id}", f"/accounts/{account_id}/repair"
    (letter,) = patient.mailed()
    assert patient.channel.name in letter.subject + letter.text
    assert "Nordic corner" in letter.subject
    assert here in letter.html
    assert here in letter.text
    banner = patient.get("/").tags("s-banner", id="banner")
    assert len(banner) == 1
    assert here in [one.get("href") for one in patient.get("/").tags("s-button", slot="secondary-actions")]
    (message,) = patient.messages()
    inside = patient.get(f"/inbox/{message}")
    assert here in inside.links
    assert {here, steps} & set(patient.get("/settings").links)
    cause = caused(patient, account_id, error)
    for page in (patient.get(here), patient.get(steps), inside):
        for step in patient.channel.steps[cause]:
            assert step.text in page.text, (page.html[:200], step.text)
    if patient.channel.app_id_key:
        app_id = vectors(key, "channel")["keys"][patient.channel.app_id_key]
        assert f"application id {app_id}" in patient.get(steps).text
    assert patient.get(steps).tags("form", id="continue", action=f"{here}/continue")
    assert "/help/connections" in patient.get(steps).links


@pytest.mark.parametrize(("key", "error"), BREAKS)
def test_the_channels_own_words_its_call_and_the_time_are_shown_and_no_guess(
    clinic: Clinic, key: str, error: str
) -> None:
    """A2, A7, A25, C5: one transition, a reason of a closed set, the channel as the source, and that we do not know more."""
    patient = clinic.patient(key)
    account_id = patient.broken(error)
    first = patient.row(account_id)
    assert (first.status, first.cause) == (STATUS[error], caused(patient, account_id, error))
    patient.wait(minutes=20)
    row = patient.refusal(error)
    assert row is not None
    patient.refuse(account_id, row)
    again = patient.row(account_id)
    assert (again.status_since, again.cause_words) == (first.status_since, first.cause_words)
    kinds = [one.event for one in patient.journal(f"account:{account_id}")]
    assert kinds.count("account_broken") == 1
    text = patient.get(f"/accounts/{account_id}").text
    assert f"{patient.channel.name} told us; beyond that we do not know why." in text
    assert first.cause_call
    assert f"on the call {first.cause_call}" in text
    if first.cause_words:
        assert f"{patient.channel.name} reported:" in text
        assert first.cause_words in text


@pytest.mark.parametrize("key", KEYS)
def test_a_refusal_is_mailed_once_until_it_is_repaired_and_broken_anew(clinic: Clinic, key: str) -> None:
    """A4, A6: without anybody doing anything, and the notices go with the trouble."""
    patient = clinic.patient(key)
    account_id, row = patient.broken(), patient.refusal("AuthRevoked")
    assert row is not None
    for _ in range(5):
        patient.refuse(account_id, row)
    assert len(patient.mailed()) == 1
    patient.hears_all_well()
    assert patient.post(f"/accounts/{account_id}/continue").status == 303
    well(patient, account_id)
    assert "we do not know why" not in patient.get(f"/accounts/{account_id}").text
    patient.refuse(account_id, row)
    assert len(patient.mailed()) == 2


@pytest.mark.parametrize("key", KEYS)
def test_two_broken_connections_of_one_shop_are_told_apart(clinic: Clinic, key: str) -> None:
    """A5."""
    patient = clinic.patient(key)
    patient.broken(label="North")
    patient.mailed()
    patient.seller = alike(patient.facts["seller_id"])
    patient.broken(label="South")
    subjects = [one.subject for one in patient.mailed()]
    assert len(subjects) == 2
    assert "North" in subjects[0]
    assert "South" in subjects[1]


@pytest.mark.parametrize(("key", "error"), BREAKS)
def test_a_connection_that_never_worked_is_kept_mailed_shown_and_completed(
    clinic: Clinic, key: str, error: str
) -> None:
    """A3, C1, C2, C4: the first check refused is no form error that is forgotten."""
    patient = clinic.patient(key)
    row = patient.refusal(error)
    assert row is not None
    if row["of"] == "refresh" or row.get("ended"):
        row = next(one for one in vectors(key, "answers") if one["of"] == "api" and one["error"] in BROKEN)
    if "login" in patient.facts:
        page = patient.get(patient.come_back_hearing(row))
    else:
        patient.hears_row(row)
        page = patient.post(f"/accounts/new/{key}/manual", realm=patient.facts["realm"], **patient.typed())
    assert page.status in (200, 422)
    (account,) = patient.accounts()
    assert account.status == AccountStatus.PENDING
    assert patient.kinds() == ["account_expired"]
    assert len(patient.mailed()) == 1
    listed = patient.get("/accounts")
    assert "Complete connection" in listed.text
    assert "Reconnect store" not in listed.text
    assert f"/accounts/{account.id}/repair" in listed.links
    assert patient.get(f"/accounts/{account.id}/repair").tags("s-page", heading="Complete connection")
    patient.hears_all_well()
    assert patient.post(f"/accounts/{account.id}/continue").status == 303
    assert patient.row(account.id).status == AccountStatus.ACTIVE
    assert patient.kinds() == []
    assert len(patient.accounts()) == 1


@pytest.mark.parametrize("key", RENEWED)
def test_access_is_renewed_without_anybody_hearing_of_it(clinic: Clinic, key: str) -> None:
    """A9, A10: and trouble of the token endpoint is no refusal."""
    patient = clinic.patient(key)
    account_id = patient.connect()
    for answer in ({"status": 503, "raw": "<html>"}, {"status": 429, "body": {}}, {"status": 400, "raw": "<html>"}):
        patient.refuse(account_id, {"of": "refresh", **answer})
        assert patient.row(account_id).status == AccountStatus.ACTIVE
    patient.wait(hours=1)
    patient.hears_all_well()
    patient.refuse(account_id, {"of": "refresh", "answers": [*as_list(patient.facts["refresh"]["answers"])]})
    assert stored(patient.row(account_id)).access_token == patient.facts["refresh"]["access_token"]
    assert "account_expired" not in patient.kinds()
    assert patient.outbox() == []


@pytest.mark.parametrize("key", LOGIN)
def test_create_connection_leads_to_the_channels_own_login_and_keeps_what_it_gives(clinic: Clinic, key: str) -> None:
    """A12, A13, C20: a state that nobody guesses, nothing to copy, and a forged return stores nothing."""
    patient = clinic.patient(key)
    page = patient.get(f"/accounts/new/{key}")
    assert patient.channel.account_needed in page.text
    addresses = {
        patient.leave(patient.post(f"/accounts/new/{key}/login", realm=patient.facts["realm"])) for _ in range(2)
    }
    assert len(addresses) == 2
    for change in patient.facts["login"]["forged"]:
        left = patient.leave(patient.post(f"/accounts/new/{key}/login", realm=patient.facts["realm"]))
        patient.hears_login()
        assert patient.refused_return(left, change)
        assert patient.asked == []
    (pending,) = patient.accounts()
    assert (pending.status, pending.credentials) == (AccountStatus.PENDING, "")
    account_id = patient.connect()
    assert account_id == pending.id, "given up is resumed"
    kept = patient.row(account_id)
    assert kept.seller_id == patient.seller
    assert stored(kept).secrets == patient.facts["login"]["secrets"]
    assert not any(secret in kept.credentials for secret in patient.facts["login"]["secrets"].values())
    well(patient, account_id)


@pytest.mark.parametrize("key", KEYS)
def test_deactivating_and_activating_ends_in_the_same_connection(clinic: Clinic, key: str) -> None:
    """A14, C8: label, orders and cursor stay, all work stops in between."""
    patient = clinic.patient(key)
    account_id = patient.broken(label="North")
    order = patient.order(account_id, channel=key, realm=patient.facts["realm"], seller_id=patient.seller)
    patient.post(f"/accounts/{account_id}/deactivate")
    row = patient.row(account_id)
    assert (row.status, row.due_at, patient.kinds()) == (AccountStatus.DEACTIVATED, None, [])
    assert f"Activate {row.label}" in patient.get("/settings").html
    patient.hears_all_well()
    answer = patient.post(f"/accounts/{account_id}/activate")
    if "X-Relay-Top" in answer.response.headers:
        patient.log_in(answer)
    after = patient.row(account_id)
    assert (after.label, after.cursor_at, after.take_over_at) == ("North", row.cursor_at, row.take_over_at)
    assert patient.get(f"/orders/{order}").status == 200
    well(patient, account_id)


@pytest.mark.parametrize("key", KEYS)
def test_another_sellers_access_changes_nothing_and_names_both(clinic: Clinic, key: str) -> None:
    """A15, C6."""
    patient = clinic.patient(key)
    account_id = patient.broken()
    before, mine = patient.row(account_id), patient.seller
    patient.hears_refusal()
    answer = patient.post(f"/accounts/{account_id}/continue")
    patient.seller = alike(patient.facts["seller_id"])
    page = repaired(patient, account_id, answer)
    assert page.status in (200, 422)
    assert mine in page.text
    assert patient.seller in page.text
    after = patient.row(account_id)
    assert (after.seller_id, after.credentials, after.status) == (mine, before.credentials, before.status)


@pytest.mark.parametrize("key", TYPED)
def test_the_form_says_where_to_find_each_field_and_is_tested_at_once(clinic: Clinic, key: str) -> None:
    """A16, A17, A18, A20, A23, C16, C18: what is refused is told in the form: check the credentials first."""
    patient = clinic.patient(key)
    page = patient.get(f"/accounts/new/{key}?manual=1")
    assert patient.channel.account_needed in page.text
    for one in patient.channel.fields:
        assert unescape(one.help) in page.text
        kind = "s-password-field" if one.secret else "s-text-field"
        assert page.tags(kind, name=one.key) or page.tags("s-url-field", name=one.key), one.key
    patient.hears_refusal()
    refused = patient.post(f"/accounts/new/{key}/manual", realm=patient.facts["realm"], **patient.typed())
    assert refused.status == 422
    assert "Check the credentials first" in refused.text
    for one in patient.channel.fields:
        if one.secret:
            assert patient.typed()[one.key] not in refused.html
    patient.hears_login() if not patient.refreshes else patient.hears_all_well()
    done = patient.post(f"/accounts/new/{key}/manual", realm=patient.facts["realm"], **patient.typed())
    assert done.status == 303, done.text[:400]
    assert [one.status for one in patient.accounts()] == [AccountStatus.ACTIVE]


@pytest.mark.parametrize("key", TYPED)
def test_what_is_stored_can_be_compared_and_one_field_corrected(clinic: Clinic, key: str) -> None:
    """A19, C17: ids in full, secrets by their last four signs, and what is left empty is kept."""
    patient = clinic.patient(key)
    patient.hears_login() if not patient.refreshes else patient.hears_all_well()
    patient.post(f"/accounts/new/{key}/manual", realm=patient.facts["realm"], **patient.typed())
    (account,) = patient.accounts()
    page = patient.get(f"/accounts/{account.id}")
    for one in patient.channel.fields:
        value = patient.typed()[one.key]
        if one.secret:
            assert value not in page.html
            assert f"••••{value[-4:]}" in page.text
    row = patient.refusal("AuthRevoked")
    assert row is not None
    patient.refuse(account.id, row)
    form = {
        name: "" if field.secret else patient.typed()[name] for field in patient.channel.fields for name in (field.key,)
    }
    patient.hears_all_well()
    done = patient.post(f"/accounts/{account.id}/manual", **form)
    assert done.status == 303, done.text[:400]
    assert patient.row(account.id).status == AccountStatus.ACTIVE


@pytest.mark.parametrize("key", [key for key, error in BREAKS if error == "AccountInactive"])
def test_an_account_that_is_not_active_is_no_matter_of_credentials(clinic: Clinic, key: str) -> None:
    """A21, A22, C7: told apart, access kept, tested hourly and on demand, healed by itself."""
    patient = clinic.patient(key)
    account_id = patient.broken("AccountInactive")
    kept = patient.row(account_id).credentials
    row = patient.refusal("AccountInactive")
    assert row is not None
    patient.hears_row(row)
    page = patient.post(f"/accounts/{account_id}/continue")
    assert page.status == 422
    assert "Activate it there" in page.text
    assert patient.row(account_id).credentials == kept
    due = patient.row(account_id).due_at
    assert due is not None
    patient.wait(hours=1, minutes=5)
    patient.hears_all_well()
    patient.drain("poll")
    well(patient, account_id)
