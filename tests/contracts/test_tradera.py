"""Every request to Tradera, and every answer of its stand-in, against the vendor's examples: names, kinds and values.

The vendor's contract for this API lies here as examples, not as a schema. What an example shows is the shape: an object
has its names and no others, a list holds what its first element shows, null stands for "may be null".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from marketplaces import errors
from tests.channels.calls import CALLS, all_changes, changed_since
from tests.channels.double import as_list, contracts, played, vectors
from tests.sandbox.server import Sandbox, create_sandbox
from tests.sandbox.tradera.members import APP_ID, APP_KEY, PUBLIC_KEY

pytestmark = pytest.mark.contracts
ORDERS = "GET /v4/orders"
SHIP = "POST /v4/orders/10187/ship"
TOKEN = "POST /v4/auth/token"
RESULTS = "GET /v4/listings/request-results?requestIds=9001&requestIds=9002"
PRICES, QUANTITIES = "PUT /v4/listings/shop-items/prices", "PUT /v4/listings/shop-items/quantities"


@pytest.fixture(scope="module")
def examples() -> dict[str, Any]:
    folder = contracts()
    assert folder is not None
    told: dict[str, Any] = json.loads((folder / "tradera" / "v4-fixtures.json").read_text("utf-8"))
    return told | told["login"]


def differences(said: Any, shape: Any, where: str = "", *, fewer: bool = False) -> list[str]:
    """Where `said` is not of the shape of an example. `fewer`: it may leave names out that can be null."""
    if shape is None or said is None:
        return []
    if isinstance(shape, dict):
        if not isinstance(said, dict):
            return [f"{where}: no object"]
        lacking = [] if fewer else [f"{where}.{name}: missing" for name in shape.keys() - said.keys()]
        more = [f"{where}.{name}: not known" for name in said.keys() - shape.keys()]
        inside = [
            differences(said[name], shape[name], f"{where}.{name}", fewer=fewer) for name in said.keys() & shape.keys()
        ]
        return lacking + more + [one for some in inside for one in some]
    if isinstance(shape, list):
        if not isinstance(said, list):
            return [f"{where}: no list"]
        if not shape:
            return []
        return [one for row in said for one in differences(row, shape[0], f"{where}[]", fewer=fewer)]
    if type(said) is not type(shape):
        return [f"{where}: {type(said).__name__} instead of {type(shape).__name__}"]
    return []


def test_what_differs_from_an_example_is_seen() -> None:
    shape = {"a": 1, "b": [{"c": "x"}], "d": None}
    assert differences({"a": 2, "b": [], "d": 5}, shape) == []
    for wrong in (
        {"a": 1, "b": []},
        {**shape, "e": 1},
        {**shape, "a": "1"},
        {**shape, "b": [{"c": 1}]},
        [],
        {**shape, "b": {}},
    ):
        assert differences(wrong, shape)


def _parts(request: bytes) -> tuple[str, str, dict[str, list[str]], dict[str, str], Any]:
    head, _, body = request.partition(b"\r\n\r\n")
    method, path = head.decode().split(" ")[:2]
    lines = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
    url = urlsplit(path)
    headers = {name.lower(): value for name, value in lines}
    return method, url.path.removeprefix("/tradera"), parse_qs(url.query), headers, json.loads(body) if body else None


def _requests_of(call: str) -> Iterator[tuple[str, str, dict[str, list[str]], dict[str, str], Any]]:
    with played("tradera", *CALLS[call].good("tradera")) as play:
        CALLS[call].make(play)
        sent = [_parts(one) for one in play.server.requests]
    yield from sent


def test_orders_are_asked_for_as_in_the_example(examples: dict[str, Any]) -> None:
    ((method, path, query, headers, body),) = _requests_of("search_orders")
    assert (f"{method} {path}", body) == (ORDERS, None)
    known = examples[ORDERS]["query"]
    assert query.keys() == known.keys()
    assert all(len(query[name][0]) == len(str(known[name])) for name in known)
    assert {"x-app-id", "x-app-key", "x-user-id", "x-user-token"} <= headers.keys()


def test_the_token_is_fetched_as_in_the_example(examples: dict[str, Any]) -> None:
    ((method, path, _, headers, body),) = _requests_of("finish_login")
    assert f"{method} {path}" == TOKEN
    assert differences(body, examples[TOKEN]["request"]) == []
    assert len(body["secretKey"]) == len(examples[TOKEN]["request"]["secretKey"])
    assert "x-user-token" not in headers


def test_the_login_leaves_with_the_parameters_of_the_example(examples: dict[str, Any]) -> None:
    with played("tradera", b"") as play:
        address = urlsplit(play.channel.login_url(play.login()))
    known = urlsplit(examples["redirect"])
    assert address.path.endswith(known.path)
    assert parse_qs(address.query).keys() == parse_qs(known.query).keys()
    for back in (examples["accept_option2"], examples["reject"]):
        args = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
        with played("tradera", b"") as play:
            assert play.channel.state_of(args) == "opaque"


def test_a_shipment_is_told_as_in_the_example(examples: dict[str, Any]) -> None:
    ((method, path, query, _, body),) = _requests_of("confirm_shipment")
    assert (f"{method} {path}", query, body) == (SHIP, {}, None)


@pytest.mark.parametrize("call", ["push", "push_document"])
def test_prices_and_quantities_are_told_as_in_the_examples(examples: dict[str, Any], call: str) -> None:
    sent = list(_requests_of(call))
    assert {f"{method} {path}" for method, path, *_ in sent} == {PRICES, QUANTITIES}
    for method, path, _, _, body in sent:
        assert differences(body, examples[f"{method} {path}"]["request"]) == []
    assert all_changes("tradera")


def test_results_are_asked_for_as_in_the_example() -> None:
    ((method, path, query, _, _),) = _requests_of("document_results")
    known = urlsplit(RESULTS.partition(" ")[2])
    assert (method, path) == ("GET", known.path)
    assert query.keys() == parse_qs(known.query).keys()


def test_the_examples_themselves_are_understood(examples: dict[str, Any]) -> None:
    orders = examples[ORDERS]["response"]
    with played("tradera", {"body": orders}) as play:
        found = play.channel.search_orders(play.line(), changed_since(play)).orders
    assert [(one.order_id, one.state.value, str(one.total)) for one in found] == [  # type: ignore[union-attr]
        ("10187", "ready", "667.00 SEK"),
        ("10188", "payment", "169.00 SEK"),
    ]
    for name, row in examples["errors"].items():
        answer = {"status": row["status"], "body": row["body"]}
        with played("tradera", answer) as play, pytest.raises(errors.RemoteError) as caught:
            play.channel.search_orders(play.line(), changed_since(play))
        assert "unknown shape" not in str(caught.value), name


# --- the stand-in -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with create_sandbox({"data": tmp_path_factory.mktemp("tradera"), "bucket_factor": "100"}) as running:
        yield running


class Seat:
    """An application with a member's token, speaking to the stand-in."""

    def __init__(self, box: Sandbox) -> None:
        self.url = f"{box.url}/tradera"
        self.control = f"{box.url}/_sandbox/tradera"
        self.http = requests.Session()
        self.app = {"X-App-Id": APP_ID, "X-App-Key": APP_KEY}
        self.member = self.http.post(f"{self.control}/sellers", json={}, timeout=20).json()["seller_id"]
        self.key = f"key-of-one-login-{self.member:0>20}"
        login = {"appId": APP_ID, "pkey": PUBLIC_KEY, "skey": self.key, "ruparams": "state=opaque"}
        back = self.http.post(
            f"{self.url}/token-login", params=login, data={"seller": self.member}, timeout=20, allow_redirects=False
        )
        self.back = back.headers["Location"]
        told = self.http.post(
            f"{self.url}/v4/auth/token",
            json={"userId": int(self.member), "secretKey": self.key},
            headers=self.app,
            timeout=20,
        )
        self.token = told.json()
        self.user = self.app | {"X-User-Id": self.member, "X-User-Token": self.token["authToken"]}

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.http.request(
            method, f"{self.url}/v4{path}", headers=more.pop("headers", self.user), timeout=20, **more
        )


@pytest.fixture
def seat(box: Sandbox) -> Iterator[Seat]:
    made = Seat(box)
    yield made
    made.http.close()


def test_the_stand_ins_login_is_that_of_the_example(seat: Seat, examples: dict[str, Any]) -> None:
    assert differences(seat.token, examples[TOKEN]["response"]) == []
    known = parse_qs(urlsplit(examples["accept_option2"]).query)
    told = parse_qs(urlsplit(seat.back).query)
    assert told.keys() == known.keys()
    assert told["state"] == known["state"]
    me, example = seat.ask("GET", "/users/me").json(), examples["GET /v4/users/me"]["response"]
    assert differences({name: me[name] for name in example}, example) == []


def test_the_stand_ins_orders_are_those_of_the_example(seat: Seat, examples: dict[str, Any]) -> None:
    seat.http.post(f"{seat.control}/sellers/{seat.member}/orders", json={"price": 10, "shipping": 5}, timeout=20)
    auction = {"type": "auction", "price": 20, "sku": None}
    seat.http.post(f"{seat.control}/sellers/{seat.member}/orders", json=auction, timeout=20)
    window = {"fromDate": "2020-01-01T00:00:00Z", "toDate": "2090-01-01T00:00:00Z", "queryDateMode": 1}
    told = seat.ask("GET", "/orders", params=window).json()
    assert len(told) == 2
    assert differences(told, examples[ORDERS]["response"], fewer=True) == []
    number = told[0]["orderId"]
    assert differences(seat.ask("GET", f"/orders/{number}").json(), examples[ORDERS]["response"], fewer=True) == []
    assert seat.ask("POST", f"/orders/{number}/ship").json() == {"orderId": number}
    assert examples[SHIP]["response"].keys() == {"orderId"}


def test_the_stand_ins_items_are_pushed_to_as_in_the_examples(seat: Seat, examples: dict[str, Any]) -> None:
    made = seat.http.post(f"{seat.control}/sellers/{seat.member}/listings", json={"sku": "A"}, timeout=20).json()
    seat.http.post(f"{seat.control}/sellers/{seat.member}/state", json={"price_seconds": 0}, timeout=20)
    bad = {"id": 999, "price": 1}
    queued = seat.ask(
        "PUT", "/listings/shop-items/prices", json={"shopItems": [{"id": made["id"], "price": 9}, bad]}
    ).json()
    assert differences(queued, examples[PRICES]["response"]) == []
    assert len(queued["queuedRequestResponses"]) == len(queued["validationErrors"]) == 1
    items = {"shopItems": [{"id": made["id"], "quantity": 3}]}
    assert (
        differences(
            seat.ask("PUT", "/listings/shop-items/quantities", json=items).json(), examples[QUANTITIES]["response"]
        )
        == []
    )
    number = queued["queuedRequestResponses"][0]["requestId"]
    results = seat.ask("GET", "/listings/request-results", params={"requestIds": [number, number + 1]}).json()
    assert differences(results, examples[RESULTS]["response"]) == []
    assert [one["requestId"] for one in results] == [number]


def test_the_stand_ins_refusals_have_the_shape_of_the_examples(seat: Seat, examples: dict[str, Any]) -> None:
    shape = examples["errors"]["401_app"]["body"]
    wrong = {**seat.user, "X-User-Token": "another"}
    for headers, path, status in (
        ({**seat.user, "X-App-Key": "wrong"}, "/users/me", 401),
        (wrong, "/users/me", 403),
        (seat.user, "/orders/1", 404),
        (seat.user, "/orders?fromDate=2026-02-01&toDate=2026-01-01", 400),
    ):
        told = seat.ask("GET", path, headers=headers)
        assert told.status_code == status
        assert differences(told.json(), shape) == []
        known = [row["body"]["error"]["code"] for row in examples["errors"].values() if row["status"] == status]
        assert told.json()["error"]["code"] in known


def test_the_fixtures_of_the_contract_are_here() -> None:
    folder = contracts()
    assert folder is not None
    assert Path(folder, "tradera", "v4-fixtures.json").is_file()
    assert as_list(vectors("tradera", "channel")["identity"])
