"""What a merchant reads for each of a channel's answers: what failed, which account, why, what next, code and request id."""

from __future__ import annotations

from typing import Any

import pytest

from marketplaces import errors
from marketplaces.channels import registry
from marketplaces.text import clean
from shopapp import runtime
from shopapp.alerts import wording
from shopapp.alerts.wording import Wording
from shopapp.config import Config
from shopapp.i18n import LANGUAGES
from shopapp.verdict import judge
from tests.channels.calls import made
from tests.channels.double import of_row, played, row_id, rows, vectors

# Trouble that passes by itself is told as an outage once it lasts.
PASSING = (errors.Transient, errors.RateLimited, errors.AccessStale)


@pytest.fixture(autouse=True)
def _settings() -> None:
    runtime.setup(Config.load({}, serving=False))


def _told(language: str, key: str, error: errors.RemoteError) -> Wording:
    found = judge(error, "account")
    kind = "channel_outage" if isinstance(error, PASSING) else found.incident
    params = {"account_id": 7, "label": "My shop", "channel": key, "cause": found.cause, "what": found.cause}
    params |= {"code": error.code, "call": error.call, "request_id": error.request_id}
    return wording.describe(language, kind, params, error.words, "account:7")


@pytest.mark.parametrize(("key", "row"), rows("answers"), ids=row_id)
def test_every_answer_of_a_channel_says_what_failed_why_what_next_and_what_support_needs(
    key: str, row: dict[str, Any]
) -> None:
    """Complaint 13 of the field: "we do not know why", and bare codes."""
    named = {vectors(key, "channel").get("request_id", "X-Request-Id"): "req-4711"}
    answered = [{**one, "headers": {**one.get("headers", {}), **named}} for one in of_row(row)]
    with played(key, *answered) as play, pytest.raises(errors.RemoteError) as caught:
        made(play, row["of"], row)
    error = caught.value
    for language in LANGUAGES:
        told = _told(language, key, error)
        assert told.title
        assert told.text
        assert told.advice
        assert wording.MISSING not in told.title + told.text + told.advice
        assert told.link.startswith("/")
        assert told.guide.startswith("/help/")
        assert "My shop" in told.item
        for needed in (error.code, error.request_id):
            assert needed in told.details
        if error.words:
            assert clean(error.words, 500) in told.said
        assert type(error).__name__ not in f"{told.title} {told.text} {told.advice} {told.said}"


@pytest.mark.parametrize("key", registry())
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_that_nobody_has_catalogued_is_quoted_word_for_word_with_its_source(language: str, key: str) -> None:
    """Complaint 13 of the field: an unknown error shows the marketplace's own text, never a bare class name."""
    error = errors.Rejected("Der Bestand ist im Äther verschwunden (E-9917)", code="E-9917", request_id="r-1")
    told = _told(language, key, error)
    assert registry()[key].name in told.said
    assert "Der Bestand ist im Äther verschwunden (E-9917)" in told.said
    assert "E-9917" in told.details
    assert "r-1" in told.details
    assert "Rejected" not in f"{told.title} {told.text} {told.said}"
