"""Addresses in Shopify's shape. Only what Shopify takes goes in; nothing a carrier needs is left out. Pure."""

from __future__ import annotations

import re

from marketplaces.data import Address

# Shopify files these under the United States (CountryCode does not hold them).
_US_TERRITORIES = frozenset(("AS", "FM", "GU", "MH", "MP", "PR", "PW", "VI"))
_ALIASES = {"UK": "GB", "EL": "GR"}
# Shopify's CountryCode (Admin 2026-10): another code would make the whole order unreadable to it.
COUNTRIES = frozenset(
    re.findall(
        r"[A-Z]{2}",
        "AC AD AE AF AG AI AL AM AN AO AR AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW "
        "BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI "
        "FJ FK FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ "
        "IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG "
        "MK ML MM MN MO MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL "
        "PM PN PS PT PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TA TC TD "
        "TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VN VU WF WS XK YE YT ZA ZM ZW",
    )
)
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\.[A-Za-z]{2,}")


def usable_email(address: str) -> bool:
    """Whether Shopify will take it; a refused one would hold up the whole order."""
    return len(address) <= 254 and ".." not in address and _EMAIL.fullmatch(address) is not None


def split_name(name: str) -> tuple[str, str]:
    """First and last name. Marketplaces tell one field: the last word is the last name, a single word is that alone."""
    words = name.split()
    return (" ".join(words[:-1]), words[-1]) if words else ("", "")


def to_shopify(address: Address | None, buyer_name: str) -> dict[str, str]:
    """A MailingAddressInput without empty fields; {} when the marketplace told no address."""
    if address is None:
        return {}
    first, last = split_name(address.name or buyer_name)
    country, province = address.country.upper(), address.region
    if country in _US_TERRITORIES:
        country, province = "US", country
    told = {
        "firstName": first,
        "lastName": last,
        "company": address.company,
        "address1": address.line1,
        "address2": address.line2,
        "city": address.city,
        "zip": address.postcode,
        "phone": address.phone,
    }
    country = _ALIASES.get(country, country)
    if country in COUNTRIES:
        told["countryCode"] = country
    if re.fullmatch(r"[A-Z0-9]{1,3}", province):
        told["provinceCode"] = province
    elif province:
        # A name, where Shopify would like a code: the older field takes it, and a parcel may need it.
        told["province"] = province
    return {key: value[:255] for key, value in told.items() if value}
