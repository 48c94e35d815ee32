"""The stand-in for Tradera: token login, REST API v4, and their switches.

Written from the vendor's public documents and the fixtures made from them; it owns the state of members, orders and items.
"""

from flask import Flask

from tests.sandbox.tradera import control, items, login, orders
from tests.sandbox.tradera.gate import Gate
from tests.sandbox.tradera.members import APP_ID, APP_KEY, PUBLIC_KEY, Members
from tests.sandbox.world import World


def register(app: Flask, world: World) -> None:
    """Add all routes of this stand-in."""
    members = Members(world)
    gate = Gate(world, members)
    world.app_settings.append(lambda: app_settings(world, gate))
    login.register(app, world, members, gate)
    orders.register(app, world, gate)
    items.register(app, world, gate)
    control.register(app, world, members, gate)


def app_settings(world: World, gate: Gate) -> dict[str, str]:
    """What the app is to be set to, so that it speaks to this stand-in."""
    return {
        "TRADERA_APP_ID": APP_ID,
        "TRADERA_APP_KEY": APP_KEY,
        "TRADERA_PUBLIC_KEY": PUBLIC_KEY,
        "TRADERA_DAILY_CALLS": str(gate.daily_calls),
        "TRADERA_API_BASE": f"{world.url}/tradera",
        "TRADERA_LOGIN_BASE": f"{world.url}/tradera",
    }
