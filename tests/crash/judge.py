"""The judge: reads the sandbox's ledger and shelves, never the product's database, and says what was lost or doubled."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.crash.load import Control, Place


@dataclass(slots=True)
class Verdict:
    """What the ledger says. `lost` and `doubled` hold marketplace order ids."""

    orders: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)  # by the sandbox itself: then it is no witness
    mails: int = 0
    mails_twice: int = 0
    unmailed: list[str] = field(default_factory=list)

    def fine(self, kills: int) -> bool:
        """None lost, none doubled, every failure mailed, at most one mail twice for each kill."""
        broken = self.lost or self.doubled or self.invented or self.forgotten or self.unmailed
        return not broken and self.mails_twice <= kills


class Created:
    """How often each marketplace order was created in a shop: the ledger, read on from where it was read last."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._read = 0
        self._times: dict[str, Counter[str]] = {}

    def of(self, place: Place) -> Counter[str]:
        """Order id -> how many times it was created there."""
        for row in self._control.lines("/ledger", effect="order.created", since=str(self._read)):
            counter = self._times.setdefault(str(row["body"].get("shop")), Counter())
            counter[str(row["key"]).rsplit(":", 1)[-1]] += 1
            self._read = int(row["n"])
        return self._times.setdefault(place.domain, Counter())


def _listed(control: Control, place: Place) -> dict[str, bool]:
    """Orders that the marketplace lists as paid, unshipped and ours to ship -> whether all SKUs are known in the shop."""
    skus = {one["sku"] for one in control.call("GET", f"/shops/{place.domain}").json()["products"]}
    rows: list[dict[str, Any]] = control.call("GET", f"/amazon/sellers/{place.seller}/orders").json()
    found = {}
    for order in rows:
        fulfilment = order.get("fulfillment") or {}
        if fulfilment.get("fulfillmentStatus") == "UNSHIPPED" and fulfilment.get("fulfilledBy") == "MERCHANT":
            wanted = {item["product"].get("sellerSku") for item in order["orderItems"]}
            found[str(order["orderId"])] = wanted <= skus
    return found


def judge(control: Control, places: list[Place]) -> Verdict:
    """Compare what was sold with what was created, and look at the mails."""
    verdict = Verdict()
    for place in places:
        made, listed = Created(control).of(place), _listed(control, place)
        known = {order_id for order_id, good in listed.items() if good}
        verdict.orders += len(known)
        verdict.lost += sorted(known - set(made))
        verdict.doubled += sorted(order_id for order_id, times in made.items() if times > 1)
        verdict.invented += sorted(set(made) - known)
        verdict.forgotten += sorted({*place.good, *place.bad} - set(listed))
        mails = control.call("GET", "/mails", to=place.email).json()
        ids = Counter(mail["message_id"] for mail in mails)
        verdict.mails += len(mails)
        verdict.mails_twice += sum(times - 1 for times in ids.values())
        text = "\n".join(mail["text"] for mail in mails)
        verdict.unmailed += sorted(one for one, good in listed.items() if not good and one not in text)
    return verdict
