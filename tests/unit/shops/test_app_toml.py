"""What Shopify is told about the app agrees with what the app does."""

import tomllib
from pathlib import Path

from shopapp import jobs
from shopapp.config import REQUIRED_SCOPES
from shopapp.shopify_admin.client import API_VERSION

TOML = tomllib.loads((Path(__file__).resolve().parents[3] / "shopify.app.toml").read_text("utf-8"))


def test_the_scopes_are_those_that_the_app_asks_for() -> None:
    assert TOML["access_scopes"]["scopes"] == REQUIRED_SCOPES
    assert TOML["access_scopes"]["use_legacy_install_flow"] is False


def test_every_subscribed_topic_has_a_handler_and_every_handler_a_subscription() -> None:
    subscribed = set()
    for one in TOML["webhooks"]["subscriptions"]:
        subscribed |= {*one.get("topics", ()), *one.get("compliance_topics", ())}
        assert one["uri"] == "/webhooks/shopify"
    assert subscribed == set(jobs.TOPICS)
    assert TOML["webhooks"]["api_version"] == API_VERSION


def test_the_app_is_embedded() -> None:
    assert TOML["embedded"] is True
