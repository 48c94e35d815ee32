"""Who is logged in, and whether this account may sell by an application. The judge of every 403.

Tradera answers 403 to a dead token as to a missing right: only `users/me`, which every living token may call, tells.
"""

from __future__ import annotations

from marketplaces.channel import Line
from marketplaces.channels.tradera import calls
from marketplaces.channels.tradera.answers import as_family, dead, nonsense
from marketplaces.channels.tradera.market import SITE
from marketplaces.data import Seller
from marketplaces.errors import AccountInactive, PermissionMissing
from marketplaces.text import clean


def identify(line: Line) -> Seller:
    """The user behind the token. AuthExpired or AuthRevoked when Tradera refuses it, by its known end.

    AccountInactive when the token is good and Tradera refuses him as a seller: the wrong kind of account.
    """
    try:
        me = calls.get(line, calls.ME, "/users/me")
    except PermissionMissing as error:
        raise dead(error, line.credentials, line.now()) from error
    user = me.get("id") if isinstance(me, dict) else None
    if not isinstance(user, int) or isinstance(user, bool) or not 0 < user < 10**18:
        raise nonsense(calls.ME, "a user")
    try:
        told = calls.get(line, calls.SELLER_INFO, f"/users/{user}/seller-info")
    except PermissionMissing as error:
        raise as_family(AccountInactive, error) from error
    if not isinstance(told, dict) or "hasShop" not in told:
        raise nonsense(calls.SELLER_INFO, "a seller's description")
    alias = me.get("alias")
    return Seller(line.realm, str(user), clean(alias, 100) if isinstance(alias, str) else "", (SITE,))
