"""The stand-in for Amazon: seller pages, Login with Amazon, SP-API, and their switches.

Written from the vendor's contracts and from answers observed live; it owns the state of sellers, their orders and their listings.
"""

from flask import Flask

from tests.sandbox.amazon import (
    control,
    control_listings,
    documents,
    feeds,
    listings,
    login,
    manage,
    orders,
    reports,
    shipments,
    tokens,
)
from tests.sandbox.amazon.applier import Applier
from tests.sandbox.amazon.buckets import Buckets
from tests.sandbox.amazon.sellers import Sellers
from tests.sandbox.amazon.store import store_of
from tests.sandbox.world import World


def register(app: Flask, world: World) -> None:
    """Add all routes of this stand-in."""
    world.app_settings.append(lambda: app_settings(world))
    sellers = Sellers(world)
    buckets = Buckets(world)
    pages = login.SellerPages(world, sellers)
    login.register(app, pages)
    manage.register(app, pages)
    tokens.register(app, world, sellers)
    api = orders.Api(world, sellers, buckets)
    orders.register(app, api)
    applier = Applier(world, sellers)
    listings.register(app, api, applier)
    files = documents.Documents(world)
    documents.register(app, files)
    reports.register(app, api, applier, files)
    feeds.register(app, api, applier, files)
    shipments.register(app, api)
    control.register(app, world, sellers, buckets)
    control_listings.register(app, world, sellers)
    if store_of(world).exists:
        applier.start()


def app_settings(world: World) -> dict[str, str]:
    """What the app is to be set to, so that it speaks to this stand-in."""
    return {
        "AMAZON_CLIENT_ID": world.settings.amazon_client_id,
        "AMAZON_CLIENT_SECRET": world.settings.amazon_client_secret,
        "AMAZON_APPLICATION_ID": world.settings.amazon_application_id,
        "AMAZON_API_BASE": f"{world.url}/amazon/api/{{region}}",
        "AMAZON_LOGIN_BASE": f"{world.url}/amazon/sellercentral/{{region}}",
        "AMAZON_TOKEN_URL": f"{world.url}/amazon/auth/o2/token",
    }
