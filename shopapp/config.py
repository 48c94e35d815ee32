"""Every setting with its default and unit. Refuses to start, in one sentence, when one is missing, short or an example."""

from __future__ import annotations

import hashlib
import math
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import redis
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from marketplaces.channel import AppKeys
from marketplaces.channels import registry
from marketplaces.transport import LOOPBACK

ROOT = Path(__file__).resolve().parent.parent
PLACEHOLDERS = ("changeme", "change-me", "your-", "xxx")
EXAMPLES = (*PLACEHOLDERS, "example", "secret", "password", "dev-only")  # in a value that is to be random
REQUIRED_SCOPES = "read_products,read_inventory,write_inventory,read_locations,read_orders,write_orders"

# What a value must look like, whole.
ORIGIN = r"https?://(?:\[[0-9a-fA-F:.]+\]|[^\s/@?#\[\]:]+)(?::\d{1,5})?"
ADDRESS = ORIGIN + r"(?:/\S*)?"
SWITCH = r"(?i:1|true|yes|on|0|false|no|off)"
MAILBOX = r"[^\s<>@,;]+@[^\s<>@,;]+"
LEVEL = r"(?i:debug|info|warning|error|critical)"
FORMS = {
    ORIGIN: "an https address without a path",
    ADDRESS: "an https address",
    SWITCH: "1 or 0",
    MAILBOX: "an e-mail address",
    LEVEL: "DEBUG, INFO, WARNING, ERROR or CRITICAL",
}  # in words
DAY, YEARS = 86_400, 3_650  # in seconds, in days: the most that a wait and a term may be


class ConfigError(Exception):
    """A setting is missing or unusable; the text is one sentence for the operator and never holds the value."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable: its default ("" = none), whether it is needed to serve, secret, and what it means.

    What is set must match `form` as a whole, or be a whole number `between` the two, both included.
    """

    name: str
    help: str
    default: str = ""
    required: bool = False
    secret: bool = False
    form: str = ""
    between: tuple[int, int] | None = None


def _of_channels() -> tuple[Setting, ...]:
    """What each channel declares of our application's keys there."""
    return tuple(
        Setting(
            f"{channel.key.upper()}_{one.name}",
            one.help,
            one.default,
            secret=one.secret,
            form=one.form or (ADDRESS if one.name.endswith(("_BASE", "_URL")) else ""),
        )
        for channel in registry().values()
        for one in channel.app_keys
    )


SETTINGS: tuple[Setting, ...] = (
    Setting("SHOPIFY_API_KEY", "client id of the app in the Dev Dashboard", required=True, form=r"\S+"),
    Setting("SHOPIFY_API_SECRET", "client secret of the app", required=True, secret=True),
    Setting("SHOPIFY_API_SECRET_OLD", "previous client secret while it is being rotated", secret=True),
    Setting("APP_URL", "public https address of this app, without a trailing slash", required=True),
    Setting("APP_NAME", "name shown to merchants, at most 20 characters", "Marketplace Relay"),
    Setting("APP_HANDLE", "handle of the app in admin addresses; empty: the client id", form=r"[\w-]+"),
    Setting("DATABASE_URL", "SQLAlchemy address; empty: SQLite in the data folder"),
    Setting("REDIS_URL", "Redis or Valkey address; empty: the embedded one", secret=True),
    Setting("SHOPAPP_DATA", "folder of the embedded database and queue", "./.shopapp"),
    Setting("SECRET_KEY", "signs cookies; 32 characters or more, not the client secret", required=True, secret=True),
    Setting("ENCRYPTION_KEY", "32 bytes as base64, newest first, older ones after commas", required=True, secret=True),
    Setting("MAIL_SERVER", "SMTP host; empty: mails wait in the outbox", form=r"[^\s/@]+"),
    Setting("MAIL_PORT", "SMTP port", "587", between=(1, 65_535)),
    Setting("MAIL_USERNAME", "SMTP user"),
    Setting("MAIL_PASSWORD", "SMTP password", secret=True),
    Setting("MAIL_USE_TLS", "STARTTLS, 1 or 0", "1", form=SWITCH),
    Setting("MAIL_USE_SSL", "TLS from the first byte, 1 or 0", "0", form=SWITCH),
    Setting("MAIL_FROM", "sender address of alerts", form=rf"{MAILBOX}|[^<>]*<{MAILBOX}>"),
    Setting("OPERATOR_EMAIL", "who is mailed when the fault is ours (refused app keys)", form=MAILBOX),
    *_of_channels(),
    Setting("APP_BRIDGE_URL", "App Bridge script", "https://cdn.shopify.com/shopifycloud/app-bridge.js", form=ADDRESS),
    Setting("POLARIS_URL", "Polaris script", "https://cdn.shopify.com/shopifycloud/polaris-1.js", form=ADDRESS),
    Setting("ADMIN_ORIGIN", "origin of Shopify's admin", "https://admin.shopify.com", form=ORIGIN),
    Setting(
        "FX_RATES_URL",
        "daily rates in the ECB's format",
        "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml",
        form=ADDRESS,
    ),
    Setting("SHOPIFY_LOOPBACK", "host:port that stands in for every shop (sandbox)", form=r"[^\s/@]+:\d{1,5}"),
    Setting("TIME_SCALE", "runs the clock faster (sandbox)", "1"),
    Setting("TIME_EPOCH", "UNIX seconds from which TIME_SCALE counts (sandbox)", "0"),
    Setting(
        "POLL_SECONDS",
        "poll interval of an account in seconds; empty: what the channel sustains",
        between=(1, DAY),
    ),
    Setting("SETTLE_SECONDS", "how long an unanswered order creation may still arrive", "90", between=(1, DAY)),
    Setting("MAIL_WAIT_SECONDS", "how long the first mail waits for more of its kind", "20", between=(0, DAY)),
    Setting("MAIL_DIGEST_SECONDS", "least time between two mails of a kind to a shop", "900", between=(0, DAY)),
    Setting("PLAN_WARN_PERCENT", "share of the plan limit at which the notice appears", "80", between=(1, 100)),
    Setting("PLAN_LIMITS", "for trials of the app: plan=limit pairs that replace the catalogue's, e.g. starter=1000"),
    Setting(
        "PURGE_DONE_DAYS",
        "days after shipping, cancelling or refunding until buyer data are purged",
        "30",
        between=(0, YEARS),
    ),
    Setting(
        "PURGE_MAX_DAYS", "days after purchase until buyer data are purged at the latest", "90", between=(1, YEARS)
    ),
    Setting(
        "KEEP_HISTORY_DAYS",
        "days for which journal, messages, mails and settled incidents are kept",
        "400",
        between=(1, YEARS),
    ),
    Setting("TRUSTED_PROXIES", "number of reverse proxies in front", "0", between=(0, 20)),
    Setting("LOG_LEVEL", "least level that is logged", "INFO", form=LEVEL),
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
        """Where the embedded queue listens; in a temporary folder when the data folder's path is too long for a socket, or
        has a sign that the queue and its clients do not take in a path (a space, for one)."""
        path = self.data / "queue.sock"
        if len(str(path).encode()) <= 100 and re.fullmatch(r"[\w/.,+@:~-]+", str(path), re.ASCII):
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
        scale = self._real("TIME_SCALE")
        if scale <= 0:
            raise ConfigError("TIME_SCALE must be more than 0.")
        if scale != 1 and not self.all_loopback:
            raise ConfigError("TIME_SCALE other than 1 is only allowed when every remote is on loopback.")
        return scale

    @property
    def epoch(self) -> float:
        """UNIX seconds from which `scale` counts."""
        return self._real("TIME_EPOCH")

    def _real(self, name: str) -> float:
        try:
            value = float(self.env[name])
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ConfigError(f"{name} must be a number ({KNOWN[name].help}).")
        return value

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
        pairs = [part.partition("=") for part in self.env["PLAN_LIMITS"].split(",") if part.strip()]
        if not all(re.fullmatch(r"\s*[1-9][0-9]{0,11}\s*", limit) for _, _, limit in pairs):
            raise ConfigError("PLAN_LIMITS must look like starter=1000,growth=5000.")
        return {key.strip(): int(limit) for key, _, limit in pairs}

    def check(self) -> None:
        """Everything that must hold before a process of ours serves; one sentence names the first trouble."""
        for setting in SETTINGS:
            if setting.required and not self.env[setting.name]:
                raise ConfigError(f"{setting.name} is not set ({setting.help}).")
            self._check_form(setting)
        if any(word in self.env["SHOPIFY_API_KEY"].lower() for word in PLACEHOLDERS):
            raise ConfigError("SHOPIFY_API_KEY looks like an example value; take the client id from the Dev Dashboard.")
        for name in ("SHOPIFY_API_SECRET", "SHOPIFY_API_SECRET_OLD", "SECRET_KEY"):
            if self.env[name]:
                self._check_secret(name)
        if self.env["SECRET_KEY"] == self.env["SHOPIFY_API_SECRET"]:
            raise ConfigError("SECRET_KEY must differ from SHOPIFY_API_SECRET.")
        self._check_url()
        self.check_database()
        self._check_queue()
        if len(self.env["APP_NAME"]) > 20:
            raise ConfigError("APP_NAME must have at most 20 characters.")
        from shopapp.keys import parse_key

        if not self.encryption_keys:
            raise ConfigError(f"ENCRYPTION_KEY is not set ({KNOWN['ENCRYPTION_KEY'].help}).")
        for key in self.encryption_keys:
            parse_key(key)
        _ = self.scale, self.epoch
        self.plan_limits()
        for one, other in (("MAIL_USERNAME", "MAIL_PASSWORD"), ("MAIL_PASSWORD", "MAIL_USERNAME")):
            if self.env[one] and not self.env[other]:
                raise ConfigError(f"{other} is not set, but {one} is.")
        for name, value in self.env.items():
            if name.endswith("_SECRET_UNTIL") and value:
                self._check_day(name)

    def _check_form(self, setting: Setting) -> None:
        name, value = setting.name, self.env[setting.name]
        if not value.isprintable():
            raise ConfigError(f"{name} must not hold line breaks or control characters.")
        if not value:
            return
        if setting.between:
            least, most = setting.between
            if not (re.fullmatch("[0-9]{1,12}", value) and least <= int(value) <= most):
                raise ConfigError(f"{name} must be a whole number from {least} to {most} ({setting.help}).")
        if setting.form and not re.fullmatch(setting.form, value):
            words = FORMS.get(setting.form, "as its meaning says")
            raise ConfigError(f"{name} must be {words} ({setting.help}).")

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

    def _check_url(self) -> None:
        # Only an origin: our addresses begin at its root.
        url = self.env["APP_URL"]
        if url.endswith("/"):
            raise ConfigError("APP_URL must not end with a slash.")
        if not re.fullmatch(ORIGIN, url):
            raise ConfigError("APP_URL must be an https address without a path, such as https://app.example.com.")
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1"):
            raise ConfigError("APP_URL must be an https address (http only on localhost).")

    def check_database(self) -> None:
        """ConfigError unless the database's address is one that we have a driver for."""
        needed = "DATABASE_URL must be an address such as postgresql://user:password@host/name, or empty"
        try:
            url = make_url(self.database_url)
        except (ArgumentError, ValueError):
            raise ConfigError(f"{needed} for SQLite in the data folder.") from None
        if url.drivername not in ("postgresql+psycopg", "sqlite"):
            raise ConfigError(f"{needed} for SQLite in the data folder; there is no driver for another database.")
        if url.drivername == "sqlite" and url.database in (None, "", ":memory:"):
            raise ConfigError(f"{needed}; a database in memory would be another one in each process.")

    def _check_queue(self) -> None:
        try:
            redis.ConnectionPool.from_url(self.redis_url)
        except ValueError:
            raise ConfigError("REDIS_URL must be an address such as redis://user:password@host:6379/0.") from None


def settings_table() -> str:
    """The settings as rows of a Markdown table, for the README (a test compares)."""
    rows = []
    for setting in SETTINGS:
        default = f"`{setting.default}`" if setting.default else ("**needed**" if setting.required else "")
        rows.append(f"| `{setting.name}` | {default} | {setting.help}{' (secret)' if setting.secret else ''} |\n")
    return "".join(rows)
