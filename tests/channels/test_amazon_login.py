"""Linking to Amazon, renewing and repairing, against the sandbox over HTTP; and the addresses that are not followed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from marketplaces.channel import AppKeys, LoginRequest
from marketplaces.channels import registry
from marketplaces.channels.amazon.login import FIELDS
from marketplaces.errors import (
    AccessStale,
    AccountInactive,
    AuthExpired,
    AuthRevoked,
    LoginDeclined,
    OurFault,
    Rejected,
    Transient,
)
from marketplaces.login import Form
from tests.channels.amazon_seat import DE, JP, RETURN, STATE, UK, US, Seat, seated
from tests.channels.double import NOW

AMAZON = registry()["amazon"]
LIVE = AppKeys({"CLIENT_ID": "c", "CLIENT_SECRET": "s", "APPLICATION_ID": "amzn1.sp.solution.x"})


@pytest.fixture
def seat(tmp_path: Path) -> Iterator[Seat]:
    with seated(tmp_path) as one:
        yield one


def test_a_consent_links_the_seller_with_its_sites_for_a_year(seat: Seat) -> None:
    seller = seat.seller(marketplaces=[DE, UK], name="Example Shop")
    line = seat.linked(seller)
    found = AMAZON.identify(line)
    assert (found.realm, found.seller_id, found.name) == ("eu", seller["seller_id"], "Example Shop")
    assert [(site.key, site.name, site.country, site.active) for site in found.sites] == [
        (DE, "Amazon.de", "DE", True),
        (UK, "Amazon.co.uk", "GB", True),
    ]
    assert line.credentials.expires_at == line.credentials.authorised_at + timedelta(days=365)  # type: ignore[operator]


def test_a_code_works_once_and_five_minutes(seat: Seat) -> None:
    seller = seat.seller()
    request = seat.request(seller)
    back = seat.browser(AMAZON.login_url(request), seller=seller["seller_id"])
    AMAZON.finish_login(seat.http, request, back, seat.now())
    with pytest.raises(AuthRevoked):
        AMAZON.finish_login(seat.http, request, back, seat.now())
    late = seat.browser(AMAZON.login_url(request), seller=seller["seller_id"])
    seat.control("clock", advance_seconds=301)
    with pytest.raises(AuthRevoked):
        AMAZON.finish_login(seat.http, request, late, seat.now())


def test_access_ends_after_an_hour_and_a_refresh_renews_it(seat: Seat) -> None:
    line = seat.linked(seat.seller())
    seat.control("clock", advance_seconds=3601)
    with pytest.raises(AccessStale):
        AMAZON.identify(line)
    fresh = AMAZON.refresh(seat.http, seat.keys, "eu", line.credentials, seat.now())
    assert fresh.secrets == line.credentials.secrets
    assert AMAZON.identify(replace(line, credentials=fresh)).seller_id == line.seller_id


def test_a_revoked_authorisation_is_told_by_the_refresh_only(seat: Seat) -> None:
    seller = seat.seller()
    line = seat.linked(seller)
    seat.state(seller, authorisation="revoked")
    with pytest.raises(AccessStale):
        AMAZON.identify(line)
    with pytest.raises(AuthRevoked, match="invalid_grant"):
        AMAZON.refresh(seat.http, seat.keys, "eu", line.credentials, seat.now())


def test_an_authorisation_past_its_year_has_expired(seat: Seat) -> None:
    line = seat.linked(seat.seller())
    seat.control("clock", advance_seconds=366 * 86_400)
    with pytest.raises(AuthExpired):
        AMAZON.refresh(seat.http, seat.keys, "eu", line.credentials, seat.now())


def test_a_wrong_secret_is_our_fault(seat: Seat) -> None:
    line = seat.linked(seat.seller())
    keys = AppKeys({**seat.keys.values, "CLIENT_SECRET": "rotated-away"})
    with pytest.raises(OurFault) as caught:
        AMAZON.refresh(seat.http, keys, "eu", line.credentials, seat.now())
    assert "rotated-away" not in str(caught.value)


def test_an_expired_secret_at_the_api_is_our_fault(seat: Seat) -> None:
    seller = seat.seller()
    line = seat.linked(seller)
    seat.state(seller, secret_expired=True)
    with pytest.raises(OurFault):
        AMAZON.identify(line)


def test_a_suspended_seller_is_inactive_not_expired(seat: Seat) -> None:
    seller = seat.seller()
    line = seat.linked(seller)
    seat.state(seller, active=False)
    with pytest.raises(AccountInactive):
        AMAZON.identify(line)


@pytest.mark.parametrize(
    "kind", ["html", "empty", "null", "truncate", "reset", "commit_then_reset", "commit_then_status"]
)
def test_a_broken_token_endpoint_ends_nothing(seat: Seat, kind: str) -> None:
    line = seat.linked(seat.seller())
    seat.control("faults", system="lwa", kind=kind)
    with pytest.raises(Transient):
        AMAZON.refresh(seat.http, seat.keys, "eu", line.credentials, seat.now())
    assert AMAZON.refresh(seat.http, seat.keys, "eu", line.credentials, seat.now()).access_token


def test_the_sellers_own_renewal_goes_round_and_gives_a_new_token(seat: Seat) -> None:
    seller = seat.seller()
    line = seat.linked(seller)
    site = f"{seat.sandbox.url}/amazon/sellercentral/eu"
    params = seat.browser(f"{site}/manage/reauthorize", seller=seller["seller_id"])
    renewal = AMAZON.renew_redirect(seat.keys, params)
    assert (renewal.realm, renewal.seller_id) == ("eu", seller["seller_id"])
    back = seat.browser(AMAZON.renewal_url(renewal, STATE, RETURN))
    renewed = AMAZON.finish_login(seat.http, seat.request(seller), back, seat.now())
    assert renewed.public == line.credentials.public
    assert AMAZON.identify(replace(line, credentials=renewed)).seller_id == seller["seller_id"]


@pytest.mark.parametrize(
    ("address", "realm"),
    [
        ("https://sellercentral.amazon.com/apps/authorize/confirm/x?a=1", "na"),
        ("https://sellercentral.amazon.de/apps/authorize/confirm/x", "eu"),
        ("https://sellercentral-europe.amazon.com/x", "eu"),
        ("https://sellercentral.amazon.co.jp/x", "fe"),
        ("https://SELLERCENTRAL.amazon.com/x", "na"),
    ],
)
def test_a_renewal_goes_back_to_a_known_seller_central(address: str, realm: str) -> None:
    params = {
        "amazon_callback_uri": address,
        "amazon_state": "their state",
        "selling_partner_id": "A1X",
        "version": "beta",
    }
    renewal = AMAZON.renew_redirect(LIVE, params)
    assert renewal.realm == realm
    target = urlsplit(AMAZON.renewal_url(renewal, "ours", RETURN))
    assert target.hostname == urlsplit(address).hostname
    query = parse_qs(target.query)
    assert (query["amazon_state"], query["state"], query["redirect_uri"]) == (["their state"], ["ours"], [RETURN])
    assert query["version"] == ["beta"]
    if "?" in address:
        assert query["a"] == ["1"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://evil.example/apps",
        "http://sellercentral.amazon.com/apps",
        "https://sellercentral.amazon.com.evil.example/apps",
        "https://sellercentral.amazon.com@evil.example/apps",
        "https://evil.example\\@sellercentral.amazon.com/apps",
        "https://sellercentral.amazon.com:8443/apps",
        "https://sellercentral.amazon.com/apps#x",
        "//sellercentral.amazon.com/apps",
        "javascript:alert(1)//sellercentral.amazon.com",
        "https://sellercentral.amazon.com\r\nLocation: https://evil.example",
        "http://127.0.0.1:8001/amazon/sellercentral/eu/apps",
        "https://[::1/apps",
    ],
)
def test_a_renewal_to_anywhere_else_is_not_followed(address: str) -> None:
    params = {"amazon_callback_uri": address, "amazon_state": "s", "selling_partner_id": "A1X"}
    with pytest.raises(ValueError, match=r"address|Invalid"):
        AMAZON.renew_redirect(LIVE, params)


@pytest.mark.parametrize("path", ["/elsewhere", "/amazon/sellercentral/eu/../../evil", "/amazon/sellercentral/euro/x"])
def test_in_the_sandbox_only_its_own_seller_central_counts(seat: Seat, path: str) -> None:
    params = {"amazon_callback_uri": seat.sandbox.url + path, "amazon_state": "s", "selling_partner_id": "A1X"}
    with pytest.raises(ValueError, match="Seller Central"):
        AMAZON.renew_redirect(seat.keys, params)


@pytest.mark.parametrize("missing", ["amazon_state", "selling_partner_id"])
def test_a_renewal_without_state_or_seller_is_not_followed(missing: str) -> None:
    params = {
        "amazon_callback_uri": "https://sellercentral.amazon.com/x",
        "amazon_state": "s",
        "selling_partner_id": "A",
    }
    with pytest.raises(ValueError, match="no state or no seller"):
        AMAZON.renew_redirect(LIVE, params | {missing: ""})


def test_typed_credentials_are_proved_by_live_calls(seat: Seat) -> None:
    seller = seat.seller()
    line = seat.typed(seller)
    assert line.credentials.expires_at is None
    assert AMAZON.identify(line).seller_id == seller["seller_id"]
    assert len(seat.ledger("amazon.searchListingsItems")) == 1


def test_a_typed_token_of_another_seller_is_refused_naming_the_typed_one(seat: Seat) -> None:
    seller, other = seat.seller(), seat.seller()
    line = seat.typed(other, seller_id=seller["seller_id"])
    with pytest.raises(Rejected) as caught:
        AMAZON.identify(line)
    assert (caught.value.reason, caught.value.field) == ("seller_mismatch", "seller_id")
    assert seller["seller_id"] in caught.value.words


def test_a_consent_needs_no_proof_of_the_seller(seat: Seat) -> None:
    AMAZON.identify(seat.linked(seat.seller()))
    assert seat.ledger("amazon.searchListingsItems") == []


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"seller_id": "A1EXAMPLE", "refresh_token": "amzn.mws.4ea38b7b-f563"}, "refresh_token", "MWS tokens"),
        ({"seller_id": "amzn.mws.4ea38b7b", "refresh_token": "Atzr|x23456789"}, "seller_id", "MWS tokens"),
        ({"seller_id": "A1EXAMPLE", "refresh_token": "Atza|x23456789"}, "refresh_token", "Atzr|"),
        ({"seller_id": "A1EXAMPLE", "refresh_token": ""}, "refresh_token", "fill in"),
        ({"seller_id": "", "refresh_token": "Atzr|x23456789"}, "seller_id", "fill in"),
        ({"seller_id": "my shop!", "refresh_token": "Atzr|x23456789"}, "seller_id", "right"),
    ],
)
def test_plainly_wrong_typed_values_name_their_field(values: dict[str, str], field: str, words: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        AMAZON.typed(values, NOW)
    assert caught.value.args[0] == field
    assert words in caught.value.args[1]


def test_blanks_around_typed_values_are_trimmed() -> None:
    values = {"seller_id": " A1EXAMPLE\t", "refresh_token": "\n Atzr|x23456789 "}
    given = AMAZON.typed(values, NOW)
    assert (given.public["seller_id"], given.secrets["refresh_token"]) == ("A1EXAMPLE", "Atzr|x23456789")
    assert Form.read(FIELDS, values).trimmed == ("seller_id", "refresh_token")


def test_a_login_of_another_region_leaves_by_its_own_door() -> None:
    hosts = {}
    for realm in ("eu", "na", "fe"):
        url = urlsplit(AMAZON.login_url(LoginRequest(LIVE, realm, "s", RETURN)))
        hosts[realm] = url.hostname
        assert "version" not in parse_qs(url.query)
    assert hosts == {
        "eu": "sellercentral-europe.amazon.com",
        "na": "sellercentral.amazon.com",
        "fe": "sellercentral.amazon.co.jp",
    }


def test_a_draft_application_asks_for_the_beta_page() -> None:
    keys = AppKeys({**LIVE.values, "DRAFT": "1"})
    assert parse_qs(urlsplit(AMAZON.login_url(LoginRequest(keys, "eu", "s", RETURN))).query)["version"] == ["beta"]


@pytest.mark.parametrize(("realm", "site"), [("na", US), ("fe", JP)])
def test_every_region_has_its_own_api(seat: Seat, realm: str, site: str) -> None:
    seller = seat.seller(region=realm)
    assert [one.key for one in AMAZON.identify(seat.linked(seller)).sites] == [site]


def test_a_callback_without_a_code_stores_nothing(seat: Seat) -> None:
    with pytest.raises(LoginDeclined):
        AMAZON.finish_login(seat.http, seat.request(seat.seller()), {"state": STATE}, seat.now())
    assert seat.ledger("lwa.exchange") == []


def test_live_calls_go_to_amazon_only() -> None:
    assert set(AMAZON.hosts(LIVE)) == {
        "sellingpartnerapi-eu.amazon.com",
        "sellingpartnerapi-na.amazon.com",
        "sellingpartnerapi-fe.amazon.com",
        "api.amazon.com",
    }


def test_repair_links_follow_the_region_and_the_sandbox(seat: Seat) -> None:
    step = next(step for step in AMAZON.steps["expired"] if step.links)
    assert "Apps & Services" in step.text
    assert AMAZON.step_link(step, LIVE, "na") == "https://sellercentral.amazon.com/apps/manage"
    assert AMAZON.step_link(step, LIVE, "eu").startswith("https://sellercentral-europe.amazon.com/")
    here = AMAZON.step_link(step, seat.keys, "eu")
    assert seat.session.get(here, timeout=10).status_code == 200
    assert AMAZON.step_link(AMAZON.steps["expired"][0], LIVE, "na") == ""
