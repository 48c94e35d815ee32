"""The plans' chores: fetch exchange rates daily, value what waited for them, look at periods that turned."""

from __future__ import annotations

from urllib.parse import urlsplit

from marketplaces.wire import Http
from shopapp import clock
from shopapp.plans import gate, ledger, rates
from shopapp.records import db
from shopapp.records.models import Shop
from shopapp.runtime import config


def fetch_rates() -> None:
    """Fetch and store the day's rates, then value the ledger entries that waited. Transient when nothing usable came."""
    url = config()["FX_RATES_URL"]
    http = Http(hosts=(urlsplit(url).hostname or "",), now=clock.now)
    try:
        day, found = rates.parse(http.text("exchange rates", url).text)
    finally:
        http.close()
    with db.writing() as s:
        rates.store(s, day, found)
        changed = ledger.value_waiting(s)
    for shop_id in changed:
        with db.writing() as s:
            gate.refresh(s, s.get_one(Shop, shop_id))
