"""Who is logged in, and whether the account can sell. The immutable user id is the seller's id: names change.

Vendor: commerce/identity getUser, sell/account getPrivileges.
"""

from __future__ import annotations

from typing import Any

from marketplaces.channel import Line
from marketplaces.channels.ebay import calls
from marketplaces.channels.ebay.sites import MARKETS, REALM, site_of
from marketplaces.data import Seller, Site
from marketplaces.errors import AccountInactive, Transient
from marketplaces.text import clean

# A status that is new to us says nothing of the kind: the calls themselves will tell.
STOPPED = frozenset({"UNCONFIRMED", "ACCOUNTONHOLD"})
ON_HOLD = "eBay has put this account on hold or has not confirmed it yet (%s)."
UNREGISTERED = "The registration of this account as a seller is not complete."


def identify(line: Line) -> Seller:
    """The seller with every marketplace: eBay tells none of them, one account sells on all. AccountInactive if on none."""
    user = calls.get(line, calls.GET_USER)
    seller_id, status = _text(user.get("userId")), _text(user.get("status"))
    if not seller_id:
        raise Transient("an answer about a user without an id", call=calls.GET_USER.call)
    if status.upper() in STOPPED:
        raise AccountInactive(ON_HOLD % status, code=status, call=calls.GET_USER.call)
    rights = calls.get(line, calls.GET_PRIVILEGES)
    complete = rights.get("sellerRegistrationCompleted")
    if not isinstance(complete, bool):
        raise Transient("an answer without the seller's privileges", call=calls.GET_PRIVILEGES.call)
    if not complete:
        raise AccountInactive(UNREGISTERED, call=calls.GET_PRIVILEGES.call)
    return Seller(REALM, seller_id, _name(user), _sites(_text(user.get("registrationMarketplaceId"))))


def _sites(home: str) -> tuple[Site, ...]:
    """All marketplaces, the one where the seller is registered first."""
    ordered = sorted(MARKETS.values(), key=lambda one: (one.id != site_of(home), one.id))
    return tuple(Site(one.id, one.name, one.country) for one in ordered)


def _name(user: dict[str, Any]) -> str:
    business = user.get("businessAccount")
    name = _text(business.get("name")) if isinstance(business, dict) else ""
    return name or _text(user.get("username"))


def _text(value: Any) -> str:
    return clean(value, 100) if isinstance(value, str) else ""
