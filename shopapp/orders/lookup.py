"""Is this order in Shopify already? Read by the unique reference, many in one call. Never by the late search index.

What is read along for others is kept for half a minute and handed out once. It only speaks for a row whose last send
had the settle time to arrive before it was read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from marketplaces.data import Money
from shopapp import clock
from shopapp.orders.to_shopify import NAMESPACE, REF_KEY
from shopapp.shopify_admin.client import Admin

BATCH = 50
LIFE = timedelta(seconds=30)
UNDEFINED = "NOT_FOUND"  # code of an error: references are not defined (any more). An order that is not there is null
_FIELDS = "id name cancelledAt totalPriceSet { presentmentMoney { amount currencyCode } }"


@dataclass(frozen=True, slots=True)
class There:
    """An order as Shopify has it."""

    gid: str
    name: str
    cancelled: bool
    total: Money | None


@dataclass(frozen=True, slots=True)
class Looked:
    """The answer for one reference, and when it was asked."""

    there: There | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose reference is looked up. An answer must be `not_before`, so that an earlier send has had time to arrive."""

    order_id: int
    ref: str
    not_before: datetime | None = None


def total_of(order: dict[str, Any]) -> Money | None:
    """What Shopify shows as the order's total, in the buyer's currency; None when it does not tell."""
    try:
        money = order["totalPriceSet"]["presentmentMoney"]
        return Money.parse(money["amount"], money["currencyCode"])
    except (KeyError, TypeError, ValueError):
        return None


def there(order: dict[str, Any]) -> There:
    """An order of Shopify's answer, as what we need of it."""
    return There(str(order["id"]), str(order.get("name") or ""), bool(order.get("cancelledAt")), total_of(order))


def read(admin: Admin, refs: list[str]) -> dict[str, There | None]:
    """Look up to 50 references up in one call; Shopify's errors pass through. Network."""
    names = [f"$r{at}: String!" for at in range(len(refs))]
    by_ref = f'customId: {{namespace: "{NAMESPACE}", key: "{REF_KEY}", value: $r'
    parts = [f"a{at}: orderByIdentifier(identifier: {{{by_ref}{at}}}}}) {{ {_FIELDS} }}" for at in range(len(refs))]
    text = f"query OrdersByMarketplaceRefs({', '.join(names)}) {{ {' '.join(parts)} }}"
    values = {f"r{at}": ref for at, ref in enumerate(refs)}
    data = admin.run_text(text, "OrdersByMarketplaceRefs", values, len(refs))
    found = ((ref, data.get(f"a{at}")) for at, ref in enumerate(refs))
    return {ref: there(order) if order else None for ref, order in found}


class Lookups:
    """Answers read along for others of the same shop. Per process; threads that miss wait for each other."""

    def __init__(self) -> None:
        self._answers: dict[int, Looked] = {}
        self._served: dict[int, datetime] = {}  # who has had an answer lately: on its way, not asked along again
        self._lock = threading.Lock()
        self._asking: dict[int, threading.Lock] = {}

    def find(self, admin: Admin, shop_id: int, mine: Asked, others: Callable[[], Iterable[Asked]] = tuple) -> Looked:
        """The answer for `mine`; `others` are asked along when a call is made. Network."""
        found = self._take(mine)
        if found is not None:
            return found
        with self._lock:
            asking = self._asking.setdefault(shop_id, threading.Lock())
        with asking:
            found = self._take(mine)
            if found is not None:
                return found
            company = self._unasked(mine, others())
            at = clock.now()
            answers = read(admin, [mine.ref, *(one.ref for one in company)])
            with self._lock:
                self._answers |= {one.order_id: Looked(answers[one.ref], at) for one in company}
                self._served[mine.order_id] = at
        return Looked(answers[mine.ref], at)

    def _unasked(self, mine: Asked, others: Iterable[Asked]) -> list[Asked]:
        """Those of `others` whose answer is neither at hand nor on its way."""
        oldest = clock.now() - LIFE
        with self._lock:
            self._answers = {key: kept for key, kept in self._answers.items() if kept.at > oldest}
            self._served = {key: at for key, at in self._served.items() if at > oldest}
            known = {mine.order_id, *self._answers, *self._served}
        return [one for one in others if one.order_id not in known][: BATCH - 1]

    def _take(self, mine: Asked) -> Looked | None:
        now = clock.now()
        with self._lock:
            found = self._answers.pop(mine.order_id, None)
            if found is None or not now - LIFE < found.at <= now:
                return None  # too old, or of a time to come: the clock was set back, and nobody knows how old
            self._served[mine.order_id] = now
        return found if mine.not_before is None or found.at >= mine.not_before else None
