"""Every call draws from the bucket of a limit that its channel declares: a seller's own, or a share of the one for all."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from marketplaces.channel import ROLLING, LoginKind
from marketplaces.channels import registry
from marketplaces.errors import RemoteError
from marketplaces.wire import Bucket
from tests.channels.calls import CALLS, TOKENS, spoken
from tests.channels.double import Played, played

KEYS = list(registry())
SPOKEN = [(key, name) for key in KEYS for name in spoken(key)]
ENOUGH = 6 * 3600  # seconds: an account that is alone is polled more often than that


def drawn_by(play: Played, name: str) -> list[Bucket]:
    """The buckets that a call draws from."""
    drawn: list[Bucket] = []
    play.http.pace = drawn.append
    CALLS[name].make(play)
    return drawn


def owned(play: Played) -> list[Bucket]:
    """All buckets that the vectors' seller has, and those that a call has which knows no seller yet."""
    limits, realm = play.channel.limits_of(play.keys), play.facts["realm"]
    sellers = (play.facts["seller_id"], "")
    return [
        limit.bucket(play.channel.key, place, seller) for limit in limits for place in (realm, "") for seller in sellers
    ]


@pytest.mark.parametrize(("key", "name"), SPOKEN)
def test_a_call_draws_from_what_the_channel_declares(key: str, name: str) -> None:
    with played(key, *CALLS[name].good(key)) as play:
        drawn, known = drawn_by(play, name), owned(play)
    assert [bucket for bucket in drawn if bucket not in known] == []
    assert drawn or name in (*TOKENS, "hear", "read_listings", "document_results"), "a call that nothing holds back"


@pytest.mark.parametrize("key", KEYS)
def test_the_search_draws_from_the_limit_by_which_accounts_are_polled(key: str) -> None:
    with played(key, *CALLS["search_orders"].good(key)) as play:
        drawn = drawn_by(play, "search_orders")
    operations = [one.operation for one in registry()[key].limits]
    assert registry()[key].search_call in operations
    assert drawn[0].key.endswith(f":{registry()[key].search_call}")
    assert len(operations) == len(set(operations)), "two limits of one name would be one bucket"


@pytest.mark.parametrize("key", [key for key in KEYS if registry()[key].login_kind is LoginKind.FORM])
def test_whoever_is_not_proved_uses_up_nobody_elses_permits(key: str) -> None:
    """Anybody may type the marketplace and the number of somebody's shop; only the key is his own."""
    drawn: list[set[str]] = []
    with played(key, *CALLS["identify"].good(key)) as play:
        known, mine = play.line(), play.credentials()
        others = [
            replace(mine, secrets={one: f"{value}{more}" for one, value in mine.secrets.items()}) for more in "ab"
        ]
        for line in (known, *(replace(play.line(other), seller_id="") for other in others)):
            buckets: list[Bucket] = []
            play.http.pace = buckets.append
            with suppress(RemoteError):
                play.channel.identify(line)
            drawn.append({one.key for one in buckets})
    assert all(drawn)
    assert not drawn[0] & drawn[1]
    assert not drawn[1] & drawn[2]


@pytest.mark.parametrize("key", KEYS)
def test_limits_can_be_kept(key: str) -> None:
    for limit in registry()[key].limits:
        assert Fraction(limit.rate) > 0
        assert limit.burst >= 1
        assert not limit.day or limit.day == ROLLING or ZoneInfo(limit.day)


@pytest.mark.parametrize("key", KEYS)
def test_the_declared_interval_of_an_account_that_is_alone_is_sustainable(key: str) -> None:
    channel = registry()[key]
    limit = next(one for one in channel.limits if one.operation == channel.search_call)
    assert channel.poll_seconds * Fraction(limit.rate) >= 1 or limit.shared, "polls use up what a seller has"
    assert max(channel.poll_seconds, 1 / Fraction(limit.rate)) < ENOUGH
