"""What the seller has to do, by cause. Texts only; they are gettext message ids.

Names of Tradera's menus change, so the steps name as few of them as they can.
"""

from __future__ import annotations

from marketplaces.channel import AppKeys, Step
from marketplaces.channels.tradera.market import login_base

HOME = {"se": "https://www.tradera.com/"}
HELP = {"se": "https://info.tradera.com/"}

ACCOUNT_NEEDED = (
    "You need a Tradera account that sells. To keep prices and stock in step you also need a Tradera shop: "
    "auctions and single items are imported as orders, and never changed."
)

_OPEN = Step("Open Tradera and check that you are logged in there as the seller that this connection belongs to.", HOME)
_SAME = Step("If somebody else is logged in, log out there first: Tradera connects whoever is logged in.")
_CONTINUE = Step(
    "Come back here and press Continue. We test the stored access and, if needed, send you to Tradera to log in."
)
_ALLOW = Step("Tradera asks whether our app may work with your account. Allow it; you come back here by yourself.")

EXPIRED = (
    Step("Tradera gives access for a fixed time and never renews it by itself, so a new login is needed now and then."),
    _OPEN,
    _SAME,
    _CONTINUE,
    _ALLOW,
)
REVOKED = (
    _OPEN,
    Step("If you have taken our app's access away, or changed your password at Tradera, that has ended our access."),
    _SAME,
    _CONTINUE,
    _ALLOW,
)
INACTIVE = (
    _OPEN,
    Step("Read Tradera's messages to you: it may have paused your sales, or ask you to confirm who you are."),
    Step("Only accounts that sell can be connected. Ask Tradera's customer service if yours should be one.", HELP),
    Step("Come back here and press Continue. We also look by ourselves every hour."),
)
CREDENTIALS = (
    Step("There is nothing to type for Tradera: the access comes from the login alone."),
    _OPEN,
    _SAME,
    _CONTINUE,
)
UNKNOWN = (
    _OPEN,
    Step("Tradera does not say why it refuses access. Most often the time of the last login is over."),
    Step("It also ends access when you change your password there, or take our app's access away."),
    _SAME,
    _CONTINUE,
    _ALLOW,
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
    return f"{login_base(keys)}/my-account" if link and keys.get("LOGIN_BASE") else link
