"""Login with Amazon gives and refuses tokens as observed live."""

import pytest

from tests.unit.sandbox.seat import CLIENT, Amazon, Json, consent


def test_a_code_gives_tokens_once(amazon: Amazon, seller: Json) -> None:
    code = consent(amazon, seller)["spapi_oauth_code"]
    tokens = amazon.lwa(grant_type="authorization_code", code=code)
    assert tokens.status_code == 200
    body = tokens.json()
    assert body["access_token"].startswith("Atza|")
    assert body["refresh_token"].startswith("Atzr|")
    assert (body["token_type"], body["expires_in"]) == ("bearer", 3600)
    again = amazon.lwa(grant_type="authorization_code", code=code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert again.json()["error_description"] == "The request has an invalid grant parameter : code"
    assert [line["key"] for line in amazon.ledger(effect="lwa.exchange")] == [seller["seller_id"]]


def test_a_code_lives_five_minutes(amazon: Amazon, seller: Json) -> None:
    code = consent(amazon, seller)["spapi_oauth_code"]
    amazon.advance(301)
    assert amazon.lwa(grant_type="authorization_code", code=code).json()["error"] == "invalid_grant"


def test_a_code_with_another_redirect_address_is_dead(amazon: Amazon, seller: Json) -> None:
    code = consent(amazon, seller)["spapi_oauth_code"]
    answer = amazon.lwa(grant_type="authorization_code", code=code, redirect_uri="http://localhost:8000/other")
    assert answer.json()["error"] == "invalid_grant"


def test_a_refresh_keeps_the_refresh_token_and_gives_a_new_access_token(amazon: Amazon, seller: Json) -> None:
    refresh = amazon.refresh_token(seller["seller_id"])
    first, second = amazon.refresh(refresh).json(), amazon.refresh(refresh).json()
    assert first["refresh_token"] == second["refresh_token"] == refresh
    assert first["access_token"] != second["access_token"]
    assert [line["key"] for line in amazon.ledger(effect="lwa.refresh")] == [seller["seller_id"]] * 2


def test_refresh_tokens_rotate_where_asked_and_the_old_one_lives_through_its_grace(
    amazon: Amazon, seller: Json
) -> None:
    old = amazon.refresh_token(seller["seller_id"])
    amazon.state(seller, rotation_grace_seconds=60)
    new = amazon.refresh(old).json()["refresh_token"]
    assert new != old
    amazon.advance(50)
    assert amazon.refresh(old).ok
    amazon.advance(11)
    assert amazon.refresh(old).json()["error"] == "invalid_grant"
    assert amazon.refresh(new).ok


@pytest.mark.parametrize("ended", ["revoked", "expired"])
def test_the_refresh_token_of_an_ended_authorisation_is_refused_until_it_is_back(
    amazon: Amazon, seller: Json, ended: str
) -> None:
    refresh = amazon.refresh_token(seller["seller_id"])
    amazon.state(seller, authorisation=ended)
    answer = amazon.refresh(refresh)
    assert answer.status_code == 400
    assert set(answer.json()) == {"error", "error_description", "error_index", "request_id"}
    assert answer.json()["error"] == "invalid_grant"
    assert answer.json()["error_description"] == (
        "The request has an invalid grant parameter : refresh_token."
        " User may have revoked or didn't grant the permission."
    )
    assert amazon.ledger(effect="lwa.refused")[0]["key"] == seller["seller_id"]
    amazon.state(seller, authorisation="ok")
    assert amazon.refresh(refresh).ok


def test_a_new_consent_after_the_end_leaves_the_old_refresh_token_dead(amazon: Amazon, seller: Json) -> None:
    old = amazon.refresh_token(seller["seller_id"])
    amazon.state(seller, authorisation="expired")
    code = consent(amazon, seller)["spapi_oauth_code"]
    new = amazon.lwa(grant_type="authorization_code", code=code).json()["refresh_token"]
    assert amazon.refresh(new).ok
    assert amazon.refresh(old).json()["error"] == "invalid_grant"


def test_an_authorisation_ends_by_itself_after_a_year(amazon: Amazon, seller: Json) -> None:
    refresh = amazon.refresh_token(seller["seller_id"])
    amazon.advance(364 * 86400)
    assert amazon.refresh(refresh).ok
    amazon.advance(2 * 86400)
    assert amazon.refresh(refresh).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("wrong", [{"client_secret": "old"}, {"client_id": "other"}, {"client_secret": ""}])
def test_a_wrong_client_is_our_fault_and_not_the_sellers(amazon: Amazon, seller: Json, wrong: dict[str, str]) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": amazon.refresh_token(seller["seller_id"])}
    answer = amazon.lwa(**form, **wrong)
    assert answer.status_code == 401
    assert answer.json() == {"error": "invalid_client", "error_description": "Client authentication failed"}


def test_the_client_must_stand_in_the_form_and_not_in_a_basic_header(amazon: Amazon, seller: Json) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": amazon.refresh_token(seller["seller_id"])}
    auth = (CLIENT["client_id"], CLIENT["client_secret"])
    answer = amazon.session.post(f"{amazon.url}/amazon/auth/o2/token", data=form, auth=auth, timeout=5)
    assert answer.status_code == 401


def test_an_unknown_or_missing_grant_type_is_refused(amazon: Amazon) -> None:
    assert amazon.lwa(grant_type="password").json()["error"] == "unsupported_grant_type"
    assert amazon.lwa().json()["error"] == "invalid_request"


def test_faults_of_the_token_endpoint_can_be_aimed_at_one_seller(amazon: Amazon, seller: Json) -> None:
    other = amazon.seller()
    tokens = [amazon.refresh_token(one["seller_id"]) for one in (seller, other)]
    wish = {"system": "lwa", "operation": "token", "kind": "status", "match": {"seller": seller["seller_id"]}}
    amazon.control("faults", wish | {"times": None, "params": {"status": 503}})
    assert [amazon.refresh(token).status_code for token in tokens] == [503, 200]
