"""Settings: one sentence when something is missing, short or an example; never the value itself."""

from __future__ import annotations

import secrets

import pytest

from shopapp.config import Config, ConfigError
from shopapp.keys import fresh_key

GOOD = {
    "SHOPIFY_API_KEY": "key",
    "SHOPIFY_API_SECRET": secrets.token_hex(16),
    "APP_URL": "https://app.shop.test",
    "SECRET_KEY": secrets.token_hex(32),
    "ENCRYPTION_KEY": fresh_key(),
}


def test_good_settings_are_accepted_and_defaults_filled_in() -> None:
    config = Config.load(GOOD)
    assert config.database_url.startswith("sqlite:////")
    assert config.redis_url.startswith("unix:///")
    assert config.number("SETTLE_SECONDS") == 90
    assert config.app_handle == "key"


@pytest.mark.parametrize("name", ["SHOPIFY_API_KEY", "SHOPIFY_API_SECRET", "APP_URL", "SECRET_KEY", "ENCRYPTION_KEY"])
def test_a_missing_setting_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Config.load({**GOOD, name: ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "tiny5"),
        ("SECRET_KEY", "changeme" * 8),
        ("SECRET_KEY", "a" * 64),
        ("SHOPIFY_API_SECRET", "x"),
        ("SHOPIFY_API_SECRET", "example-example-example"),
        ("ENCRYPTION_KEY", "not base64 at all"),
        ("ENCRYPTION_KEY", "A" * 43 + "="),
        ("ENCRYPTION_KEY", "c2hvcnQ="),
        ("APP_URL", "http://shop.test"),
        ("APP_URL", "https://shop.test/"),
        ("APP_URL", "ftp://shop.test"),
        ("APP_NAME", "a name that is far too long for the navigation"),
        ("TIME_SCALE", "10"),
        ("TIME_SCALE", "fast"),
        ("PLAN_LIMITS", "starter"),
        ("MAIL_PORT", "smtp"),
    ],
)
def test_an_unsafe_or_wrong_setting_is_refused_in_one_sentence_without_its_value(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as failure:
        Config.load({**GOOD, name: value})
    said = str(failure.value)
    assert said.count(".") >= 1
    assert "\n" not in said
    if name in ("SECRET_KEY", "ENCRYPTION_KEY", "SHOPIFY_API_SECRET"):
        assert value not in said


def test_the_secret_key_must_differ_from_the_client_secret() -> None:
    same = secrets.token_hex(32)
    with pytest.raises(ConfigError, match="differ"):
        Config.load({**GOOD, "SECRET_KEY": same, "SHOPIFY_API_SECRET": same})


def test_several_encryption_keys_are_read_newest_first() -> None:
    new, old = fresh_key(), fresh_key()
    assert Config.load({**GOOD, "ENCRYPTION_KEY": f"{new}, {old}"}).encryption_keys == (new, old)


def test_time_may_run_faster_only_when_every_remote_is_on_this_machine() -> None:
    loopback = {
        "SHOPIFY_LOOPBACK": "127.0.0.1:8001",
        "AMAZON_API_BASE": "http://127.0.0.1:8001/a",
        "AMAZON_TOKEN_URL": "http://127.0.0.1:8001/t",
        "FX_RATES_URL": "http://127.0.0.1:8001/fx",
    }
    assert Config.load({**GOOD, **loopback, "TIME_SCALE": "10"}).scale == 10
    with pytest.raises(ConfigError, match="loopback"):
        Config.load({**GOOD, **loopback, "TIME_SCALE": "10", "AMAZON_API_BASE": "https://api.market.test"})


def test_postgres_addresses_use_the_driver_we_ship() -> None:
    assert Config.load({**GOOD, "DATABASE_URL": "postgres://u@h/d"}).database_url == "postgresql+psycopg://u@h/d"


def test_secrets_do_not_show_in_the_representation() -> None:
    assert GOOD["SECRET_KEY"] not in repr(Config.load(GOOD))
    assert "hush-hush" not in repr(Config.load({**GOOD, "AMAZON_CLIENT_SECRET": "hush-hush"}).keys_of("amazon"))
