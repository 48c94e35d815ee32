"""Owns what a sandbox is started with, from arguments or the environment.

Most of it can be changed while it runs, through /_sandbox/settings.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path

from tests.sandbox.clock import parse_instant


@dataclass
class Settings:
    """Everything with a default; secrets are the sandbox's own and open to everyone."""

    data: Path
    port: int = 0
    smtp_port: int = 0
    app_url: str = "http://localhost:8000"
    app_toml: str = str(Path(__file__).resolve().parents[2] / "shopify.app.toml")
    api_key: str = "sandbox-api-key"
    api_secret: str = "sandbox-api-secret"
    amazon_application_id: str = "amzn1.sp.solution.sandbox"
    amazon_client_id: str = "amzn1.application-oa2-client.sandbox"
    amazon_client_secret: str = "sandbox-amazon-secret"
    bucket_factor: float = 1.0
    time_scale: float = 1.0
    time_epoch: datetime | None = None


ENVIRONMENT = {
    "data": "SANDBOX_DATA",
    "port": "SANDBOX_PORT",
    "smtp_port": "SANDBOX_SMTP_PORT",
    "app_url": "APP_URL",
    "app_toml": "SANDBOX_APP_TOML",
    "api_key": "SHOPIFY_API_KEY",
    "api_secret": "SHOPIFY_API_SECRET",
    "amazon_application_id": "AMAZON_APPLICATION_ID",
    "amazon_client_id": "AMAZON_CLIENT_ID",
    "amazon_client_secret": "AMAZON_CLIENT_SECRET",
    "bucket_factor": "SANDBOX_BUCKET_FACTOR",
    "time_scale": "TIME_SCALE",
    "time_epoch": "TIME_EPOCH",
}


def read_settings(given: Mapping[str, object], environ: Mapping[str, str] | None = None) -> Settings:
    """Merge arguments (None means not given) over the environment over the defaults. Raises ValueError on nonsense."""
    environ = os.environ if environ is None else environ
    raw: dict[str, object] = {}
    for field in fields(Settings):
        value = given.get(field.name)
        if value is None:
            value = environ.get(ENVIRONMENT[field.name]) or None
        if value is not None:
            raw[field.name] = value
    if "data" not in raw:
        raise ValueError("name a data folder with --data or SANDBOX_DATA")
    return Settings(**{name: _typed(name, value) for name, value in raw.items()})  # type: ignore[arg-type]


def _typed(name: str, value: object) -> object:
    text = str(value)
    match name:
        case "data":
            return Path(text)
        case "port" | "smtp_port":
            return int(text)
        case "bucket_factor" | "time_scale":
            return float(text)
        case "time_epoch":
            return value if isinstance(value, datetime) else parse_instant(text)
        case "app_url":
            return text.rstrip("/")
    return text
