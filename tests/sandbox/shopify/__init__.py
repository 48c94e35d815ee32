"""A stand-in for Shopify's per-shop side: tokens, Admin GraphQL, webhooks, and the switches to steer them.

Written from the vendor's contract and documentation; it imports nothing of the product.
"""

from flask import Blueprint, Flask

from tests.sandbox.shopify import bulk, control, graphql, tokens
from tests.sandbox.shopify.orders import settle_all
from tests.sandbox.shopify.webhooks import sender_of
from tests.sandbox.world import World


def register(app: Flask, world: World) -> None:
    """Add the endpoints of this part."""
    part = Blueprint("shopify", __name__)
    tokens.register(part, world)
    graphql.register(part, world)
    control.register(part, world)
    bulk.register(part, world)
    app.register_blueprint(part)
    sender_of(world).chores.append(lambda: settle_all(world))
    sender_of(world).chores.append(lambda: bulk.settle_all(world))
