"""What a person sees when something failed: what, why, what next, and nothing of our insides."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import abort
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import RequestEntityTooLarge

from shopapp.web.errors import TEXTS
from tests.web.desk import Desk

SECRET = "the password of the database"


@pytest.fixture
def failing(desk: Desk) -> Desk:
    """The app with pages that fail."""

    def fail(how: str) -> str:
        match how:
            case "bug":
                raise RuntimeError(SECRET)
            case "database":
                raise OperationalError(SECRET, {}, Exception(SECRET))
            case "large":
                raise RequestEntityTooLarge
            case _:
                abort(int(how))

    desk.app.add_url_rule("/orders/fail/<how>", "fail", fail)
    return desk


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_an_error_page_says_what_why_and_what_next(failing: Desk, status: int) -> None:
    page = failing.get(f"/orders/fail/{status}")
    assert page.status == status
    for text in TEXTS[status]:
        assert text in page.text
    assert page.tags("s-app-nav")
    assert "/" in page.links


def test_every_error_page_has_the_scripts_in_the_order_the_admin_wants(failing: Desk) -> None:
    html = failing.get("/orders/fail/404").html
    order = [html.index(mark) for mark in ("shopify-api-key", "app-bridge.js", "polaris-1.js", "relay.js")]
    assert order == sorted(order)
    assert html.index("<script") == html.index('<script src="http://127.0.0.1:9/cdn/app-bridge.js"></script>')


def test_a_status_without_words_of_its_own_borrows_those_of_its_family(failing: Desk) -> None:
    assert failing.get("/orders/fail/418").status == 418
    assert "Not understood" in failing.get("/orders/fail/418").text
    assert failing.get("/orders/fail/502").status == 502


@pytest.mark.parametrize(("how", "status"), [("bug", 500), ("database", 503)])
def test_our_own_failure_shows_a_reference_that_is_in_the_log_and_no_trace(
    failing: Desk, caplog: pytest.LogCaptureFixture, how: str, status: int
) -> None:
    logging.getLogger("shopapp.web.errors").addHandler(caplog.handler)
    page = failing.get(f"/orders/fail/{how}")
    assert page.status == status
    assert SECRET not in page.html
    assert "Traceback" not in page.html
    assert "RuntimeError" not in page.html
    assert "Reference for support:" in page.text
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]


def test_a_form_that_is_too_large_says_so(failing: Desk) -> None:
    page = failing.get("/orders/fail/large")
    assert page.status == 413
    assert "At most 1 MB" in page.text


def test_an_address_nobody_knows_is_a_page_not_a_bare_line(desk: Desk) -> None:
    page = desk.get("/nothing/here")
    assert page.status == 404
    assert page.tags("s-page", heading="Not found")


def test_error_pages_speak_the_merchants_language(desk: Desk) -> None:
    desk.language = "de"
    assert desk.get("/nothing").tags("html", lang="de")


def test_what_the_script_shows_when_offline_comes_from_the_server(desk: Desk) -> None:
    html = desk.get("/help").html
    for mark in ("relay-offline", "relay-failed"):
        assert f'<template id="{mark}">' in html


class BrokenChunk(Exception):
    """What a server of ours may raise while a body is read: none of Python's own errors."""


class Broken:
    def read(self, *_: Any) -> bytes:
        raise BrokenChunk("size zz")


@pytest.mark.parametrize(
    "path", ["/settings", "/orders/retry", "/listings/skus/import", "/notices/ebay", "/webhooks/shopify"]
)
def test_a_body_that_the_server_cannot_make_out_is_the_senders_fault(desk: Desk, path: str) -> None:
    sent = {"wsgi.input": Broken(), "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    kinds = {"/listings/skus/import": "multipart/form-data; boundary=b"}
    headers = desk.headers | {"Content-Type": kinds.get(path, "application/x-www-form-urlencoded")}
    answer = desk.client.post(path, headers=headers, environ_overrides=sent)
    assert answer.status_code == 400
    assert "size zz" not in answer.text


def test_a_method_that_is_not_taken_is_answered_with_those_that_are(desk: Desk) -> None:
    answer = desk.client.put("/settings", headers=desk.headers)
    assert answer.status_code == 405
    assert {"GET", "POST"} <= set(answer.allow)
    assert desk.client.get("/webhooks/shopify").headers["Allow"] == "OPTIONS, POST"
