"""What is asked of every channel's logins, typed credentials and renewals."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from marketplaces import errors
from marketplaces.channel import LoginKind
from marketplaces.channels import registry
from marketplaces.data import Credentials
from tests.channels.calls import as_list
from tests.channels.double import NOW, STATE, Played, filled, played, vectors

KEYS = list(registry())
LOGIN = [key for key in KEYS if registry()[key].login_kind is not LoginKind.FORM]
TYPED = [key for key in KEYS if registry()[key].fields]
RENEWED = [key for key in KEYS if "refresh" in vectors(key, "channel")]


@pytest.mark.parametrize("key", RENEWED)
def test_what_a_refresh_gives_is_kept(key: str) -> None:
    facts = vectors(key, "channel")
    with played(key, *as_list(facts["refresh"]["answers"])) as play:
        before = play.credentials()
        after = play.channel.refresh(play.http, play.keys, facts["realm"], before, NOW)
    assert after.secrets == facts["refresh"]["secrets"]
    assert after.public == before.public
    assert (after.authorised_at, after.expires_at) == (before.authorised_at, before.expires_at)
    assert after.access_token == facts["refresh"]["access_token"]
    assert after.access_expires_at is not None
    assert after.access_expires_at > NOW


@pytest.mark.parametrize("key", RENEWED)
def test_a_refresh_that_gives_no_new_token_keeps_the_old(key: str) -> None:
    facts = vectors(key, "channel")
    told = facts["refresh"].get("kept", facts["refresh"]["answers"])
    with played(key, *as_list(told)) as play:
        after = play.channel.refresh(play.http, play.keys, facts["realm"], play.credentials(), NOW)
    assert after.secrets == facts["secrets"]


def _linked(play: Played) -> Credentials:
    if "login" in play.facts:
        return play.channel.finish_login(play.http, play.login(), play.returned(), NOW)
    return play.channel.typed(play.typed(), NOW)


@pytest.mark.parametrize("key", KEYS)
def test_a_login_as_another_seller_is_seen(key: str) -> None:
    facts = vectors(key, "channel")
    answers = [*as_list(facts.get("login", {}).get("answers", [])), *as_list(facts["identity"])]
    for seller_id in (facts["seller_id"], facts["other_seller_id"]):
        with played(key, *answers, seller_id=seller_id) as play:
            seller = play.channel.identify(play.line(_linked(play)))
        assert seller.seller_id == seller_id
        assert any(site.active for site in seller.sites)


@pytest.mark.parametrize("key", LOGIN)
def test_a_login_leaves_with_its_state_and_comes_back_with_known_ends(key: str) -> None:
    told = vectors(key, "channel")["login"]
    with played(key, *as_list(told["answers"])) as play:
        address = play.channel.login_url(play.login())
        given = play.channel.finish_login(play.http, play.login(), play.returned(), NOW)
    sent = {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}
    assert filled(told["address"], {"state": STATE}).items() <= sent.items()
    assert STATE in address
    assert not any(secret in address or quote(secret) in address for secret in play.secrets())
    assert given.secrets == told["secrets"]
    assert given.access_token == told.get("access_token", "")
    assert given.authorised_at == NOW
    life = play.channel.known_lifetime
    end = datetime.fromisoformat(told["expires_at"]) if "expires_at" in told else NOW + life if life else None
    assert given.expires_at == end
    assert not any(secret in repr(given) for secret in play.secrets())


@pytest.mark.parametrize(
    ("key", "change"), [(key, change) for key in LOGIN for change in vectors(key, "channel")["login"]["forged"]]
)
def test_a_callback_of_another_login_fetches_nothing(key: str, change: dict[str, str]) -> None:
    with played(key, b"") as play:
        with pytest.raises(errors.LoginDeclined):
            play.channel.finish_login(play.http, play.login(), {**play.returned(), **change}, NOW)
        assert play.server.requests == []


@pytest.mark.parametrize("key", LOGIN)
def test_a_declined_login_says_the_channels_words(key: str) -> None:
    told = vectors(key, "channel")["login"]["declined"]
    said = filled(told["callback"], {"state": STATE})
    with played(key, b"") as play, pytest.raises(errors.LoginDeclined, match=told["words"]):
        play.channel.finish_login(play.http, play.login(), said, NOW)


@pytest.mark.parametrize("key", TYPED)
def test_typed_credentials_are_trimmed_and_shown_to_nobody(key: str) -> None:
    told = vectors(key, "channel")["typed"]
    with played(key, b"") as play:
        channel, values = play.channel, play.typed()
        for given in (
            channel.typed(values, NOW),
            channel.typed({name: f"  {one}\n" for name, one in values.items()}, NOW),
        ):
            assert given.secrets == told["secrets"]
            assert not any(secret in repr(given) for secret in given.secrets.values())
        assert play.server.requests == []


@pytest.mark.parametrize("key", TYPED)
def test_what_is_plainly_wrong_is_told_by_its_field(key: str) -> None:
    told, channel = vectors(key, "channel")["typed"], registry()[key]
    wrong = [*told["wrong"], *({"change": {one.key: ""}, "field": one.key} for one in channel.fields if one.required)]
    with played(key, b"") as play:
        for row in wrong:
            with pytest.raises(ValueError) as caught:  # noqa: PT011  # its two arguments are looked at
                channel.typed({**play.typed(), **row["change"]}, NOW)
            field, sentence = caught.value.args
            assert field == row["field"]
            assert sentence
