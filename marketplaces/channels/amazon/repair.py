"""What the seller has to do, by cause, in today's menus of Seller Central. Texts only; they are gettext message ids."""

from __future__ import annotations

from marketplaces.channel import AppKeys, Step
from marketplaces.channels.amazon.regions import REGIONS, central_base

_MANAGE = {one.key: f"https://{one.central}/apps/manage" for one in REGIONS}
_DEVELOP = {one.key: f"https://{one.central}/sellingpartner/developerconsole" for one in REGIONS}
_ACCOUNT = {one.key: f"https://{one.central}/hz/sc/account-information" for one in REGIONS}
_HEALTH = {one.key: f"https://{one.central}/performance/dashboard" for one in REGIONS}

ACCOUNT_NEEDED = (
    "You need an Amazon seller account with the Professional selling plan, "
    "active in at least one marketplace of the region."
)

_SIGN_IN = Step("Sign in to Seller Central as the main user, in the region that this connection belongs to.")
_OPEN = Step("Open Apps & Services, then Manage Your Apps.", _MANAGE)
_FIND = Step("Find our app in the list. Its name and application ID are shown above.")
_BACK = Step("Come back here and press Continue. We test the connection and, if needed, send you to Amazon to log in.")

EXPIRED = (
    _SIGN_IN,
    _OPEN,
    _FIND,
    Step("Press Renew or Re-Authorize beside it. Amazon grants access for one year, so this is needed once a year."),
    _BACK,
)
REVOKED = (
    _SIGN_IN,
    _OPEN,
    Step("If our app is listed as disabled, press Enable or Authorize. If it is not listed, access was removed."),
    _BACK,
    Step("If you copy tokens by hand: authorize the app again, accept the terms, save seller ID and refresh token."),
)
INACTIVE = (
    Step("Sign in to Seller Central and read the messages about the state of your account.", _HEALTH),
    Step(
        "Check that the account is active, uses the Professional plan, and that no marketplace is set to inactive.",
        _ACCOUNT,
    ),
    Step("Follow Amazon's instructions to reactivate it. Your stored access is kept meanwhile."),
    Step("Come back here and press Continue. We also look by ourselves every hour."),
)
CREDENTIALS = (
    Step("Compare the seller ID with the merchant token in Seller Central under Settings, Account info.", _ACCOUNT),
    Step("Open Apps & Services, then Develop Apps, and authorize the app again to get a new refresh token.", _DEVELOP),
    Step("Enter seller ID and refresh token under Reconnect manually. Both must belong to the same seller and region."),
)
UNKNOWN = (
    _SIGN_IN,
    _OPEN,
    Step("Renew or Re-Authorize beside our app means that access has expired: press it."),
    Step("Enable or Authorize beside our app, or no entry at all, means that access was revoked: allow it again."),
    Step("Amazon also ends access early at times, for example after changes on its side or of your password."),
    _BACK,
)
STEPS = {
    "expired": EXPIRED,
    "revoked": REVOKED,
    "inactive": INACTIVE,
    "credentials": CREDENTIALS,
    "unknown": UNKNOWN,
}


def step_link(step: Step, keys: AppKeys, realm: str) -> str:
    """The address that goes with `step` in `realm`, "" if there is none; in the sandbox it leads to its own pages."""
    link = step.links.get(realm, "")
    if link and keys.get("LOGIN_BASE"):
        return f"{central_base(keys, realm)}/{link.split('/', 3)[3]}"
    return link
