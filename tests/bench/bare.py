"""The yardstick of an import: bare threads that send the same orders' HTTP calls and nothing else, as fast as they can.

`python -m tests.bench.bare --count 1000`; no database, no queue, no claims. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from marketplaces.channel import AppKeys
from marketplaces.channels.amazon import mapping
from shopapp import clock, create_app
from shopapp.orders import to_shopify
from shopapp.shopify_admin import wire
from shopapp.shopify_admin.client import API_VERSION
from shopapp.shopify_admin.documents import load
from tests.bench.double import DE, amazon_order


def main() -> int:
    """Send them."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bare", description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=50_000_000)
    parser.add_argument("--shops", type=int, default=12)
    parser.add_argument("--threads", type=int, default=16)
    args = parser.parse_args()
    create_app()
    place, now, operation = mapping.Place(AppKeys({}), "eu", (DE,)), clock.now(), load("OrderCreate")

    def send(number: int) -> None:
        sale = mapping.order(amazon_order(number, now - timedelta(minutes=5), "SKU-1"), place)
        making = to_shopify.Making(
            ref=f"bare:{number}", channel="amazon", channel_name="Amazon", site_name="Amazon.de",
            variants=["gid://shopify/ProductVariant/1"], shop_currency="EUR", rate=None, backfill=False, now=now,
        )  # fmt: skip
        variables = to_shopify.variables(sale, making)
        body = wire.dumps({"query": operation.text, "variables": variables, "operationName": operation.name})
        url = f"https://bare-{number % args.shops}.myshopify.com/admin/api/{API_VERSION}/graphql.json"
        answer = wire.post(url, body, {"X-Shopify-Access-Token": "bare"}, call=operation.name, effect=True)
        assert answer.body["data"]["orderCreate"]["order"]["id"]

    with ThreadPoolExecutor(args.threads) as pool:
        list(pool.map(send, range(args.first, args.first + args.threads)))  # connections are warm
        begun = time.perf_counter()
        list(pool.map(send, range(args.first + args.threads, args.first + args.count)))
        took = time.perf_counter() - begun
    print(json.dumps({"per_second": (args.count - args.threads) / took}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
