"""What is asked of every channel that lists, on its own vectors, over real sockets: pushing, one by one and as a document."""

from __future__ import annotations

from typing import Any

import pytest

from marketplaces import errors
from marketplaces.channels import registry
from marketplaces.data import ListingChange, PushResult, PushVerdict
from tests.channels.calls import all_changes
from tests.channels.changes import change
from tests.channels.double import Row, as_list, assert_all_said, chain, of_row, played, row_id, rows, vectors
from tests.channels.faults import STRANGE
from tests.channels.test_fault_matrix import strangely

KEYS = [key for key, channel in registry().items() if channel.selling is not None]
DOCUMENTS = [key for key in KEYS if "document" in vectors(key, "pushes")]
TICKETS = [key for key in DOCUMENTS if "ticket" in vectors(key, "pushes")["document"]]


def push(key: str, *answers: Row, one: ListingChange | None = None) -> PushResult:
    facts = vectors(key, "pushes")
    with played(key, *answers) as play:
        return play.channel.push(play.line(), facts["site"], one or change(key))


def found(results: Any, expect: list[Row]) -> list[dict[str, Any]]:
    """Those fields of the results that are expected."""
    return [{name: getattr(one, name) for name in row} for one, row in zip(results, expect, strict=True)]


@pytest.mark.parametrize(("key", "row"), rows("pushes", "changes", KEYS), ids=row_id)
def test_a_change_is_told_as_the_channel_wants_it_with_its_exact_amount(key: str, row: dict[str, Any]) -> None:
    facts = vectors(key, "pushes")
    with played(key, *as_list(row.get("answers", facts["accepted"]))) as play:
        result = play.channel.push(play.line(), facts["site"], change(key, row["change"]))
        assert_all_said(play.server.requests, row["requests"], {"seller_id": play.seller_id})
    assert result.verdict is PushVerdict(facts.get("verdict", "accepted"))


@pytest.mark.parametrize(("key", "row"), rows("pushes", "refusals", KEYS), ids=row_id)
def test_a_refusal_is_a_result_with_the_remotes_words_code_and_field(key: str, row: dict[str, Any]) -> None:
    result = push(key, *of_row(row))
    assert result.verdict is PushVerdict.REFUSED
    assert found([result], [row["expect"]]) == [row["expect"]]


@pytest.mark.parametrize("key", KEYS)
def test_what_is_neither_taken_nor_refused_is_unclear(key: str) -> None:
    for told in vectors(key, "pushes")["unclear"]:
        with pytest.raises(errors.Transient) as caught:
            push(key, *as_list(told))
        assert caught.value.maybe_done


@pytest.mark.parametrize("strange", STRANGE, ids=lambda one: repr(one)[:24])
@pytest.mark.parametrize("key", KEYS)
def test_a_strange_value_anywhere_is_an_unclear_answer_at_most(key: str, strange: Any) -> None:
    facts = vectors(key, "pushes")
    for good in (as_list(facts["accepted"]), of_row(facts["refusals"][0])):
        for _, odd in strangely(good, strange, 3):
            try:
                result = push(key, *odd)
            except errors.RemoteError:
                continue
            assert "\x00" not in result.words + result.code + result.field
            assert len(result.words) <= 500


@pytest.mark.parametrize("key", DOCUMENTS)
def test_a_document_is_made_once_and_says_exactly_its_changes(key: str) -> None:
    facts = vectors(key, "pushes")
    told = facts["document"]
    with played(key, *as_list(told["answers"])) as play:
        came = play.channel.push_document(play.line(), facts["site"], iter(all_changes(key)))
        assert_all_said(play.server.requests, told["requests"], {"seller_id": play.seller_id})
    if "ticket" in told:
        assert came == told["ticket"]
    else:
        assert found(came, told["results"]) == told["results"]


@pytest.mark.parametrize("key", TICKETS)
def test_the_results_of_a_document_are_told_by_key(key: str) -> None:
    facts = vectors(key, "pushes")
    for row in facts["document"]["done"]:
        with played(key, *as_list(row["answers"])) as play:
            told = play.channel.document_results(play.line(), facts["site"], facts["document"]["ticket"])
            assert told is not None
            assert found(list(told), row["expect"]) == row["expect"]


@pytest.mark.parametrize("key", TICKETS)
def test_a_document_under_way_has_no_results_and_one_given_up_is_refused_as_a_whole(key: str) -> None:
    facts = vectors(key, "pushes")
    told = facts["document"]
    if "waiting" in told:
        with played(key, *as_list(told["waiting"])) as play:
            assert play.channel.document_results(play.line(), facts["site"], told["ticket"]) is None
    for way in told["given_up"]:
        with played(key, *as_list(way)) as play, pytest.raises(errors.Rejected):
            list(play.channel.document_results(play.line(), facts["site"], told["ticket"]) or ())


@pytest.mark.parametrize("key", TICKETS)
def test_a_report_that_cannot_be_read_is_asked_for_again_and_its_address_is_told_nobody(key: str) -> None:
    facts = vectors(key, "pushes")
    told = facts["document"]
    for bad in told["unreadable"]:
        with played(key, *as_list(bad)) as play:
            with pytest.raises(errors.Transient) as caught:
                list(play.channel.document_results(play.line(), facts["site"], told["ticket"]) or ())
            assert "hidden" not in told or told["hidden"] not in chain(caught.value)
