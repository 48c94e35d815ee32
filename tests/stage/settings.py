"""The settings of the application under test: every remote is the sandbox, secrets are random for each run."""

from __future__ import annotations

import secrets
from pathlib import Path

from shopapp.config import Config
from shopapp.keys import fresh_key
from tests.stage.box import Box

SECRET_KEY = secrets.token_hex(32)
ENCRYPTION_KEY = fresh_key()
# The least that a configuration needs.
GOOD = {
    "SHOPIFY_API_KEY": "key",
    "SHOPIFY_API_SECRET": secrets.token_hex(16),
    "APP_URL": "https://app.shop.test",
    "SECRET_KEY": SECRET_KEY,
    "ENCRYPTION_KEY": ENCRYPTION_KEY,
}


def settings_for(data: Path, database: str, queue_url: str, box: Box, **other: str) -> Config:
    """A checked configuration; `other` replaces single settings."""
    env = {
        "SHOPIFY_API_KEY": box.api_key,
        "SHOPIFY_API_SECRET": box.api_secret,
        "APP_URL": box.app_url,
        "DATABASE_URL": database,
        "REDIS_URL": queue_url,
        "SHOPAPP_DATA": str(data),
        "SECRET_KEY": SECRET_KEY,
        "ENCRYPTION_KEY": ENCRYPTION_KEY,
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": str(box.smtp_port),
        "MAIL_USE_TLS": "0",
        "MAIL_FROM": "alerts@shopapp.test",
        "OPERATOR_EMAIL": "operator@shopapp.test",
        **box.app_settings,
        "APP_BRIDGE_URL": f"{box.url}/cdn/app-bridge.js",
        "POLARIS_URL": f"{box.url}/cdn/polaris-1.js",
        "ADMIN_ORIGIN": box.url,
        "FX_RATES_URL": f"{box.url}/fx/eurofxref-daily.xml",
        "SHOPIFY_LOOPBACK": box.url.removeprefix("http://"),
        "LOG_LEVEL": "WARNING",
    }
    return Config.load(env | other)
