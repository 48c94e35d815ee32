"""The seller's pages: login, consent, the renewal that the seller starts, the end of an authorisation."""

from typing import Any

import pytest

from tests.unit.sandbox.seat import LONG_AGO, RETURN, Amazon, Json, consent, consent_url, denied, error_of, sent_to


def test_a_person_logs_in_reads_the_rights_and_confirms(amazon: Amazon, seller: Json) -> None:
    other = amazon.seller(name="Second <Shop>")
    first = amazon.session.get(consent_url(amazon), timeout=5)
    assert f"Log in as {seller['name']}" in first.text
    assert "Log in as Second &lt;Shop&gt;" in first.text
    assert first.headers["X-Frame-Options"] == "DENY"
    home = f"{amazon.url}/amazon/sellercentral/eu"
    next_page = consent_url(amazon).removeprefix(amazon.url)
    shown = amazon.session.post(f"{home}/login", data={"seller": other["seller_id"], "next": next_page}, timeout=5)
    for text in (
        "Second &lt;Shop&gt;",
        "Inventory and Order Tracking",
        "Log in as another seller",
        "Cancel",
        "Amazon.de",
    ):
        assert text in shown.text
    answer = amazon.session.post(shown.url, data={"seller": other["seller_id"]}, allow_redirects=False, timeout=5)
    place, arguments = sent_to(answer)
    assert place == RETURN
    assert set(arguments) == {"state", "selling_partner_id", "spapi_oauth_code"}
    assert (arguments["state"], arguments["selling_partner_id"]) == ("state-1", other["seller_id"])


def test_cancel_stays_and_grants_nothing(amazon: Amazon, seller: Json) -> None:
    form = {"seller": seller["seller_id"], "action": "cancel"}
    answer = amazon.session.post(consent_url(amazon), data=form, allow_redirects=False, timeout=5)
    assert answer.status_code == 200
    assert "Nothing was granted" in answer.text
    assert amazon.ledger(effect="amazon.consent") == []


def test_another_seller_can_be_chosen_after_logging_in(amazon: Amazon, seller: Json) -> None:
    home, here = f"{amazon.url}/amazon/sellercentral/eu", consent_url(amazon).removeprefix(amazon.url)
    amazon.session.post(f"{home}/login", data={"seller": seller["seller_id"], "next": here}, timeout=5)
    assert "Log in as another seller" in amazon.session.get(consent_url(amazon), timeout=5).text
    shown = amazon.session.post(f"{home}/logout", data={"next": here}, timeout=5)
    assert f"Log in as {seller['name']}" in shown.text


def test_a_password_is_asked_for_where_the_seller_has_one(amazon: Amazon) -> None:
    locked = amazon.seller(password="open sesame")
    home = f"{amazon.url}/amazon/sellercentral/eu"
    form = {"seller": locked["seller_id"], "next": "/amazon/sellercentral/eu/manage", "password": "wrong"}
    assert amazon.session.post(f"{home}/login", data=form, timeout=5).status_code == 403
    shown = amazon.session.post(f"{home}/login", data=form | {"password": "open sesame"}, timeout=5)
    assert "Manage Your Apps" in shown.text


@pytest.mark.parametrize(
    "query",
    [
        {"application_id": "amzn1.sp.solution.other"},
        {"state": ""},
        {"redirect_uri": "https://evil.example/return"},
        {"version": "alpha"},
    ],
)
def test_a_wrong_request_for_consent_is_not_answered_with_a_redirect(amazon: Amazon, seller: Json, query: Any) -> None:
    form = {"seller": seller["seller_id"]}
    answer = amazon.session.post(consent_url(amazon, **query), data=form, allow_redirects=False, timeout=5)
    assert answer.status_code == 400
    assert "Location" not in answer.headers


def test_consent_takes_the_draft_version_and_the_registered_address(amazon: Amazon, seller: Json) -> None:
    assert consent(amazon, seller, version="beta", redirect_uri=RETURN)["state"] == "state-1"


def test_a_seller_of_another_region_cannot_consent_here(amazon: Amazon, seller: Json) -> None:
    form = {"seller": seller["seller_id"]}
    answer = amazon.session.post(consent_url(amazon, "na"), data=form, allow_redirects=False, timeout=5)
    assert answer.status_code == 400


def reauthorize(amazon: Amazon, seller: Json) -> dict[str, str]:
    url = f"{amazon.url}/amazon/sellercentral/eu/manage/reauthorize"
    answer = amazon.session.post(url, data={"seller": seller["seller_id"]}, allow_redirects=False, timeout=5)
    place, arguments = sent_to(answer)
    assert place == "http://localhost:8000/login/amazon"
    return arguments


def test_the_renewal_goes_through_the_login_uri_and_back(amazon: Amazon, seller: Json) -> None:
    given = reauthorize(amazon, seller)
    assert set(given) == {"amazon_callback_uri", "amazon_state", "selling_partner_id"}
    assert given["selling_partner_id"] == seller["seller_id"]
    query = {"amazon_state": given["amazon_state"], "state": "ours", "redirect_uri": RETURN, "version": "beta"}
    answer = amazon.session.get(given["amazon_callback_uri"], params=query, allow_redirects=False, timeout=5)
    place, arguments = sent_to(answer)
    assert place == RETURN
    assert (arguments["state"], arguments["selling_partner_id"]) == ("ours", seller["seller_id"])
    tokens = amazon.lwa(grant_type="authorization_code", code=arguments["spapi_oauth_code"])
    assert tokens.ok
    again = amazon.session.get(given["amazon_callback_uri"], params=query, allow_redirects=False, timeout=5)
    assert again.status_code == 400


@pytest.mark.parametrize(
    "wrong",
    [{"amazon_state": "made-up"}, {"state": ""}, {"redirect_uri": "https://evil.example/"}, {"redirect_uri": ""}],
)
def test_a_wrong_return_from_the_login_uri_is_refused(amazon: Amazon, seller: Json, wrong: dict[str, str]) -> None:
    given = reauthorize(amazon, seller)
    query = {"amazon_state": given["amazon_state"], "state": "ours", "redirect_uri": RETURN} | wrong
    answer = amazon.session.get(given["amazon_callback_uri"], params=query, allow_redirects=False, timeout=5)
    assert answer.status_code == 400


def test_a_renewal_must_be_finished_in_ten_minutes(amazon: Amazon, seller: Json) -> None:
    given = reauthorize(amazon, seller)
    amazon.advance(601)
    query = {"amazon_state": given["amazon_state"], "state": "ours", "redirect_uri": RETURN}
    answer = amazon.session.get(given["amazon_callback_uri"], params=query, allow_redirects=False, timeout=5)
    assert answer.status_code == 400


def test_disable_ends_the_authorisation_and_the_page_says_so(amazon: Amazon, seller: Json, token: str) -> None:
    home = f"{amazon.url}/amazon/sellercentral/eu"
    form = {"seller": seller["seller_id"], "next": "/amazon/sellercentral/eu/manage"}
    assert "valid until" in amazon.session.post(f"{home}/login", data=form, timeout=5).text
    assert "revoked" in amazon.session.post(f"{home}/manage/disable", data=form, timeout=5).text
    assert error_of(amazon.search(token, createdAfter=LONG_AGO)) == denied(
        "The access token you provided is revoked, malformed or invalid."
    )
