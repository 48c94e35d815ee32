"""JSON logs with context and redaction. One line per outcome; nothing secret and nothing personal passes the filter."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from shopapp import clock

_context: ContextVar[dict[str, object] | None] = ContextVar("log_context", default=None)

_NAMES = (
    "id_token|access_token|refresh_token|client_secret|hmac|code|spapi_oauth_code|session|state|ticket"
    "|password|token|secret|authorization"
)
_NAMED = re.compile(rf"(?i){_NAMES}")
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)\b(atz[ar]\|[\w|.\-/+=]+)"), "[token]"),
    (re.compile(r"\bshp(?:at|ua|ca|pa|ss|rt|rtr)_[\w]+"), "[token]"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), "[jwt]"),
    (re.compile(r"(?i)(bearer\s+)[\w.\-|/+=~]+"), r"\1[token]"),
    (re.compile(rf"(?i)(\b(?:{_NAMES})\b\\*[\"']?\s*[=:]\s*\\*[\"']?)[^&\s\"',;}}\\]+"), r"\1[secret]"),
    # The links in mails carry their right in the path.
    (re.compile(r"(/mail-link/\w+/)[^\s\"'?]+"), r"\1[secret]"),
    # The password in the address of a database or queue; before e-mail addresses, which look like its end.
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?=@)"), r"\1[secret]"),
    # PostgreSQL tells the whole row, or the value that it cannot read.
    (re.compile(r"(\bDETAIL:|\bCONTEXT:)[^\n]*"), r"\1 [row]"),
    (re.compile(r"(invalid input syntax for[^:\n]*:)[^\n]*"), r"\1 [value]"),
    (re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"), "[e-mail]"),
)


def redact(text: str) -> str:
    """`text` with tokens, codes, secrets and e-mail addresses masked."""
    for pattern, mask in _PATTERNS:
        text = pattern.sub(mask, text)
    return text


def _masked(value: object, name: str = "") -> object:
    """`value` as JSON can hold it, every text in it redacted by itself: a mask over whole JSON would break it open."""
    if isinstance(value, dict):
        return {str(key): _masked(one, str(key)) for key, one in value.items()}
    if value is None or isinstance(value, bool | int | float):
        return value
    if _NAMED.fullmatch(name) and value:
        return "[secret]"
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(one) for one in value]
    return redact(str(value))


@contextmanager
def context(**fields: object) -> Iterator[None]:
    """Add fields (shop, account, order, job, request) to every log line inside the block."""
    token = _context.set({**(_context.get() or {}), **fields})
    try:
        yield
    finally:
        _context.reset(token)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ts, level, event, logger, context, fields given by `extra={"fields": {...}}`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "ts": clock.now().isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
        }
        line.update(_context.get() or {})
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line.update(fields)
        if record.exc_info:
            line["trace"] = redact(self.formatException(record.exc_info))[-4000:]
        return json.dumps(_masked(line), ensure_ascii=False)


def configure(level: str = "INFO") -> None:
    """Send all logging of this process to stderr as redacted JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # These print whole requests, job arguments and rows below WARNING.
    for noisy in (
        "alembic",
        "sqlalchemy",
        "httpx",
        "httpcore",
        "urllib3",
        "rq",
        "rq.worker",
        "shopify_app",
        "requests_oauthlib",
        "oauthlib",
    ):
        logging.getLogger(noisy).setLevel("WARNING")


def event(logger: logging.Logger, name: str, level: int = logging.INFO, **fields: object) -> None:
    """Log the stable event `name` with fields."""
    logger.log(level, name, extra={"fields": fields})
