"""Where Amazon's documents lie: presigned addresses on its storage hosts, or on the sandbox's. Vets them, calls nobody."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from marketplaces.channel import Line
from marketplaces.channels.amazon.regions import api_base
from marketplaces.errors import Transient

# Buckets of S3 in any of its spellings (tortuga-prod-eu.s3-eu-west-1..., x.s3.amazonaws.com), and the one distribution
# that the vendor's models show in their examples.
_STORES = (
    re.compile(r"(?:[a-z0-9][a-z0-9.-]*\.)?s3(?:[.-][a-z0-9-]+)*\.amazonaws\.com"),
    re.compile(r"d34o8swod1owfl\.cloudfront\.net"),
)


def hosts_of(line: Line, url: str, call: str) -> tuple[str, ...]:
    """The one origin that a document named by Amazon may be fetched from or put to. Transient when it is none of theirs."""
    try:
        parts = urlsplit(url)
        name, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        name, port, parts = "", None, urlsplit("")
    plain = "@" not in parts.netloc and "\\" not in url
    if plain and parts.scheme == "https" and port in (None, 443) and any(one.fullmatch(name) for one in _STORES):
        return (name,)
    if plain and line.keys.get("API_BASE"):
        base = urlsplit(api_base(line.keys, line.realm))
        if (parts.scheme, parts.netloc) == (base.scheme, base.netloc):
            return (f"{base.scheme}://{base.netloc}",)
    raise Transient("the address of a document is on none of Amazon's hosts", call=call)
