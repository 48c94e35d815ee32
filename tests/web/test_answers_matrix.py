"""Every answer of every channel's table, heard by the application: the state it leaves, what is open, text and mail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from marketplaces.text import clean
from shopapp.records.models import AccountStatus
from tests.channels.double import row_id, rows, vectors
from tests.stage.queue import Queue
from tests.web.clinic import BROKEN, Clinic, Patient, open_clinic
from tests.web.remotes import ways

STATUS = {"AuthExpired": "expired", "AuthRevoked": "revoked", "AccountInactive": "inactive"}
OPENS = {
    **{error: ["account_expired"] for error in BROKEN},
    "PermissionMissing": ["permission_missing"],
    "OurFault": ["our_fault"],
    "Rejected": ["channel_changed"],
}
ASKED = {"api", "refresh", "search_orders"}
# A poll that is refused begins anew at its first page; that is its own suite.
HEARD = [
    (key, row)
    for key, row in rows("answers")
    if row["of"] in ASKED and (row["of"], row["error"]) != ("search_orders", "Rejected")
]


@pytest.fixture(scope="module")
def clinic(queue: Queue, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    with open_clinic(queue, tmp_path_factory.mktemp("answers")) as made:
        yield made


def heard(patient: Patient, row: dict[str, Any]) -> int:
    """A connection that works hears this; its id."""
    account_id = patient.put()
    if row["of"] == "search_orders":
        patient.hears_row(row)
        assert patient.drain("poll")
    else:
        patient.refuse(account_id, row)
    return account_id


@pytest.mark.parametrize(("key", "row"), HEARD, ids=row_id)
def test_every_answer_leaves_exactly_its_state_its_incident_its_text_and_its_mail(
    clinic: Clinic, key: str, row: dict[str, Any]
) -> None:
    patient = clinic.patient(key)
    if row["error"] == "AccessStale":
        return _stale(patient, row)
    account_id = heard(patient, row)
    account = patient.row(account_id)
    assert patient.asked
    assert account.status == STATUS.get(row["error"], "active")
    assert patient.kinds() == OPENS.get(row["error"], [])
    assert account.credentials, "nothing is thrown away"
    assert account.due_at is not None, "it is tried again by itself"
    page = patient.get(f"/accounts/{account_id}")
    assert row["error"] not in page.text
    if row["error"] not in BROKEN:
        assert patient.outbox() == []
        assert not page.tags("form", id="continue")
        return None
    (letter,) = patient.mailed()
    assert "My shop" in letter.subject
    if account.cause_words:
        assert clean(account.cause_words, 500) in page.text
        assert account.cause_words[:60] in letter.text
    assert page.tags("form", id="continue")
    return None


def _stale(patient: Patient, row: dict[str, Any]) -> None:
    """Access that ended is renewed and the call repeated; refused once more it is the channel's nonsense."""
    account_id = patient.put()
    patient.hears_row(row)
    patient.clinic.remotes[patient.key].ways |= ways(patient.key, "refresh")
    patient.probe(account_id)
    assert len(patient.asked) == 3
    assert (patient.row(account_id).status, patient.kinds(), patient.outbox()) == (AccountStatus.ACTIVE, [], [])


@pytest.mark.parametrize(
    ("key", "row"), [(key, row) for key, row in rows("answers") if row["of"] == "login"], ids=row_id
)
def test_a_login_that_is_refused_says_so_and_leaves_a_working_connection_alone(
    clinic: Clinic, key: str, row: dict[str, Any]
) -> None:
    """The answer is about the login that somebody began, not about the access that is stored."""
    patient = clinic.patient(key)
    account_id = patient.put(expires_at=None)
    left = patient.leave(patient.post(f"/accounts/{account_id}/renew"))
    patient.hears_row(row)
    page = patient.get(patient.come_back(left))
    assert page.status in (200, 422)
    assert patient.row(account_id).status == AccountStatus.ACTIVE
    assert "account_expired" not in patient.kinds()
    assert row["error"] not in page.text
    for secret in vectors(key, "channel")["secrets"].values():
        assert secret not in page.html
