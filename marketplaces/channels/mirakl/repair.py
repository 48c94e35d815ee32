"""What the seller has to do, by cause, in today's menus of the seller pages. Texts only; they are gettext message ids.

Every marketplace has its own address, so no step can link to it.
"""

from __future__ import annotations

from marketplaces.channel import Step

ACCOUNT_NEEDED = (
    "You need an active shop on a marketplace that runs on Mirakl, and the right to generate an API key there."
)

_SIGN_IN = Step("Sign in to the seller pages of this marketplace, as a user of the shop that is connected here.")
_OPEN = Step("Open the menu behind your user name at the top right, then My user settings, then API key.")
_GENERATE = Step(
    "Press Generate to get a new key. The old one ends at that moment, also in other programs that use it."
)
_ENTER = Step("Enter the new key here under Enter the access data again. We test it at once.")
_CONTINUE = Step("Come back here and press Continue. We also look by ourselves.")

CREDENTIALS = (
    _SIGN_IN,
    _OPEN,
    Step("Compare the end of the key shown there with the end of the one stored here."),
    _GENERATE,
    _ENTER,
)
EXPIRED = (
    _SIGN_IN,
    _OPEN,
    Step("If the key shown there has run out or is empty, press Generate. The new key replaces it."),
    _ENTER,
)
REVOKED = (
    _SIGN_IN,
    Step("If you cannot sign in, your user was locked or removed: ask the owner of the shop for access."),
    _OPEN,
    _GENERATE,
    _ENTER,
)
INACTIVE = (
    Step("Sign in to the seller pages of this marketplace and read its messages about the state of your shop."),
    Step("Complete what is missing: the profile of the shop, the documents about your company, the bank account."),
    Step("If the shop is suspended or was never opened, ask the operator of the marketplace to activate it."),
    Step("Your stored key is kept meanwhile, and nothing has to be entered again."),
    _CONTINUE,
)
UNKNOWN = (
    _SIGN_IN,
    Step("Check whether the shop is open and whether your user still belongs to it."),
    _OPEN,
    Step("If the key there differs from the one stored here, or if you are not sure, generate a new one."),
    _ENTER,
)
STEPS = {
    "expired": EXPIRED,
    "revoked": REVOKED,
    "inactive": INACTIVE,
    "credentials": CREDENTIALS,
    "unknown": UNKNOWN,
}
