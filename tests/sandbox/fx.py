"""Owns the exchange rates, served in the European Central Bank's daily format. The numbers are examples, not quotes."""

from datetime import datetime, timedelta
from typing import Any
from xml.sax.saxutils import quoteattr

from flask import Flask, Response, jsonify

from tests.sandbox.control import body
from tests.sandbox.world import World

PER_EURO = {
    "USD": "1.0845", "JPY": "162.35", "CZK": "25.214", "DKK": "7.4601", "GBP": "0.8362", "PLN": "4.3125",
    "SEK": "11.4520", "CHF": "0.9410", "NOK": "11.7015", "TRY": "36.9080", "AUD": "1.6612", "BRL": "6.2030",
    "CAD": "1.5108", "MXN": "21.3475", "INR": "91.2640", "SGD": "1.4620",
}  # fmt: skip
PUBLISHED_AT_HOUR = 15


def business_day(now: datetime) -> str:
    """The day of the rates known at `now`: published in the afternoon (UTC), Monday to Friday."""
    day = now if now.hour >= PUBLISHED_AT_HOUR else now - timedelta(days=1)
    while day.weekday() >= 5:
        day -= timedelta(days=1)
    return day.date().isoformat()


def document(day: str, rates: dict[str, str]) -> str:
    """The XML of one day: units of each currency for one euro."""
    lines = "\n".join(
        f"\t\t\t<Cube currency={quoteattr(code)} rate={quoteattr(rate)}/>" for code, rate in rates.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"'
        ' xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">\n'
        "\t<gesmes:subject>Reference rates</gesmes:subject>\n"
        "\t<gesmes:Sender>\n\t\t<gesmes:name>Sandbox</gesmes:name>\n\t</gesmes:Sender>\n"
        f"\t<Cube>\n\t\t<Cube time={quoteattr(day)}>\n{lines}\n\t\t</Cube>\n\t</Cube>\n</gesmes:Envelope>\n"
    )


def register(app: Flask, world: World) -> None:
    """Add GET /fx/eurofxref-daily.xml, and POST /_sandbox/fx {"rates": {"USD": "1.1"}, "day": ISO date or null}."""

    @app.get("/fx/eurofxref-daily.xml")
    def daily() -> Response:
        def execute() -> Response:
            with world.lock:
                wish = dict(world.part("fx"))
            day = wish.get("day") or business_day(world.clock.now())
            world.ledger.record("fx", "fx.read", day)
            return Response(document(day, PER_EURO | wish.get("rates", {})), content_type="text/xml; charset=utf-8")

        return world.faults.run("fx", "daily", {}, execute)

    @app.post("/_sandbox/fx")
    def set_rates() -> Response:
        wish: dict[str, Any] = body()
        rates = {str(code): str(rate) for code, rate in (wish.get("rates") or {}).items()}
        with world.lock:
            part = world.part("fx")
            part.setdefault("rates", {}).update(rates)
            if "day" in wish:
                part["day"] = wish["day"]
        world.touch("fx")
        return jsonify(rates=PER_EURO | part["rates"], day=part.get("day"))
