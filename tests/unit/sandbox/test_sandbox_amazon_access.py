"""Who may call the SP-API, how often, and what a refusal looks like."""

from typing import Any

import pytest

from tests.unit.sandbox.seat import DE, LONG_AGO, US, Amazon, Json, denied, error_of


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
