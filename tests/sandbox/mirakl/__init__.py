"""The stand-in for marketplaces that run on Mirakl: several instances, each with its shops, and their switches.

Written from the vendor's contract for sellers; it owns the state of shops, their orders, offers and imports.
"""

from flask import Flask

from tests.sandbox.mirakl import account, control, imports, offers, orders, pages
from tests.sandbox.mirakl.gate import Gate
from tests.sandbox.mirakl.shops import Shops
from tests.sandbox.world import World


def register(app: Flask, world: World) -> None:
    """Add all routes of this stand-in."""
    world.app_settings.append(lambda: app_settings(world))
    shops = Shops(world)
    gate = Gate(world, shops)
    account.register(app, gate)
    orders.register(app, gate)
    offers.register(app, gate)
    imports.register(app, gate)
    control.register(app, world, shops, gate)
    pages.register(app, world, shops)
    gate.register_unknown(app)


def app_settings(world: World) -> dict[str, str]:
    """What the app is to be set to, so that it speaks to this stand-in whatever instance somebody types."""
    return {"MIRAKL_OFFERED": "1", "MIRAKL_API_BASE": f"{world.url}/mirakl/{{instance}}"}
