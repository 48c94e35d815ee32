"""Orders of the wire whose shape or amounts cannot be read: told with their reason, so that one never spoils its page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from marketplaces.data import Order, Unmapped
from marketplaces.errors import Rejected
from marketplaces.moments import maybe_moment
from marketplaces.text import clean

# What a shape that we do not know does to the reading of it.
STRANGE = (KeyError, TypeError, AttributeError, ValueError, ArithmeticError, IndexError)


@dataclass(frozen=True, slots=True)
class Names:
    """How a channel calls the fields by which an order is known; `whose` says whose description of an order it is."""

    whose: str
    order_id: str
    created: str
    updated: str
    longest_id: int = 64


def one_of_page(
    raw: Any, read: Callable[[], Order], names: Names, site_of: Callable[[Mapping[str, Any]], str]
) -> Order | Unmapped:
    """What `read` makes of `raw`, or why it cannot; it never raises one of STRANGE or Rejected."""
    try:
        return read()
    except Rejected as error:
        reason, words, field = error.reason, error.words, error.field
    except STRANGE as error:
        reason, words, field = "channel_changed", _changed(names, error), ""
    known = raw if isinstance(raw, dict) else {}
    told = known.get(names.order_id)
    named = isinstance(told, (str, int)) and not isinstance(told, bool)
    return Unmapped(
        order_id=clean(told, names.longest_id) if named else "",
        site=site_of(known),
        created_at=maybe_moment(known.get(names.created)),
        updated_at=maybe_moment(known.get(names.updated)),
        reason=reason,
        words=words,
        field=field,
    )


def alone(read: Callable[[], Order], names: Names, call: str) -> Order:
    """What `read` makes of an order that was asked for by itself. Rejected "channel_changed" where its shape is unknown."""
    try:
        return read()
    except STRANGE as error:
        raise Rejected(_changed(names, error), reason="channel_changed", call=call) from error


def _changed(names: Names, error: Exception) -> str:
    what = f"{type(error).__name__}: {clean(str(error), 80)}"
    return f"{names.whose} description of this order has an unknown shape ({what})"
