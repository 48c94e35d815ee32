"""Text that crosses the border: made harmless on its way in (`clean`), free of secrets on its way out (`redact`)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# Marks that reorder or hide what a person reads. Joiners stay: emoji and Indic scripts need them.
_BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
_DROPPED = {ord(mark): None for mark in _BIDI}
_MASK = "***"
_PATTERNS = (
    re.compile(r"(?i)\b(?:Atz[ar]|Atc)\|[^\s\"'&,;<>]+"),
    re.compile(r"(?i)\bAtz[ar]%7C[^\s\"'&,;<>]+"),
    re.compile(r"(?i)\bamzn1\.oa2-cs\.[\w.\-]+"),
    re.compile(r"\bv\^1\.1#[^\s\"'&,;<>]+"),
    re.compile(r"(?i)\bamzn\.mws\.[\w.\-]+"),
    re.compile(r"(?i)\b(?:bearer|basic)\s+[\w.~+/|=\-]{6,}"),
    re.compile(
        r"(?i)(?<=[\"'&?\s{,])"
        r"((?:access_token|refresh_token|client_secret|id_token|code|spapi_oauth_code|password|api_key|code_verifier)"
        r"[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;<>}]+"
    ),
    re.compile(r"[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+"),
)


def clean(value: object, limit: int = 255, *, keep_spaces: bool = False) -> str:
    """`value` as text that every database and page can hold: "" for None, at most `limit` characters.

    Control characters become spaces, lone surrogates and marks that reorder text go away, runs of blanks shrink to one
    (unless `keep_spaces`, for SKUs, whose inner blanks count). TypeError when `value` is neither text nor number.
    """
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise TypeError(f"text expected, not {type(value).__name__}")
    text = value if isinstance(value, str) else str(value)
    # Of what is printable nothing has to go, and nearly every text is: looking at each of its letters costs much more.
    joined = text[: limit * 8] if text.isprintable() else _harmless(text, limit * 8)
    if not keep_spaces:
        joined = " ".join(joined.split())
    return joined.strip()[:limit].rstrip()


def _harmless(text: str, most: int) -> str:
    kept = []
    for mark in text.translate(_DROPPED)[:most]:
        category = unicodedata.category(mark)
        if category == "Cs":
            continue
        kept.append(" " if category in ("Cc", "Zl", "Zp") else mark)
    return "".join(kept)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without the given secrets, and without anything that looks like a token, a code or an e-mail address."""
    for secret in sorted({s for s in secrets if len(s) >= 4}, key=len, reverse=True):
        text = text.replace(secret, _MASK)
    for pattern in _PATTERNS:
        text = pattern.sub(lambda hit: (hit.group(1) if hit.re.groups else "") + _MASK, text)
    return text
