"""The stand-in for eBay: consent pages, tokens, the Sell, Identity and Notification APIs, and their switches.

Written from the vendor's contracts and from answers observed live; it owns the state of users, their orders and inventory.
"""

from flask import Flask

from tests.sandbox.ebay import account, control, inventory, login, notices, orders, shipments, tokens
from tests.sandbox.ebay.gate import Gate
from tests.sandbox.ebay.users import Users, app_of
from tests.sandbox.world import World


def register(app: Flask, world: World) -> None:
    """Add all routes of this stand-in."""
    ours = app_of()
    world.app_settings.append(
        lambda: {
            "EBAY_CLIENT_ID": ours.client_id,
            "EBAY_CLIENT_SECRET": ours.client_secret,
            "EBAY_RUNAME": ours.runame,
            "EBAY_VERIFICATION_TOKEN": ours.verification_token,
            "EBAY_API_BASE": f"{world.url}/ebay/api",
            "EBAY_LOGIN_BASE": f"{world.url}/ebay/login",
        }
    )
    users = Users(world, ours)
    gate = Gate(world, users)
    login.register(app, world, users)
    tokens.register(app, world, users)
    account.register(app, gate)
    orders.register(app, gate)
    shipments.register(app, gate)
    inventory.register(app, gate)
    notices.register(app, gate)
    control.register(app, gate)
