"""Logs: one JSON object a line, with context, and nothing secret or personal in it."""

from __future__ import annotations

import json
import logging

import pytest

from shopapp.logs import JsonFormatter, configure, context, event, redact

SECRETS = [
    "Atza|IwEBIabc.def-123",
    "Atzr|IwEBIxyz/+=",
    "shpat_0123456789abcdef",
    "eyJhbGciOi.eyJzdWIi.c2ln",
    "anna.buyer+1@shop.test",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_and_addresses_are_masked_wherever_they_stand(secret: str) -> None:
    assert secret not in redact(f"before {secret} after")


@pytest.mark.parametrize(
    "text",
    ["/accounts?id_token=abc123&x=1", "refresh_token=abc123", '{"client_secret": "abc123"}', "Authorization: Bearer abc123",
     "spapi_oauth_code=abc123", "state: abc123", "/mail-link/confirm/1795392883-abc123", "/mail-link/unsubscribe/u.c.abc123"],
)  # fmt: skip
def test_named_secrets_are_masked(text: str) -> None:
    assert "abc123" not in redact(text)


def test_order_ids_skus_and_domains_stay_readable() -> None:
    text = "order 304-8812345-2217755 sku LAMP-01 shop blue-lamp.myshopify.com"
    assert redact(text) == text


def test_a_line_is_json_with_context_and_a_masked_trace() -> None:
    logger = logging.getLogger("tests.logs")
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(JsonFormatter().format(record))

    handler = Keep()
    logger.addHandler(handler)
    logger.setLevel("INFO")
    try:
        with context(shop="blue-lamp", job="poll"):
            event(logger, "polled", orders=3, mail="anna@shop.test")
            try:
                raise ValueError("token Atza|hidden")
            except ValueError:
                logger.exception("crashed")
    finally:
        logger.removeHandler(handler)
    first, second = (json.loads(line) for line in lines)
    assert (first["event"], first["shop"], first["job"], first["orders"]) == ("polled", "blue-lamp", "poll", 3)
    assert first["mail"] == "[e-mail]"
    assert "hidden" not in second["trace"]
    assert "ValueError" in second["trace"]


def test_no_library_prints_rows_or_requests_even_when_everything_is_logged() -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        configure("DEBUG")
        for name in ("sqlalchemy.engine", "sqlalchemy.pool", "urllib3.connectionpool", "rq.worker", "httpx"):
            assert not logging.getLogger(name).isEnabledFor(logging.INFO), name
        assert logging.getLogger("shopapp.orders").isEnabledFor(logging.DEBUG)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
