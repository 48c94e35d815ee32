"""Every setting with its default and unit. Refuses to start, in one sentence, when one is missing, short or an example."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

from marketplaces.channel import AppKeys
from marketplaces.channels import registry
from marketplaces.transport import LOOPBACK

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ("changeme", "change-me", "example", "secret", "password", "your-", "xxx", "dev-only")
REQUIRED_SCOPES = "read_products,read_inventory,write_inventory,read_locations,read_orders,write_orders"


class ConfigError(Exception):
    """A setting is missing or unusable; the text is one sentence for the operator and never holds the value."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable: its default ("" = none), whether it is needed to serve, secret, and what it means."""

    name: str
    help: str
    default: str = ""
    required: bool = False
    secret: bool = False


def _of_channels() -> tuple[Setting, ...]:
    """What each channel declares of our application's keys there."""
    return tuple(
        Setting(f"{channel.key.upper()}_{one.name}", one.help, one.default, secret=one.secret)
        for channel in registry().values()
        for one in channel.app_keys
    )


SETTINGS: tuple[Setting, ...] = (
    Setting("SHOPIFY_API_KEY", "client id of the app in the Dev Dashboard", required=True),
    Setting("SHOPIFY_API_SECRET", "client secret of the app", required=True, secret=True),
    Setting("SHOPIFY_API_SECRET_OLD", "previous client secret while it is being rotated", secret=True),
    Setting("APP_URL", "public https address of this app, without a trailing slash", required=True),
    Setting("APP_NAME", "name shown to merchants, at most 20 characters", "Marketplace Relay"),
    Setting("APP_HANDLE", "handle of the app in admin addresses; empty: the client id"),
    Setting("DATABASE_URL", "SQLAlchemy address; empty: SQLite in the data folder"),
    Setting("REDIS_URL", "Redis or Valkey address; empty: the embedded one", secret=True),
    Setting("SHOPAPP_DATA", "folder of the embedded database and queue", "./.shopapp"),
    Setting("SECRET_KEY", "signs cookies; 32 characters or more, not the client secret", required=True, secret=True),
    Setting("ENCRYPTION_KEY", "32 bytes as base64, newest first, older ones after commas", required=True, secret=True),
    Setting("MAIL_SERVER", "SMTP host; empty: mails wait in the outbox"),
    Setting("MAIL_PORT", "SMTP port", "587"),
    Setting("MAIL_USERNAME", "SMTP user"),
    Setting("MAIL_PASSWORD", "SMTP password", secret=True),
    Setting("MAIL_USE_TLS", "STARTTLS, 1 or 0", "1"),
    Setting("MAIL_USE_SSL", "TLS from the first byte, 1 or 0", "0"),
    Setting("MAIL_FROM", "sender address of alerts"),
    Setting("OPERATOR_EMAIL", "who is mailed when the fault is ours (refused app keys)"),
    *_of_channels(),
    Setting("APP_BRIDGE_URL", "App Bridge script", "https://cdn.shopify.com/shopifycloud/app-bridge.js"),
    Setting("POLARIS_URL", "Polaris script", "https://cdn.shopify.com/shopifycloud/polaris-1.js"),
    Setting("ADMIN_ORIGIN", "origin of Shopify's admin", "https://admin.shopify.com"),
    Setting(
        "FX_RATES_URL",
        "daily rates in the ECB's format",
        "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml",
    ),
    Setting("SHOPIFY_LOOPBACK", "host:port that stands in for every shop (sandbox)"),
    Setting("TIME_SCALE", "runs the clock faster (sandbox)", "1"),
    Setting("TIME_EPOCH", "UNIX seconds from which TIME_SCALE counts (sandbox)", "0"),
    Setting("POLL_SECONDS", "poll interval of an account in seconds; empty: what the channel sustains"),
    Setting("SETTLE_SECONDS", "how long an unanswered order creation may still arrive", "90"),
    Setting("MAIL_WAIT_SECONDS", "how long the first mail waits for more of its kind", "20"),
    Setting("MAIL_DIGEST_SECONDS", "least time between two mails of a kind to a shop", "900"),
    Setting("PLAN_WARN_PERCENT", "share of the plan limit at which the notice appears", "80"),
    Setting("PLAN_LIMITS", "for trials of the app: plan=limit pairs that replace the catalogue's, e.g. starter=1000"),
    Setting("PURGE_DONE_DAYS", "days after shipping, cancelling or refunding until buyer data are purged", "30"),
    Setting("PURGE_MAX_DAYS", "days after purchase until buyer data are purged at the latest", "90"),
    Setting("KEEP_HISTORY_DAYS", "days for which journal, messages, mails and settled incidents are kept", "400"),
    Setting("TRUSTED_PROXIES", "number of reverse proxies in front", "0"),
    Setting("LOG_LEVEL", "least level that is logged", "INFO"),
)
KNOWN = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class Config:
    """The settings, parsed. `env` keeps the texts; the properties give them their types and units."""

    env: Mapping[str, str] = field(repr=False)

    @classmethod
    def load(cls, env: Mapping[str, str] | None = None, *, serving: bool = True) -> Config:
        """From the environment (or `env`). ConfigError when `serving` and something needed is missing or unsafe."""
        source = os.environ if env is None else env
        values = {setting.name: (source.get(setting.name) or setting.default).strip() for setting in SETTINGS}
        config = cls(values)
        if serving:
            config.check()
        return config

    def __getitem__(self, name: str) -> str:
        return self.env[name]

    def number(self, name: str) -> int:
        """A whole number; ConfigError names the setting when it is none."""
        try:
            return int(self.env[name])
        except ValueError:
            raise ConfigError(f"{name} must be a whole number ({KNOWN[name].help}).") from None

    def flag(self, name: str) -> bool:
        """1/0 as a truth value."""
        return self.env[name].lower() in ("1", "true", "yes", "on")

    @property
    def data(self) -> Path:
        """Folder of the embedded database and queue, absolute."""
        return Path(self.env["SHOPAPP_DATA"]).expanduser().resolve()

    @property
    def database_url(self) -> str:
        """SQLAlchemy address; PostgreSQL addresses always use psycopg 3."""
        url = self.env["DATABASE_URL"] or f"sqlite:///{self.data / 'shopapp.db'}"
        for prefix in ("postgres://", "postgresql://"):
            if url.startswith(prefix):
                return "postgresql+psycopg://" + url.removeprefix(prefix)
        return url

    @property
    def queue_socket(self) -> Path:
        """Where the embedded queue listens; in a temporary folder when the data folder's path is too long for a socket."""
        path = self.data / "queue.sock"
        if len(str(path).encode()) <= 100:
            return path
        name = hashlib.sha256(str(self.data).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"shopapp-{os.getuid()}-{name}" / "queue.sock"

    @property
    def redis_url(self) -> str:
        """Address of the queue: REDIS_URL, else the embedded one."""
        return self.env["REDIS_URL"] or f"unix://{self.queue_socket}"

    @property
    def app_handle(self) -> str:
        """How the app is called in the admin's addresses."""
        return self.env["APP_HANDLE"] or self.env["SHOPIFY_API_KEY"]

    @property
    def scopes(self) -> str:
        """The access scopes the app cannot work without (the same as in shopify.app.toml)."""
        return REQUIRED_SCOPES

    @property
    def encryption_keys(self) -> tuple[str, ...]:
        """Newest first."""
        return tuple(key.strip() for key in self.env["ENCRYPTION_KEY"].split(",") if key.strip())

    @property
    def scale(self) -> float:
        """How many times faster than the wall the clock runs."""
        try:
            scale = float(self.env["TIME_SCALE"])
        except ValueError:
            raise ConfigError("TIME_SCALE must be a number.") from None
        if scale != 1 and not self.all_loopback:
            raise ConfigError("TIME_SCALE other than 1 is only allowed when every remote is on loopback.")
        return scale

    @property
    def all_loopback(self) -> bool:
        """Whether every remote address of the settings is on this machine."""
        hosts = [self.env["SHOPIFY_LOOPBACK"].rsplit(":", 1)[0], urlsplit(self.env["FX_RATES_URL"]).hostname or ""]
        for channel in registry().values():
            names = [f"{channel.key.upper()}_{one.name}" for one in channel.app_keys]
            if any(self.env[name] != KNOWN[name].default for name in names):  # set up, or about to be
                told = channel.hosts(self.keys_of(channel.key))
                hosts += [urlsplit(one).hostname or "" if "://" in one else one for one in told]
        return all(host in LOOPBACK for host in hosts)

    def keys_of(self, channel: str) -> AppKeys:
        """Our application's keys at `channel`, without the prefix."""
        prefix = channel.upper() + "_"
        return AppKeys({n.removeprefix(prefix): v for n, v in self.env.items() if n.startswith(prefix) and v})

    def plan_limits(self) -> dict[str, int]:
        """Limits in whole units of the plan currency that replace the catalogue's (trials of the app)."""
        pairs = [part.split("=", 1) for part in self.env["PLAN_LIMITS"].split(",") if part.strip()]
        try:
            return {key.strip(): int(value) for key, value in pairs}
        except ValueError:
            raise ConfigError("PLAN_LIMITS must look like starter=1000,growth=5000.") from None

    def check(self) -> None:
        """Everything that must hold before a process of ours serves; one sentence names the first trouble."""
        for setting in SETTINGS:
            if setting.required and not self.env[setting.name]:
                raise ConfigError(f"{setting.name} is not set ({setting.help}).")
        for name in ("SHOPIFY_API_SECRET", "SECRET_KEY"):
            self._check_secret(name)
        if self.env["SECRET_KEY"] == self.env["SHOPIFY_API_SECRET"]:
            raise ConfigError("SECRET_KEY must differ from SHOPIFY_API_SECRET.")
        self._check_urls()
        if len(self.env["APP_NAME"]) > 20:
            raise ConfigError("APP_NAME must have at most 20 characters.")
        from shopapp.keys import parse_key

        for key in self.encryption_keys:
            parse_key(key)
        _ = self.scale
        self.plan_limits()
        for name, value in self.env.items():
            if name.endswith("_SECRET_UNTIL") and value:
                self._check_day(name)
        for name in ("MAIL_PORT", "SETTLE_SECONDS", "MAIL_WAIT_SECONDS", "MAIL_DIGEST_SECONDS", "PLAN_WARN_PERCENT"):
            self.number(name)

    def _check_secret(self, name: str) -> None:
        value = self.env[name]
        least = 32 if name == "SECRET_KEY" else 16
        if len(value) < least:
            raise ConfigError(f"{name} is too short ({least} characters or more are needed).")
        if any(word in value.lower() for word in EXAMPLES) or len(set(value)) < 8:
            raise ConfigError(f"{name} looks like an example value; make a random one.")

    def _check_day(self, name: str) -> None:
        try:
            date.fromisoformat(self.env[name])
        except ValueError:
            raise ConfigError(f"{name} must be a day such as 2027-05-31.") from None

    def _check_urls(self) -> None:
        url = urlsplit(self.env["APP_URL"])
        loopback = url.hostname in ("localhost", "127.0.0.1")
        if url.scheme not in ("https", "http") or not url.hostname or (url.scheme == "http" and not loopback):
            raise ConfigError("APP_URL must be an https address (http only on localhost).")
        if self.env["APP_URL"].endswith("/"):
            raise ConfigError("APP_URL must not end with a slash.")


def settings_table() -> str:
    """The settings as rows of a Markdown table, for the README (a test compares)."""
    rows = []
    for setting in SETTINGS:
        default = f"`{setting.default}`" if setting.default else ("**needed**" if setting.required else "")
        rows.append(f"| `{setting.name}` | {default} | {setting.help}{' (secret)' if setting.secret else ''} |\n")
    return "".join(rows)
