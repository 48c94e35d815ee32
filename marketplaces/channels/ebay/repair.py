"""What the seller has to do, by cause, in today's menus of My eBay. Texts only; they are gettext message ids."""

from __future__ import annotations

from marketplaces.channel import AppKeys, Step
from marketplaces.channels.ebay.sites import REALM, site_base

_ACCESS = {REALM: "https://accounts.ebay.com/acctsec/authorization-management"}
_ACCOUNT = {REALM: "https://accounts.ebay.com/acctsec/account"}
_MESSAGES = {REALM: "https://www.ebay.com/mesg/ViewMyMessages"}
_HUB = {REALM: "https://www.ebay.com/sh/ovw"}

ACCOUNT_NEEDED = (
    "You need an eBay account that is registered as a seller, with business policies, "
    "and listings that were made by the Inventory API if prices and stock are to be pushed."
)

_CONTINUE = Step(
    "Come back here and press Continue. We test the connection and, if needed, send you to eBay to log in."
)
_LOG_IN = Step("Log in at eBay with the user name of this connection. eBay asks for it even if somebody is logged in.")
_AGREE = Step("Read what our app may do and press Agree. Nothing has to be copied.")

EXPIRED = (
    Step("eBay grants access for eighteen months. This time is over, so it has to be granted again."),
    _CONTINUE,
    _LOG_IN,
    _AGREE,
)
REVOKED = (
    Step("Access ends at once when the password or the user name is changed, or when our app is removed at eBay."),
    Step("If you like, see in My eBay, Account, Permissions for apps whether our app is still listed.", _ACCESS),
    _CONTINUE,
    _LOG_IN,
    _AGREE,
)
INACTIVE = (
    Step("Sign in to My eBay and read eBay's messages about the state of your account.", _MESSAGES),
    Step("Check in Seller Hub that your registration as a seller is complete and no limit holds it up.", _HUB),
    Step("Follow eBay's instructions to lift the suspension. Your stored access is kept meanwhile."),
    Step("Come back here and press Continue. We also look by ourselves every hour."),
)
CREDENTIALS = (
    Step("The login was of another eBay user than the one of this connection."),
    Step("Sign out at eBay, or use a private window, and press Continue here."),
    _LOG_IN,
    _AGREE,
)
UNKNOWN = (
    Step("eBay has ended our access and does not say why: after eighteen months, or because it was taken back."),
    Step("If you changed the password or the user name at eBay lately, that is the reason.", _ACCOUNT),
    _CONTINUE,
    _LOG_IN,
    _AGREE,
)
STEPS = {
    "expired": EXPIRED,
    "revoked": REVOKED,
    "inactive": INACTIVE,
    "credentials": CREDENTIALS,
    "unknown": UNKNOWN,
}


def step_link(step: Step, keys: AppKeys, realm: str) -> str:
    """The address that goes with `step`, "" if there is none; in the sandbox it leads to its own pages."""
    link = step.links.get(realm, "")
    if link and keys.get("LOGIN_BASE"):
        return f"{site_base(keys)}/{link.split('/', 3)[3]}"
    return link
