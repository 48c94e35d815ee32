"""What the tests of Amazon's listings share: a seller with listings, and the calls an app makes about them."""

from typing import Any
from urllib.parse import quote

import requests

from tests.unit.sandbox.seat import DE, Amazon, Json

ITEMS = "/listings/2021-08-01/items"


def stock(quantity: Any, op: str = "merge", channel: str = "DEFAULT") -> Json:
    value = [{"fulfillment_channel_code": channel, "quantity": quantity}]
    return {"op": op, "path": "/attributes/fulfillment_availability", "value": value}


def price(amount: Any, op: str = "merge", site: str = DE, currency: str = "EUR") -> Json:
    offer = {"marketplace_id": site, "currency": currency, "our_price": [{"schedule": [{"value_with_tax": amount}]}]}
    return {"op": op, "path": "/attributes/purchasable_offer", "value": [offer]}


class Shelf:
    """The listings of one seller, through the API and through the switches."""

    def __init__(self, amazon: Amazon, seller: Json, token: str) -> None:
        self.amazon, self.id, self.token = amazon, seller["seller_id"], token

    def send(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {"x-amz-access-token": self.token}
        url = f"{self.amazon.url}/amazon/api/eu{path}"
        return self.amazon.session.request(method, url, headers=headers, timeout=10, **more)

    def get(self, sku: str, site: str = DE, data: str = "summaries,attributes,issues,offers,fulfillmentAvailability"):
        path = f"{ITEMS}/{self.id}/{quote(sku, safe='')}"
        return self.send("GET", path, params={"marketplaceIds": site, "includedData": data})

    def patch(self, sku: str, *patches: Json, site: str = DE, product_type: str = "HOME", **query: str):
        path = f"{ITEMS}/{self.id}/{quote(sku, safe='')}"
        body = {"productType": product_type, "patches": list(patches)}
        return self.send("PATCH", path, params={"marketplaceIds": site, **query}, json=body)

    def make(self, **wish: Any) -> Json:
        made: Json = self.amazon.control(f"amazon/sellers/{self.id}/listings", wish)
        return made

    def change(self, sku: str, **wish: Any) -> Json:
        told: Json = self.amazon.control(f"amazon/sellers/{self.id}/listing/{quote(sku, safe='')}", wish)
        return told

    def refuse(self, **wish: Any) -> Json:
        told: Json = self.amazon.control(f"amazon/sellers/{self.id}/refusals", wish)
        return told

    def look(self, path: str) -> Any:
        answer = self.amazon.session.get(f"{self.amazon.url}/_sandbox/amazon/sellers/{self.id}/{path}", timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    def told(self, sku: str) -> tuple[str | None, int | None]:
        """Price in Germany and quantity, as they stand."""
        found = self.look(f"listing/{quote(sku, safe='')}")
        return found["prices"].get(DE), found["quantity"]
