"""What is asked of every channel, on its own vectors, over real sockets: its answers and what it declares."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from marketplaces import errors
from marketplaces.channel import AppKeys, Channel, LoginKind
from marketplaces.channels import registry
from tests.channels.calls import SILENT, made
from tests.channels.double import Row, chain, of_row, played, row_id, rows, vectors, wire

KEYS = list(registry())
LOGIN = [key for key in KEYS if registry()[key].login_kind is not LoginKind.FORM]
RENEWED = [key for key in KEYS if "refresh" in vectors(key, "channel")]
CAUSES = {"expired", "revoked", "inactive", "credentials", "unknown"}
FAMILIES = {"AuthRevoked", "AccountInactive", "PermissionMissing", "RateLimited", "Transient", "Rejected", "OurFault"}


@pytest.mark.parametrize(("key", "row"), rows("answers"), ids=row_id)
def test_every_answer_is_exactly_its_error_and_tells_no_secret(key: str, row: dict[str, Any]) -> None:
    with played(key, *of_row(row)) as play, pytest.raises(errors.RemoteError) as caught:
        made(play, row["of"], row)
    error = caught.value
    assert type(error) is getattr(errors, row["error"])
    for name in ("what", "reason", "code", "retry_after", "request_id"):
        if name in row:
            assert getattr(error, name) == row[name]
    text = chain(error)
    assert error.call
    assert not [secret for secret in play.secrets() if secret in text]


@pytest.mark.parametrize("key", KEYS)
def test_the_answers_cover_every_family_that_the_channel_can_tell(key: str) -> None:
    known = {row["error"] for row in vectors(key, "answers")}
    never = vectors(key, "channel").get("never_told", {})
    assert all(never.values()), "each with its reason"
    assert known & FAMILIES == FAMILIES - set(never)


@pytest.mark.parametrize(("key", "name"), SILENT)
def test_a_call_that_asks_nobody_is_not_heard(key: str, name: str) -> None:
    with played(key, b"") as play:
        with suppress(errors.RemoteError, errors.LoginDeclined, NotImplementedError, KeyError):
            made(play, name)
        assert play.server.requests == []


def _quoting(told: Any, said: str) -> Any:
    if isinstance(told, dict):
        return {name: _quoting(value, said) for name, value in told.items()}
    if isinstance(told, list):
        return [_quoting(value, said) for value in told]
    return said if isinstance(told, str) else told


@pytest.mark.parametrize("key", KEYS)
def test_remote_words_that_quote_our_secrets_are_masked(key: str) -> None:
    with played(key, b"") as play:
        said = " and ".join([*play.facts["secrets"].values(), *play.keys.values.values(), "buyer@example.com"])
        mine = ["identify"] + ["refresh"] * (key in RENEWED) + ["login"] * (key in LOGIN)
    body = {"errors": [{"code": said, "message": said, "details": said}], "error": said, "error_description": said}
    asked: list[tuple[str, Row]] = [
        (of, {"status": status, "body": body}) for status in (400, 401, 403, 404, 429, 500) for of in mine
    ]
    for row in vectors(key, "answers"):
        if "body" in row and row.get("status", 200) >= 400:
            asked.append((row["of"], {**row, "body": _quoting(row["body"], said)}))
    for of, row in asked:
        with played(key, wire(row)) as play, pytest.raises(errors.RemoteError) as caught:
            made(play, of)
        text = chain(caught.value)
        assert not [secret for secret in [*play.secrets(), "buyer@example.com"] if secret in text]


@pytest.mark.parametrize("channel", registry().values(), ids=KEYS)
def test_a_channel_declares_everything_that_the_pages_need(channel: Channel) -> None:
    assert channel.name
    assert channel.account_needed.endswith(".")
    assert set(channel.steps) == CAUSES
    assert all(
        step.text and set(step.links) <= {realm.key for realm in channel.realms}
        for steps in channel.steps.values()
        for step in steps
    )
    assert all(
        link.startswith("https://")
        for steps in channel.steps.values()
        for step in steps
        for link in step.links.values()
    )
    assert channel.steps["expired"] != channel.steps["revoked"]
    assert all(field.label and field.help for field in channel.fields)
    assert bool(channel.manual_label) == (bool(channel.fields) and channel.login_kind is not LoginKind.FORM)
    assert channel.poll_seconds > 0
    assert {channel.account_needed, channel.steps["expired"][0].text} <= set(channel.texts())
    assert channel.overlap.total_seconds() >= 600
    assert channel.available(AppKeys({})) is (not channel.settings)
    assert channel.available(AppKeys(dict.fromkeys(channel.settings, "x")))
    assert {limit.operation for limit in channel.limits}


@pytest.mark.parametrize("channel", registry().values(), ids=KEYS)
def test_a_realm_is_known_by_its_key(channel: Channel) -> None:
    for realm in channel.realms:
        assert channel.realm(realm.key) is realm
    if channel.realms:
        with pytest.raises(KeyError):
            channel.realm("nowhere")


def test_a_channel_keeps_no_state() -> None:
    for channel in registry().values():
        assert not vars(channel)
