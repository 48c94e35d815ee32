"""What the matrices of the repair centre share: which channels a row applies to, the doors, and when all is well."""

from __future__ import annotations

from marketplaces.channel import LoginKind
from marketplaces.channels import registry
from shopapp.records.models import AccountStatus
from tests.channels.double import vectors
from tests.web.clinic import BROKEN, Patient
from tests.web.desk import Page

KEYS = list(registry())
LOGIN = [key for key in KEYS if registry()[key].login_kind is not LoginKind.FORM]
TYPED = [key for key in KEYS if registry()[key].fields]
RENEWED = [key for key in KEYS if "refresh" in vectors(key, "channel")]
STATUS = {"AuthExpired": "expired", "AuthRevoked": "revoked", "AccountInactive": "inactive"}


def _told(key: str) -> list[str]:
    """The errors by which this channel breaks a connection."""
    known = {row["error"] for row in vectors(key, "answers") if row["of"] in ("api", "refresh")}
    return [error for error in BROKEN if error in known]


BREAKS = [(key, error) for key in KEYS for error in _told(key)]


def well(patient: Patient, account_id: int) -> None:
    row = patient.row(account_id)
    assert (row.status, row.cause) == (AccountStatus.ACTIVE, "")
    assert row.due_at is not None
    assert "account_expired" not in patient.kinds()
    assert not patient.get("/").tags("s-banner", id="banner")


def caused(patient: Patient, account_id: int, error: str) -> str:
    """The finest cause that is known: typed access may be mistyped, and where no end is known it may have expired."""
    if error != "AuthRevoked":
        return STATUS[error]
    row = patient.row(account_id)
    return "credentials" if row.entered_how == "typed" else "revoked" if row.expires_at else "unknown"


def save(patient: Patient, account_id: int) -> Page:
    """Press *Save account* as the page stands."""
    page = patient.get(f"/accounts/{account_id}")
    form = {
        "label": page.tags("s-text-field", name="label")[0]["value"],
        "with_sites": "1",
        "importing": "1",
        "sites": [one["value"] for one in page.tags("s-choice", name="sites") if "selected" in one]
        or [one["value"] for one in page.tags("s-choice") if "selected" in one],
    }
    if "checked" in page.tags("s-checkbox", name="log_in_again")[0]:
        form["log_in_again"] = "1"
    return patient.post(f"/accounts/{account_id}", **form)


def entered_again(patient: Patient, account_id: int) -> Page:
    """Type the access data of this seller once more."""
    patient.hears_login()
    return patient.post(f"/accounts/{account_id}/manual", **patient.typed())


def repaired(patient: Patient, account_id: int, answer: Page) -> Page:
    """Follow the door to its end: a login, or the form."""
    return patient.log_in(answer) if "X-Relay-Top" in answer.response.headers else entered_again(patient, account_id)
