"""Who is logged in, proved by live calls: marketplace participations and, for typed credentials, the seller id."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from marketplaces.channel import Line
from marketplaces.channels.amazon import calls
from marketplaces.channels.amazon.regions import MARKETS, region
from marketplaces.data import Seller, Site
from marketplaces.errors import AccountInactive, PermissionMissing, Rejected, Transient
from marketplaces.text import clean


def identify(line: Line) -> Seller:
    """The seller with all marketplaces of the region, those not usable marked inactive.

    AccountInactive when none is usable. No answer of Amazon holds the seller id: after a login it is the one that the
    login gave; a typed one is proved by a call whose path holds it (Rejected "seller_mismatch").
    """
    seller_id = line.credentials.public.get("seller_id", "") or line.seller_id
    body = calls.get(line, calls.PARTICIPATIONS, "/sellers/v1/marketplaceParticipations")
    rows = body.get("payload")
    if not isinstance(rows, list):
        raise Transient("an answer without participations", call=calls.PARTICIPATIONS.operation)
    sites, name = _sites(rows, line.realm)
    if not any(site.active for site in sites):
        raise AccountInactive(
            "No marketplace of this region is active for this seller account.",
            call=calls.PARTICIPATIONS.operation,
        )
    if line.credentials.public.get("way") == "typed":
        _prove(line, seller_id, next(site.key for site in sites if site.active))
    return Seller(line.realm, seller_id, name, sites)


def _sites(rows: list[Any], realm: str) -> tuple[tuple[Site, ...], str]:
    known = {market.id for market in region(realm).markets}
    sites, name = [], ""
    try:
        for row in rows:
            market, part = row["marketplace"], row["participation"]
            key = clean(market["id"], 64)
            if key not in known and "amazon." not in str(market.get("domainName")):
                continue  # pseudo marketplaces, such as the one of other sales channels
            title = MARKETS[key].name if key in MARKETS else clean(market.get("name"), 60)
            active = _told(part, "isParticipating") and not _told(part, "hasSuspendedListings")
            sites.append(Site(key, title, clean(market.get("countryCode"), 2), active))
            name = name or (clean(row.get("storeName"), 100) if active else "")
    except (KeyError, TypeError, AttributeError) as error:
        words = f"participations of an unknown shape ({type(error).__name__})"
        raise Transient(words, call=calls.PARTICIPATIONS.operation) from error
    return tuple(sites), name


def _told(part: dict[str, Any], name: str) -> bool:
    """A truth value of the wire. Nothing, or anything else, is no refusal of the seller: TypeError."""
    value = part[name]
    if not isinstance(value, bool):
        raise TypeError(name)
    return value


def _prove(line: Line, seller_id: str, site: str) -> None:
    """A listings call for the typed seller: refused while the participations worked means a token of somebody else."""
    path = f"/listings/2021-08-01/items/{quote(seller_id, safe='')}"
    try:
        calls.get(line, calls.SEARCH_LISTINGS, path, {"marketplaceIds": site, "pageSize": "1"})
    except (PermissionMissing, Rejected) as error:
        if error.status not in (403, 404):
            raise
        raise Rejected(
            f"Amazon does not accept this refresh token for the seller {seller_id}. {error.words}",
            field="seller_id",
            reason="seller_mismatch",
            code=error.code,
            status=error.status,
            call=error.call,
            request_id=error.request_id,
        ) from error
