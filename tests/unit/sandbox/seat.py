"""What the sandbox's unit tests share: asking for the rates, and a person at Amazon who also holds an app's tokens."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from tests.sandbox.server import Sandbox

APPLICATION = "amzn1.sp.solution.sandbox"
CLIENT = {"client_id": "amzn1.application-oa2-client.sandbox", "client_secret": "sandbox-amazon-secret"}
RETURN = "http://localhost:8000/login/return/amazon"
DE, UK, US, JP = "A1PA6795UKMFR9", "A1F83G8C2ARO7P", "ATVPDKIKX0DER", "A1VC38T7YXB528"
LONG_AGO = "2020-01-01T00:00:00Z"
EVERYTHING = (
    "BUYER,RECIPIENT,PROCEEDS,EXPENSE,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES,TAX,PAYMENT,FULFILLMENT_ORDERS"
)
Json = dict[str, Any]
Lines = Callable[..., list[Json]]
RATES = "/fx/eurofxref-daily.xml"


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


def error_of(answer: requests.Response) -> tuple[int, str, str, str]:
    error = answer.json()["errors"][0]
    return answer.status_code, error["code"], error["message"], error.get("details", "(none)")


def denied(details: str) -> tuple[int, str, str, str]:
    return 403, "Unauthorized", "Access to requested resource is denied.", details


def invalid_input(answer: requests.Response) -> bool:
    return error_of(answer)[:3] == (400, "InvalidInput", "Invalid Input")


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


def rates(sandbox: Sandbox, timeout: float = 5) -> requests.Response:
    return requests.get(sandbox.url + RATES, timeout=timeout, headers={"Connection": "close"})
