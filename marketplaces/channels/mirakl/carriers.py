"""Carriers: what a merchant calls them, and what the operator of an instance calls them (SH21). Both may be unknown.

Operators register carriers under codes of their own; an unregistered one is told by its name. The list may be asked for
once a day: it comes with the daily look at the account and is remembered with its credentials.
"""

from __future__ import annotations

import json
import re

from marketplaces.channel import Line
from marketplaces.channels.mirakl import calls
from marketplaces.data import Carrier
from marketplaces.errors import PermissionMissing, Rejected, Transient
from marketplaces.text import clean

PATH = "/api/shipping/carriers"
REMEMBERED, MOST = "carriers", 300
_PLAIN = re.compile(r"[\W_]+")
# The usual names; what an operator calls them is found by any of these.
_NAMES = {
    "DHL": "DHL|DHL Express|DHL Paket|Deutsche Post DHL|DHL Parcel",
    "UPS": "UPS|United Parcel Service",
    "FEDEX": "FedEx|Federal Express|FED",
    "TNT": "TNT|TNT Express",
    "DPD": "DPD|DPD Germany|DPD France|Dynamic Parcel Distribution",
    "GLS": "GLS|General Logistics Systems",
    "HERMES": "Hermes|Hermes Germany|myHermes|Evri",
    "POST": "Deutsche Post|Post",
    "COLISSIMO": "Colissimo|La Poste",
    "CHRONOPOST": "Chronopost",
    "MONDIAL_RELAY": "Mondial Relay",
    "POSTNORD": "PostNord|Postnord Sverige",
    "BRING": "Bring|Posten Bring",
    "POSTNL": "PostNL",
    "BPOST": "bpost",
    "CORREOS": "Correos",
    "SEUR": "SEUR",
    "ROYAL_MAIL": "Royal Mail",
    "USPS": "USPS|United States Postal Service",
    "INPOST": "InPost",
    "AUSTRIAN_POST": "Österreichische Post|Austrian Post",
    "SWISS_POST": "Swiss Post|Die Post",
}


def plain(words: str) -> str:
    """`words` without blanks, marks and case."""
    return _PLAIN.sub("", words).casefold()


_KNOWN = {plain(name): (code, names.split("|")[0]) for code, names in _NAMES.items() for name in names.split("|")}
_SAME = {code: frozenset(plain(name) for name in (code, *names.split("|"))) for code, names in _NAMES.items()}


def carrier(words: str) -> Carrier:
    """The usual name of a carrier in any spelling; the merchant's own words for another."""
    code, name = _KNOWN.get(plain(words), ("", clean(words, 100)))
    return Carrier(code, name, bool(code))


def named(line: Line, words: str) -> dict[str, str]:
    """How the carrier is told to this instance: its code there, else its name."""
    known = carrier(words)
    wanted = _SAME.get(known.code, frozenset()) | {plain(words)}
    for code, label, standard in _registered(line):
        if {plain(code), plain(label), plain(standard)} & wanted:
            return {"carrier_code": code, "carrier_name": label or code}
    return {"carrier_name": known.name}


def about(line: Line) -> dict[str, str]:
    """What is to be remembered of the operator's carriers; {} when this user may not read them."""
    try:
        body = calls.get(line, calls.LIST_CARRIERS, PATH)
    except (PermissionMissing, Rejected):
        return {}
    try:
        rows = [[clean(row.get(name), 100) for name in ("code", "label", "standard_code")] for row in body["carriers"]]
    except (KeyError, TypeError, AttributeError) as error:
        words = f"carriers of an unknown shape ({type(error).__name__})"
        raise Transient(words, call=calls.LIST_CARRIERS.operation) from error
    return {REMEMBERED: json.dumps([row for row in rows if row[0]][:MOST], ensure_ascii=False)}


def _registered(line: Line) -> list[list[str]]:
    try:
        rows = json.loads(line.credentials.public.get(REMEMBERED, "[]"))
        return [[str(one) for one in row] for row in rows if len(row) == 3]
    except (ValueError, TypeError):
        return []
