"""The stand-in for Amazon does what the contract and the answers observed live say, over real HTTP."""

import json
import os
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import pytest
import requests

from tests.sandbox.clock import iso
from tests.sandbox.server import Sandbox, create_sandbox

APPLICATION = "amzn1.sp.solution.sandbox"
CLIENT = {"client_id": "amzn1.application-oa2-client.sandbox", "client_secret": "sandbox-amazon-secret"}
RETURN = "http://localhost:8000/login/return/amazon"
DE, UK, US, JP = "A1PA6795UKMFR9", "A1F83G8C2ARO7P", "ATVPDKIKX0DER", "A1VC38T7YXB528"
LONG_AGO = "2020-01-01T00:00:00Z"
EVERYTHING = (
    "BUYER,RECIPIENT,PROCEEDS,EXPENSE,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES,TAX,PAYMENT,FULFILLMENT_ORDERS"
)
Json = dict[str, Any]


class Amazon:
    """A person at the sandbox's switches and an app with one seller's tokens."""

    def __init__(self, sandbox: Sandbox, session: requests.Session) -> None:
        self.sandbox = sandbox
        self.session = session
        self.url = sandbox.url

    def control(self, path: str, value: Any) -> Any:
        answer = self.session.post(f"{self.url}/_sandbox/{path}", json=value, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    def seller(self, **wish: Any) -> Json:
        seller: Json = self.control("amazon/sellers", wish)
        return seller

    def refresh_token(self, seller_id: str) -> str:
        return str(self.control(f"amazon/sellers/{seller_id}/self_authorise", {})["refresh_token"])

    def lwa(self, **form: str) -> requests.Response:
        return self.session.post(f"{self.url}/amazon/auth/o2/token", data=CLIENT | form, timeout=5)

    def refresh(self, token: str) -> requests.Response:
        return self.lwa(grant_type="refresh_token", refresh_token=token)

    def access(self, seller_id: str) -> str:
        return str(self.refresh(self.refresh_token(seller_id)).json()["access_token"])

    def call(self, token: str | None, path: str, region: str = "eu", **query: Any) -> requests.Response:
        headers = {} if token is None else {"x-amz-access-token": token}
        return self.session.get(f"{self.url}/amazon/api/{region}{path}", headers=headers, params=query, timeout=5)

    def search(self, token: str | None, region: str = "eu", **query: Any) -> requests.Response:
        return self.call(token, "/orders/2026-01-01/orders", region, **query)

    def orders(self, seller: Json, **wish: Any) -> list[str]:
        ids: list[str] = self.control(f"amazon/sellers/{seller['seller_id']}/orders", wish)["order_ids"]
        return ids

    def state(self, seller: Json, **wish: Any) -> Json:
        told: Json = self.control(f"amazon/sellers/{seller['seller_id']}/state", wish)
        return told

    def ledger(self, **filters: Any) -> list[Json]:
        answer = self.session.get(f"{self.url}/_sandbox/ledger", params=filters, timeout=5)
        return [json.loads(line) for line in answer.text.splitlines()]

    def advance(self, seconds: float) -> None:
        self.control("clock", {"advance_seconds": seconds})


@pytest.fixture
def amazon(tmp_path: Path) -> Iterator[Amazon]:
    """Its clock nearly stands still, so that a slow machine refills no bucket."""
    settings = {"data": tmp_path, "time_scale": 0.001}
    with create_sandbox(settings) as sandbox, requests.Session() as session:
        yield Amazon(sandbox, session)


@pytest.fixture
def seller(amazon: Amazon) -> Json:
    """A seller whose orders are visible at once."""
    made = amazon.seller(marketplaces=[DE, UK])
    return amazon.state(made, visible_lag_seconds=0)


@pytest.fixture
def token(amazon: Amazon, seller: Json) -> str:
    return amazon.access(seller["seller_id"])


def error_of(answer: requests.Response) -> tuple[int, str, str, str]:
    error = answer.json()["errors"][0]
    return answer.status_code, error["code"], error["message"], error.get("details", "(none)")


def denied(details: str) -> tuple[int, str, str, str]:
    return 403, "Unauthorized", "Access to requested resource is denied.", details


def invalid_input(answer: requests.Response) -> bool:
    return error_of(answer)[:3] == (400, "InvalidInput", "Invalid Input")


# ---- consent -----------------------------------------------------------------------------------------------------


def consent_url(amazon: Amazon, region: str = "eu", **query: str) -> str:
    given = {"application_id": APPLICATION, "state": "state-1"} | query
    request = requests.Request(
        "GET", f"{amazon.url}/amazon/sellercentral/{region}/apps/authorize/consent", params=given
    )
    return str(request.prepare().url)


def sent_to(answer: requests.Response) -> tuple[str, dict[str, str]]:
    assert answer.status_code == 302, answer.text
    place = urlsplit(answer.headers["Location"])
    return place._replace(query="").geturl(), {name: value[0] for name, value in parse_qs(place.query).items()}


def consent(amazon: Amazon, seller: Json, **query: str) -> dict[str, str]:
    url = consent_url(amazon, seller["region"], **query)
    answer = amazon.session.post(url, data={"seller": seller["seller_id"]}, allow_redirects=False, timeout=5)
    place, arguments = sent_to(answer)
    assert place == RETURN
    return arguments


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


# ---- renewal by the seller ---------------------------------------------------------------------------------------


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


# ---- tokens ------------------------------------------------------------------------------------------------------


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


# ---- who may call ------------------------------------------------------------------------------------------------


def test_the_reasons_of_a_refusal_differ_in_their_details_only(amazon: Amazon, seller: Json, token: str) -> None:
    missing = amazon.search(None, createdAfter=LONG_AGO)
    assert error_of(missing) == denied("Access token is missing in the request header.")
    assert missing.headers["x-amzn-ErrorType"] == "AccessDeniedException"
    malformed = amazon.search("Atza|nonsense", createdAfter=LONG_AGO)
    assert error_of(malformed) == denied("The access token you provided is revoked, malformed or invalid.")
    amazon.advance(3601)
    ended = amazon.search(token, createdAfter=LONG_AGO)
    assert error_of(ended) == denied("The access token you provided has expired.")


def test_an_authorization_header_does_not_count(amazon: Amazon, token: str) -> None:
    url = f"{amazon.url}/amazon/api/eu/orders/2026-01-01/orders?createdAfter={LONG_AGO}"
    answer = amazon.session.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=5)
    assert error_of(answer) == denied("Access token is missing in the request header.")


def test_an_expired_client_secret_shows_at_the_api(amazon: Amazon, seller: Json, token: str) -> None:
    amazon.state(seller, secret_expired=True)
    assert error_of(amazon.search(token, createdAfter=LONG_AGO)) == denied(
        "The LWA secret token you provided has expired."
    )


def test_a_marketplace_of_another_region_is_refused(amazon: Amazon, token: str) -> None:
    wrong = amazon.search(token, createdAfter=LONG_AGO, marketplaceIds=f"{DE},{US}")
    assert error_of(wrong) == denied("The marketplaces you provided are not valid for region.")
    elsewhere = amazon.search(token, "na", createdAfter=LONG_AGO, marketplaceIds=DE)
    assert error_of(elsewhere) == denied("The marketplaces you provided are not valid for region.")
    assert error_of(amazon.search(token, "na", createdAfter=LONG_AGO)) == denied("")


def test_a_missing_role_is_refused_without_details(amazon: Amazon, seller: Json, token: str) -> None:
    amazon.state(seller, roles=["Selling Partner Insights"])
    assert error_of(amazon.search(token, createdAfter=LONG_AGO)) == denied("")
    assert amazon.call(token, "/sellers/v1/marketplaceParticipations").ok
    amazon.state(seller, roles=["orders"])
    assert error_of(amazon.call(token, "/sellers/v1/marketplaceParticipations")) == denied("")


def test_without_the_restricted_role_only_calls_for_personal_data_are_refused(
    amazon: Amazon, seller: Json, token: str
) -> None:
    amazon.orders(seller, lines=[{"sku": "A"}])
    amazon.state(seller, roles=["orders", "sellers"])
    assert error_of(amazon.search(token, createdAfter=LONG_AGO, includedData="PROCEEDS,BUYER")) == denied("")
    assert error_of(amazon.search(token, createdAfter=LONG_AGO, includedData="RECIPIENT")) == denied("")
    assert amazon.search(token, createdAfter=LONG_AGO, includedData="PROCEEDS").ok


def test_an_unknown_path_looks_like_a_missing_role(amazon: Amazon, token: str) -> None:
    assert error_of(amazon.call(token, "/orders/v0/orders")) == denied("")


def test_a_deactivated_seller_is_told_from_a_missing_role_by_the_participations(
    amazon: Amazon, seller: Json, token: str
) -> None:
    amazon.state(seller, active=False)
    assert error_of(amazon.search(token, createdAfter=LONG_AGO)) == denied("")
    payload = amazon.call(token, "/sellers/v1/marketplaceParticipations").json()["payload"]
    assert [row["participation"] for row in payload] == [{"isParticipating": False, "hasSuspendedListings": True}] * 2


# ---- usage plans -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "query", "rate", "burst", "refill"),
    [
        ("/orders/2026-01-01/orders", {"createdAfter": LONG_AGO}, "0.0056", 20, 179),
        ("/orders/2026-01-01/orders/302-0000001-0000001", {}, "0.5", 30, 2.1),
        ("/sellers/v1/marketplaceParticipations", {}, "0.016", 15, 63),
    ],
)
def test_the_usage_plan_allows_a_burst_and_then_its_rate(
    amazon: Amazon, seller: Json, token: str, path: str, query: Any, rate: str, burst: int, refill: float
) -> None:
    answers = [amazon.call(token, path, **query) for _ in range(burst)]
    assert {answer.status_code for answer in answers} <= {200, 404}
    assert {answer.headers["x-amzn-RateLimit-Limit"] for answer in answers} == {rate}
    refused = amazon.call(token, path, **query)
    assert error_of(refused) == (429, "QuotaExceeded", "You exceeded your quota for the requested resource.", "")
    assert "Retry-After" not in refused.headers
    assert "x-amzn-RateLimit-Limit" not in refused.headers
    other = amazon.access(amazon.seller()["seller_id"])
    assert amazon.call(other, path, **query).status_code in (200, 404)
    amazon.advance(refill)
    assert [amazon.call(token, path, **query).status_code for _ in range(2)] in ([200, 429], [404, 429])


def test_usage_plans_can_be_enlarged_and_switched_off(amazon: Amazon, token: str) -> None:
    amazon.control("amazon/settings", {"bucket_factor": 0.1})
    codes = [amazon.search(token, createdAfter=LONG_AGO).status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    amazon.control("amazon/settings", {"bucket_factor": 2})
    answers = [amazon.search(token, createdAfter=LONG_AGO) for _ in range(41)]
    assert [answer.status_code for answer in answers] == [200] * 40 + [429]
    assert answers[0].headers["x-amzn-RateLimit-Limit"] == "0.0112"
    amazon.control("amazon/settings", {"buckets": False, "bucket_factor": 1})
    assert {amazon.search(token, createdAfter=LONG_AGO).status_code for _ in range(25)} == {200}


def test_a_clock_that_is_set_back_does_not_freeze_the_bucket(amazon: Amazon, token: str) -> None:
    amazon.control("amazon/settings", {"bucket_factor": 0.05, "token_seconds": 10**9})
    assert amazon.search(token, createdAfter=LONG_AGO).status_code == 200
    amazon.advance(-86400)
    assert amazon.search(token, createdAfter=LONG_AGO).status_code == 429
    amazon.advance(3600)
    assert amazon.search(token, createdAfter=LONG_AGO).status_code == 200


def test_a_throttled_fault_answers_as_the_usage_plan_does(amazon: Amazon, seller: Json, token: str) -> None:
    wish = {"system": "amazon", "operation": "searchOrders", "kind": "throttled"}
    amazon.control("faults", wish | {"match": {"seller": seller["seller_id"]}})
    assert error_of(amazon.search(token, createdAfter=LONG_AGO))[:2] == (429, "QuotaExceeded")
    assert amazon.search(token, createdAfter=LONG_AGO).ok


# ---- searchOrders ------------------------------------------------------------------------------------------------


def instant(amazon: Amazon, seconds_ago: float) -> str:
    now = amazon.sandbox.world.clock.timestamp()
    return iso(
        amazon.sandbox.world.clock.now().fromtimestamp(now - seconds_ago, tz=amazon.sandbox.world.clock.now().tzinfo)
    )


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"createdAfter": LONG_AGO, "lastUpdatedAfter": LONG_AGO},
        {"createdAfter": LONG_AGO, "lastUpdatedBefore": "2021-01-01T00:00:00Z"},
        {"lastUpdatedAfter": LONG_AGO, "createdBefore": "2021-01-01T00:00:00Z"},
        {"createdAfter": "2022-01-01T00:00:00Z", "createdBefore": "2021-01-01T00:00:00Z"},
        {"createdAfter": LONG_AGO, "createdBefore": "2999-01-01T00:00:00Z"},
        {"createdAfter": "1704067200"},
        {"createdAfter": LONG_AGO, "fulfillmentStatuses": "Unshipped"},
        {"createdAfter": LONG_AGO, "fulfilledBy": "MFN"},
        {"createdAfter": LONG_AGO, "includedData": "BUYER,ITEMS"},
        {"createdAfter": LONG_AGO, "maxResultsPerPage": 0},
        {"createdAfter": LONG_AGO, "maxResultsPerPage": 101},
        {"createdAfter": LONG_AGO, "maxResultsPerPage": "ten"},
        {"createdAfter": LONG_AGO, "marketplaceIds": ",".join([DE] * 51)},
        {"createdAfter": LONG_AGO, "paginationToken": "nonsense"},
    ],
)
def test_parameters_that_the_contract_forbids_are_invalid_input(amazon: Amazon, token: str, query: Any) -> None:
    answer = amazon.search(token, **query)
    assert invalid_input(answer), answer.text
    assert answer.headers["x-amzn-RateLimit-Limit"] == "0.0056"


def test_the_end_of_the_period_must_be_two_minutes_old(amazon: Amazon, token: str) -> None:
    assert amazon.search(token, lastUpdatedAfter=LONG_AGO, lastUpdatedBefore=instant(amazon, 121)).ok
    assert invalid_input(amazon.search(token, lastUpdatedAfter=LONG_AGO, lastUpdatedBefore=instant(amazon, 115)))


def test_an_order_becomes_visible_two_minutes_after_its_change(amazon: Amazon) -> None:
    seller = amazon.seller()
    token = amazon.access(seller["seller_id"])
    made = amazon.orders(seller, sku="A")
    early = amazon.search(token, lastUpdatedAfter=LONG_AGO).json()
    assert early["orders"] == []
    assert amazon.call(token, f"/orders/2026-01-01/orders/{made[0]}").ok
    amazon.advance(122)
    late = amazon.search(token, lastUpdatedAfter=LONG_AGO).json()
    assert [order["orderId"] for order in late["orders"]] == made
    assert late["lastUpdatedBefore"] >= late["orders"][0]["lastUpdatedTime"]
    assert early["lastUpdatedBefore"] < late["orders"][0]["lastUpdatedTime"]


def test_a_longer_lag_hides_orders_that_the_answers_end_already_covers(
    amazon: Amazon, seller: Json, token: str
) -> None:
    amazon.state(seller, visible_lag_seconds=600)
    made = amazon.orders(seller, sku="A")
    amazon.advance(300)
    early = amazon.search(token, lastUpdatedAfter=LONG_AGO).json()
    stored = amazon.session.get(f"{amazon.url}/_sandbox/amazon/sellers/{seller['seller_id']}/orders", timeout=5).json()
    assert early["orders"] == []
    assert early["lastUpdatedBefore"] > stored[0]["lastUpdatedTime"]
    amazon.advance(301)
    found = amazon.search(token, lastUpdatedAfter=LONG_AGO).json()["orders"]
    assert [order["orderId"] for order in found] == made


def test_filters_leave_out_what_does_not_fit(amazon: Amazon, seller: Json, token: str) -> None:
    [unshipped] = amazon.orders(seller, sku="A", created_at="2026-01-01T00:00:00Z")
    [shipped] = amazon.orders(seller, sku="A", status="SHIPPED", marketplace=UK, created_at="2026-01-02T00:00:00Z")
    [by_amazon] = amazon.orders(
        seller, sku="A", status="SHIPPED", fulfilled_by="AMAZON", created_at="2026-01-03T00:00:00Z"
    )

    def found(**query: Any) -> list[str]:
        answer = amazon.search(token, **({"createdAfter": LONG_AGO} | query))
        return [order["orderId"] for order in answer.json()["orders"]]

    amazon.control("amazon/settings", {"buckets": False})
    assert found() == [unshipped, shipped, by_amazon]
    assert found(fulfillmentStatuses="UNSHIPPED,PENDING") == [unshipped]
    assert found(fulfillmentStatuses=["SHIPPED", "PENDING"]) == [shipped, by_amazon]
    assert found(fulfilledBy="AMAZON") == [by_amazon]
    assert found(marketplaceIds=UK) == [shipped]
    assert found(createdAfter="2026-01-02T00:00:00Z", createdBefore="2026-01-02T00:00:00Z") == [shipped]


def test_a_change_moves_an_order_in_the_search_by_update_only(amazon: Amazon, seller: Json, token: str) -> None:
    [order_id] = amazon.orders(seller, sku="A", quantity=3, created_at="2026-01-01T00:00:00Z")
    changed = amazon.control(f"amazon/sellers/{seller['seller_id']}/orders/{order_id}", {"status": "CANCELLED"})
    assert changed["lastUpdatedTime"] > changed["createdTime"] == "2026-01-01T00:00:00Z"
    updated = amazon.search(token, lastUpdatedAfter="2026-01-02T00:00:00Z", includedData="FULFILLMENT").json()["orders"]
    assert [order["fulfillment"]["fulfillmentStatus"] for order in updated] == ["CANCELLED"]
    assert amazon.search(token, createdAfter="2026-01-02T00:00:00Z").json()["orders"] == []


def test_pages_cover_every_order_once_with_the_same_end(amazon: Amazon, seller: Json, token: str) -> None:
    made = amazon.orders(seller, sku="A", count=7)
    query: Json = {"createdAfter": LONG_AGO, "maxResultsPerPage": 3, "marketplaceIds": DE}
    seen, ends, sizes = [], set(), []
    while True:
        body = amazon.search(token, **query).json()
        seen += [order["orderId"] for order in body["orders"]]
        ends.add(body["createdBefore"])
        sizes.append(len(body["orders"]))
        if "pagination" not in body:
            break
        query["paginationToken"] = body["pagination"]["nextToken"]
    assert sizes == [3, 3, 1]
    assert sorted(seen) == sorted(made)
    assert len(ends) == 1


def test_a_page_token_is_bound_to_its_filters_and_lives_a_day(amazon: Amazon, seller: Json, token: str) -> None:
    amazon.control("amazon/settings", {"token_seconds": 10**7})
    token = amazon.access(seller["seller_id"])
    amazon.orders(seller, sku="A", count=3)
    query = {"createdAfter": LONG_AGO, "maxResultsPerPage": 1}
    next_token = amazon.search(token, **query).json()["pagination"]["nextToken"]
    other = amazon.search(token, **query, fulfilledBy="MERCHANT", paginationToken=next_token)
    assert invalid_input(other)
    wider = {"createdAfter": LONG_AGO, "maxResultsPerPage": 50, "includedData": "BUYER", "paginationToken": next_token}
    assert len(amazon.search(token, **wider).json()["orders"]) == 2
    amazon.advance(86401)
    assert invalid_input(amazon.search(token, **query, paginationToken=next_token))


def test_only_the_asked_datasets_are_shown(amazon: Amazon, seller: Json, token: str) -> None:
    line = {"sku": "A", "price": "10", "tax": "1.90", "discount": "1"}
    [order_id] = amazon.orders(seller, lines=[line], status="SHIPPED")
    bare = amazon.search(token, createdAfter=LONG_AGO).json()["orders"][0]
    assert set(bare) == {"orderId", "createdTime", "lastUpdatedTime", "programs", "salesChannel", "orderItems"}
    assert set(bare["orderItems"][0]) == {"orderItemId", "quantityOrdered", "product"}
    some = amazon.search(token, createdAfter=LONG_AGO, includedData="PROCEEDS,TAX").json()["orders"][0]
    assert set(some) - set(bare) == {"proceeds"}
    assert set(some["orderItems"][0]) - set(bare["orderItems"][0]) == {"proceeds", "tax"}
    path = f"/orders/2026-01-01/orders/{order_id}"
    full = amazon.call(token, path, includedData=EVERYTHING).json()["order"]
    assert {"buyer", "recipient", "proceeds", "fulfillment", "packages"} <= set(full)
    assert {"promotion", "fulfillment"} <= set(full["orderItems"][0])


def test_an_order_is_read_by_its_id_and_a_stranger_is_not_found(amazon: Amazon, seller: Json, token: str) -> None:
    [order_id] = amazon.orders(seller, sku="A")
    [foreign] = amazon.orders(amazon.seller(), sku="A")
    read = amazon.call(token, f"/orders/2026-01-01/orders/{order_id}", includedData="BUYER")
    assert read.json()["order"]["orderId"] == order_id
    assert amazon.call(token, f"/orders/2026-01-01/orders/{foreign}").status_code == 404
    assert error_of(amazon.call(token, "/orders/2026-01-01/orders/TEST_CASE_400"))[:2] == (400, "InvalidInput")
    assert invalid_input(amazon.call(token, f"/orders/2026-01-01/orders/{order_id}", includedData="ALL"))


def test_the_ledger_tells_every_call_with_its_status(amazon: Amazon, seller: Json, token: str) -> None:
    amazon.orders(seller, sku="A", count=2)
    amazon.search(token, createdAfter=LONG_AGO, maxResultsPerPage=1)
    amazon.search(token)
    lines = amazon.ledger(system="amazon", effect="amazon.searchOrders", key=seller["seller_id"])
    assert [line["body"]["status"] for line in lines] == [200, 400]
    assert (lines[0]["body"]["orders"], lines[0]["body"]["more"]) == (1, True)
    assert "createdAfter=" in lines[0]["body"]["query"]


# ---- orders that are made ----------------------------------------------------------------------------------------


def one_order(amazon: Amazon, seller: Json, **wish: Any) -> Json:
    [order_id] = amazon.orders(seller, **wish)
    listed = amazon.session.get(f"{amazon.url}/_sandbox/amazon/sellers/{seller['seller_id']}/orders", timeout=5).json()
    found: Json = next(order for order in listed if order["orderId"] == order_id)
    return found


def total(order: Json) -> str:
    return str(order["proceeds"]["grandTotal"]["amount"])


def test_amounts_of_a_made_order_add_up(amazon: Amazon, seller: Json) -> None:
    lines = [
        {"sku": "A", "price": "19.90", "quantity": 2, "tax": "3.10", "shipping": "4", "shipping_tax": "0.50"},
        {"sku": "B", "price": "5", "discount": "1.25", "gift_wrap": "2.50"},
    ]
    order = one_order(amazon, seller, lines=lines)
    assert [item["proceeds"]["proceedsTotal"]["amount"] for item in order["orderItems"]] == ["47.40", "6.25"]
    assert total(order) == "53.65"
    parts = {entry["type"]: entry["subtotal"]["amount"] for entry in order["proceeds"]["breakdowns"]}
    assert parts == {"ITEM": "44.80", "SHIPPING": "4.00", "TAX": "3.60", "GIFT_WRAP": "2.50", "DISCOUNT": "-1.25"}
    assert sum(Decimal(amount) for amount in parts.values()) == Decimal(total(order))
    detail = next(entry for entry in order["orderItems"][0]["proceeds"]["breakdowns"] if entry["type"] == "TAX")
    assert [piece["value"]["amount"] for piece in detail["detailedBreakdowns"]] == ["3.10", "0.50"]
    assert order["orderItems"][0]["tax"]["taxCollections"][0]["model"] == "MARKETPLACE_FACILITATOR"
    assert "tax" not in order["orderItems"][1]


def test_variants_of_made_orders(amazon: Amazon, seller: Json) -> None:
    pending = one_order(amazon, seller, sku="A", status="PENDING")
    assert not {"proceeds", "recipient", "buyer"} & set(pending)
    assert "price" not in pending["orderItems"][0]["product"]
    cancelled = one_order(amazon, seller, sku="A", status="CANCELLED")
    assert "proceeds" not in cancelled
    assert cancelled["orderItems"][0]["cancellation"]["cancellationExecution"]["cancelReason"]
    fba = one_order(amazon, seller, sku="A", status="SHIPPED", fulfilled_by="AMAZON")
    assert fba["fulfillment"]["fulfilledBy"] == "AMAZON"
    assert "packages" not in fba
    pickup = one_order(amazon, seller, sku="A", programs=["IN_STORE_PICK_UP"])
    assert pickup["recipient"]["deliveryAddress"]["companyName"] == "Example Store"
    assert "sellerSku" not in one_order(amazon, seller, sku=None)["orderItems"][0]["product"]
    discount = one_order(amazon, seller, price="10", discount="2", discount_positive=True)
    amounts = [entry["subtotal"]["amount"] for entry in discount["orderItems"][0]["proceeds"]["breakdowns"]]
    assert (amounts, total(discount)) == (["10.00", "2.00"], "8.00")
    assert "tax" not in one_order(amazon, seller, price="10", tax="1", facilitator=False)["orderItems"][0]
    partly = one_order(amazon, seller, quantity=3, status="PARTIALLY_SHIPPED")["orderItems"][0]["fulfillment"]
    assert partly == {"quantityFulfilled": 1, "quantityUnfulfilled": 2}


def test_the_currency_follows_the_marketplace_and_yen_have_no_decimals(amazon: Amazon) -> None:
    shop = amazon.seller(region="fe")
    order = one_order(amazon, shop, price="1980", quantity=2, buyer="例 次郎")
    assert order["proceeds"]["grandTotal"] == {"amount": "3960", "currencyCode": "JPY"}
    assert order["recipient"]["deliveryAddress"]["name"] == order["buyer"]["buyerName"] == "例 次郎"
    assert order["salesChannel"]["marketplaceId"] == JP
    dollars = one_order(amazon, amazon.seller(region="na"), price="5", currency="CAD")
    assert dollars["proceeds"]["grandTotal"] == {"amount": "5.00", "currencyCode": "CAD"}


def test_a_buyer_asks_to_cancel(amazon: Amazon, seller: Json) -> None:
    order = one_order(amazon, seller, sku="A")
    path = f"amazon/sellers/{seller['seller_id']}/orders/{order['orderId']}"
    changed = amazon.control(path, {"cancel_request": "BOUGHT_BY_MISTAKE", "merge": {"programs": ["PRIME"]}})
    assert changed["orderItems"][0]["cancellation"]["cancellationRequest"]["cancelReason"] == "BOUGHT_BY_MISTAKE"
    assert changed["programs"] == ["PRIME"]


def test_a_foreign_order_is_stored_as_it_is_even_if_hostile(amazon: Amazon, seller: Json, token: str) -> None:
    order = {"orderId": "302-1234567-1234567", "createdTime": "not a time", "buyer": {"buyerName": "a\u0000\u202eb😀"}}
    amazon.orders(seller, orders=[order])
    assert amazon.search(token, createdAfter=LONG_AGO, includedData="BUYER").json()["orders"] == [order]


@pytest.mark.parametrize(
    "wish",
    [
        {"colour": "red"},
        {"lines": [{"sku": "A", "colour": "red"}]},
        {"price": "1,99"},
        {"price": "NaN"},
        {"status": "Shipped"},
        {"marketplace": "X"},
        {"count": 0},
        {"orders": [{}]},
    ],
)
def test_a_wish_for_orders_that_makes_no_sense_is_refused(amazon: Amazon, seller: Json, wish: Json) -> None:
    url = f"{amazon.url}/_sandbox/amazon/sellers/{seller['seller_id']}/orders"
    answer = amazon.session.post(url, json=wish, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "wish"),
    [
        ("sellers", {"region": "mars"}),
        ("sellers", {"region": "eu", "marketplaces": [US]}),
        ("sellers", {"seller_id": "../x"}),
        ("sellers/NOBODY/state", {"active": False}),
        ("settings", {"speed": 1}),
        ("pairs", {}),
    ],
)
def test_nonsense_at_the_switches_is_refused(amazon: Amazon, path: str, wish: Json) -> None:
    answer = amazon.session.post(f"{amazon.url}/_sandbox/amazon/{path}", json=wish, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_sellers_tokens_and_orders_survive_a_restart(tmp_path: Path) -> None:
    with create_sandbox({"data": tmp_path}) as sandbox, requests.Session() as session:
        first = Amazon(sandbox, session)
        seller = first.seller(name="Kept")
        refresh = first.refresh_token(seller["seller_id"])
        made = first.orders(seller, sku="A", created_at="2026-01-01T00:00:00Z")
    with create_sandbox({"data": tmp_path}) as sandbox, requests.Session() as session:
        second = Amazon(sandbox, session)
        token = second.refresh(refresh).json()["access_token"]
        found = second.search(token, createdAfter=LONG_AGO).json()["orders"]
        assert [order["orderId"] for order in found] == made
        assert second.seller()["seller_id"] != seller["seller_id"]


# ---- contract ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def contracts() -> Path:
    folder = (
        Path(os.environ.get("CONTRACTS_DIR") or Path(__file__).resolve().parents[4] / "shared" / "specs") / "amazon"
    )
    if not folder.is_dir():
        pytest.skip(f"the vendor's contracts are not there: {folder}")
    return folder


Check = Callable[[str, str, Any], None]


@pytest.fixture(scope="module")
def check(contracts: Path) -> Check:
    models = {
        name: json.loads((contracts / f"{name}.json").read_text("utf-8")) for name in ("orders_2026-01-01", "sellers")
    }

    def validate(model: str, definition: str, value: Any) -> None:
        schema = {"$ref": f"#/definitions/{definition}", "definitions": models[model]["definitions"]}
        jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker()).validate(value)
        _only_known_fields(value, {"$ref": f"#/definitions/{definition}"}, models[model]["definitions"])

    return validate


def _only_known_fields(value: Any, schema: Json, definitions: Json) -> None:
    """A JSON schema lets strange fields pass; here a field that the contract does not name is a mistake."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rsplit("/", 1)[1]]
    if isinstance(value, dict):
        assert set(value) <= set(schema["properties"]), f"unknown fields: {set(value) - set(schema['properties'])}"
        for name, inner in value.items():
            _only_known_fields(inner, schema["properties"][name], definitions)
    elif isinstance(value, list):
        for inner in value:
            _only_known_fields(inner, schema["items"], definitions)


@pytest.mark.contracts
@pytest.mark.parametrize(
    "wish",
    [
        {"sku": "A"},
        {
            "lines": [
                {"sku": "A", "tax": "1", "shipping": "3", "shipping_tax": "1", "discount": "2", "gift_wrap": "1"},
                {},
            ]
        },
        {"sku": None, "status": "PENDING"},
        {"status": "CANCELLED", "quantity": 2},
        {"status": "PARTIALLY_SHIPPED", "quantity": 3},
        {"status": "SHIPPED", "fulfilled_by": "AMAZON"},
        {"status": "SHIPPED", "programs": ["PRIME"]},
        {"programs": ["IN_STORE_PICK_UP"], "channel": "NON_AMAZON"},
    ],
)
@pytest.mark.parametrize(("region", "marketplace"), [("eu", DE), ("eu", UK), ("na", US), ("fe", JP)])
def test_made_orders_are_valid_by_the_contract(
    amazon: Amazon, check: Check, wish: Json, region: str, marketplace: str
) -> None:
    made = amazon.seller(region=region, marketplaces=[marketplace])
    amazon.state(made, visible_lag_seconds=0)
    token = amazon.access(made["seller_id"])
    [order_id] = amazon.orders(made, **wish)
    body = amazon.search(token, region, createdAfter=LONG_AGO, includedData=EVERYTHING).json()
    assert len(body["orders"]) == 1
    check("orders_2026-01-01", "SearchOrdersResponse", body)
    read = amazon.call(token, f"/orders/2026-01-01/orders/{order_id}", region, includedData=EVERYTHING).json()
    check("orders_2026-01-01", "GetOrderResponse", read)


@pytest.mark.contracts
def test_other_answers_are_valid_by_the_contract(amazon: Amazon, seller: Json, token: str, check: Check) -> None:
    amazon.orders(seller, sku="A", count=2)
    check(
        "orders_2026-01-01",
        "SearchOrdersResponse",
        amazon.search(token, createdAfter=LONG_AGO, maxResultsPerPage=1).json(),
    )
    for refused in (amazon.search(token), amazon.search(None), amazon.call(token, "/orders/2026-01-01/orders/1")):
        check("orders_2026-01-01", "ErrorList", refused.json())
    participations = amazon.call(token, "/sellers/v1/marketplaceParticipations").json()
    check("sellers", "GetMarketplaceParticipationsResponse", participations)
    assert [row["marketplace"]["id"] for row in participations["payload"]] == [DE, UK]


@pytest.mark.contracts
def test_the_vendors_pairs_are_served_as_they_stand(amazon: Amazon, contracts: Path) -> None:
    path = contracts / "sandbox_pairs.json"
    loaded = amazon.control("amazon/pairs", {"path": str(path)})
    assert {region: len(row["order_ids"]) for region, row in loaded.items()} == {"eu": 2, "na": 3, "fe": 1}
    amazon.control("amazon/settings", {"buckets": False})
    tokens = {region: amazon.access(row["seller_id"]) for region, row in loaded.items()}
    listed: dict[str, Json] = {}
    for region, row in loaded.items():
        query = {
            "createdAfter": "2024-12-01T00:00:00Z",
            "marketplaceIds": row["marketplaces"],
            "includedData": EVERYTHING,
        }
        for order in amazon.search(tokens[region], region, **query).json()["orders"]:
            listed[order["orderId"]] = order
    pairs = [pair for pair in json.loads(path.read_text("utf-8")) if pair["model"] == "orders_2026-01-01"]
    for pair in pairs:
        answer = pair["response"]
        if pair["status"] == 200:
            for order in answer.get("orders") or [answer["order"]]:
                assert listed[order["orderId"]] == order
        elif pair["operationId"] == "searchOrders":
            got = amazon.search(tokens["na"], "na", createdAfter=pair["request"]["createdAfter"]["value"])
            assert (got.status_code, got.json()) == (400, answer)
        else:
            got = amazon.call(tokens["na"], f"/orders/2026-01-01/orders/{pair['request']['orderId']['value']}", "na")
            assert (got.status_code, got.json()) == (400, answer)
    assert len(listed) == 6
    order = listed["171-9876543-2109876"]
    read = amazon.call(tokens["na"], "/orders/2026-01-01/orders/171-9876543-2109876", "na", includedData=EVERYTHING)
    assert read.json() == {"order": order}


@pytest.mark.contracts
def test_pairs_can_be_given_to_sellers_that_are_there(amazon: Amazon, contracts: Path) -> None:
    brazil = amazon.seller(region="na", marketplaces=["A2Q3Y263D00KWC", US])
    wish = {"path": str(contracts / "sandbox_pairs.json"), "sellers": {"na": brazil["seller_id"]}}
    assert amazon.control("amazon/pairs", wish)["na"]["seller_id"] == brazil["seller_id"]
