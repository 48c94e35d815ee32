"""Addresses that a seller typed: read into a plain host name, and vetted once resolved. Calls nobody.

Whoever may type a host may try to make us speak to what only we can reach. A name is taken only as plain text of labels,
and of what it resolves to, nothing but public addresses is called (`transport` connects to exactly these).
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

NO_ADDRESS = "This is no address of a marketplace. Copy it from your browser while you are logged in there."
NOT_HTTPS = "The address must begin with https://."
NO_PORT = "The address must not hold a port, a user name or a password."
NOBODY_THERE = "No marketplace answers at this address. Copy it from your browser while you are logged in there."
SENTENCES = (NO_ADDRESS, NOT_HTTPS, NO_PORT, NOBODY_THERE)

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_LAST = re.compile(r"[a-z]{2,63}|xn--[a-z0-9-]{1,59}")
# Names that never lead out of a house or a machine.
_INSIDE = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "private", "arpa", "onion")
# What is not public, whatever the version of Python thinks of it: IANA's special-purpose registries, and every form that
# carries an IPv4 address inside an IPv6 one, which a network may unpack on its own.
_CLOSED = tuple(
    ipaddress.ip_network(one)
    for one in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "::/96",
        "::ffff:0:0/96",
        "::ffff:0:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/9",
        "ff00::/8",
    )
)


def host_of(address: str) -> str:
    """The host of a typed address, in lower case: "https://Shop.Example/x" is "shop.example". ValueError(sentence).

    Only https on its own port, only a name of at least two labels of plain letters, digits and hyphens: no number in
    any spelling, no user name, no name that means something only inside a network.
    """
    text = address.strip()
    if "://" not in text:
        text = f"https://{text}"
    if not text.isascii() or any(ord(mark) <= 32 or mark in '\\"<>^`{|}' for mark in text):
        raise ValueError(NO_ADDRESS)
    try:
        parts = urlsplit(text)
        name, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(NO_ADDRESS) from None
    if parts.scheme != "https":
        raise ValueError(NOT_HTTPS)
    if "@" in parts.netloc or ":" in parts.netloc.removesuffix(":443") or port not in (None, 443):
        raise ValueError(NO_PORT)
    if not plain_host(name):
        raise ValueError(NO_ADDRESS)
    return name


def plain_host(name: str) -> bool:
    """Whether `name` is a host as `host_of` gives it."""
    labels = name.split(".")
    if not 2 <= len(labels) <= 20 or len(name) > 253 or labels[-1] in _INSIDE:
        return False
    return all(_LABEL.fullmatch(one) for one in labels) and bool(_LAST.fullmatch(labels[-1]))


def public(address: str) -> bool:
    """Whether the resolved `address` (text, with or without a zone) lies in the public internet."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if getattr(found, "scope_id", None):
        return False
    return found.is_global and not any(found in one for one in _CLOSED if one.version == found.version)
