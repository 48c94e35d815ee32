"""Settings: one sentence when something is missing, short or an example; never the value itself."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from shopapp.config import KNOWN, Config, ConfigError
from shopapp.keys import fresh_key
from tests.stage.settings import GOOD


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
        ("MAIL_PORT", "0"),
        ("MAIL_PORT", "70000"),
        ("MAIL_USE_TLS", "maybe"),
        ("MAIL_USE_SSL", "2"),
        ("MAIL_SERVER", "smtp://mail.test"),
        ("MAIL_FROM", "nobody"),
        ("MAIL_FROM", "a@b.test\nBcc: c@d.test"),
        ("MAIL_PASSWORD", "without-a-user"),
        ("OPERATOR_EMAIL", "nobody"),
        ("SHOPIFY_API_KEY", "two words"),
        ("SHOPIFY_API_KEY", "your-client-id"),
        ("SHOPIFY_API_SECRET_OLD", "x"),
        ("SHOPIFY_API_SECRET_OLD", "example-example-example"),
        ("APP_URL", "https://["),
        ("APP_URL", "https://two words.test"),
        ("APP_URL", "https://app.test/below"),
        ("APP_URL", "https://app.test?x=1"),
        ("APP_URL", "https://user:word@app.test"),
        ("APP_HANDLE", "a/b"),
        ("ENCRYPTION_KEY", ","),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "mysql://u@h/d"),
        ("DATABASE_URL", "postgresql://h:port/d"),
        ("DATABASE_URL", "sqlite://"),
        ("REDIS_URL", "nonsense"),
        ("REDIS_URL", "http://h"),
        ("REDIS_URL", "redis://h:port"),
        ("SHOPAPP_DATA", "/data/\x00x"),
        ("AMAZON_API_BASE", "https://["),
        ("AMAZON_DRAFT", "maybe"),
        ("EBAY_VERIFICATION_TOKEN", "short"),
        ("EBAY_FULFILLMENT_A_DAY", "many"),
        ("EBAY_INVENTORY_A_DAY", "-5"),
        ("MIRAKL_OFFERED", "0"),
        ("TRADERA_DAILY_CALLS", "0"),
        ("ADMIN_ORIGIN", "https://admin.shopify.com/"),
        ("POLARIS_URL", "nonsense"),
        ("FX_RATES_URL", "https://["),
        ("SHOPIFY_LOOPBACK", "127.0.0.1"),
        ("TIME_SCALE", "0"),
        ("TIME_SCALE", "nan"),
        ("TIME_EPOCH", "soon"),
        ("TIME_EPOCH", "inf"),
        ("POLL_SECONDS", "1.5"),
        ("POLL_SECONDS", "0"),
        ("SETTLE_SECONDS", "-1"),
        ("MAIL_WAIT_SECONDS", "-1"),
        ("PLAN_WARN_PERCENT", "0"),
        ("PLAN_LIMITS", "starter=-1"),
        ("PURGE_DONE_DAYS", "-1"),
        ("PURGE_MAX_DAYS", "9" * 5000),
        ("KEEP_HISTORY_DAYS", "abc"),
        ("TRUSTED_PROXIES", "abc"),
        ("TRUSTED_PROXIES", "-1"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_an_unsafe_or_wrong_setting_is_refused_in_one_sentence_without_its_value(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as failure:
        Config.load({**GOOD, name: value})
    said = str(failure.value)
    assert name in said or name == "MAIL_PASSWORD"
    assert said.count(".") >= 1
    assert "\n" not in said
    if KNOWN[name].secret and len(value) > 1:
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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAIL_FROM", "Alerts <alerts@shop.test>"),
        ("MAIL_USE_TLS", "False"),
        ("LOG_LEVEL", "debug"),
        ("APP_URL", "http://localhost:8000"),
        ("APP_NAME", "Café Nord"),
        ("REDIS_URL", "rediss://user:p%40ss@queue.test:6380/2"),
        ("DATABASE_URL", "postgresql://user:p@ss@h:5432/d?sslmode=require"),
        ("AMAZON_API_BASE", "https://api-{region}.market.test/v1"),
        ("PLAN_LIMITS", " starter = 1000 , growth=5000,"),
        ("EBAY_FULFILLMENT_A_DAY", "2500000"),
        ("TRADERA_DAILY_CALLS", "10000"),
        ("SHOPAPP_DATA", "/srv/my data"),
    ],
)
def test_what_makes_sense_is_taken(name: str, value: str) -> None:
    assert Config.load({**GOOD, name: value})[name] == value.strip()


@pytest.mark.parametrize("folder", ["my data", "a=b", "50%", "über"])
def test_the_queue_listens_where_its_clients_can_read_the_path(folder: str) -> None:
    """The queue tells its clients the path unquoted, in a line of words: with a space in it, no worker starts."""
    config = Config.load({**GOOD, "SHOPAPP_DATA": f"/srv/{folder}"})
    assert folder not in config.redis_url
    assert Config.load({**GOOD, "SHOPAPP_DATA": "/srv/data"}).queue_socket == Path("/srv/data/queue.sock")


def test_secrets_do_not_show_in_the_representation() -> None:
    assert GOOD["SECRET_KEY"] not in repr(Config.load(GOOD))
    assert "hush-hush" not in repr(Config.load({**GOOD, "AMAZON_CLIENT_SECRET": "hush-hush"}).keys_of("amazon"))
