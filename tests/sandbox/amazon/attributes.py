"""Owns what a listing's attributes are: how a patch changes them, what is wrong with a patch, what price they say.

Amounts inside attributes are kept as text and shown as numbers. Knows no seller and no HTTP.
"""

import json
from decimal import Decimal
from typing import Any

from tests.sandbox.amazon.regions import MARKETPLACES

Json = dict[str, Any]
Attributes = dict[str, list[Json]]
OFFER, STOCK = "purchasable_offer", "fulfillment_availability"
SELECTORS = {OFFER: ("marketplace_id", "audience"), STOCK: ("fulfillment_channel_code",)}
OPS = ("add", "replace", "merge", "delete")
HIGHEST = 99_999_999


def read_body(raw: bytes) -> Any:
    """JSON with exact numbers. Raises ValueError."""
    return json.loads(raw, parse_float=Decimal, parse_constant=_no_number)


def _no_number(text: str) -> Any:
    raise ValueError(f"not a JSON number: {text}")


def as_text(value: Any) -> str:
    """Attributes as they are stored: decimal numbers as {"#": digits}, so that none is rounded."""
    return json.dumps(value, ensure_ascii=False, default=lambda number: {"#": format(number, "f")})


def from_text(text: str) -> Any:
    """The opposite of `as_text`."""
    return json.loads(text, object_hook=lambda one: Decimal(one["#"]) if one.keys() == {"#"} else one)


def plain(value: Any) -> Any:
    """Attributes as an answer shows them: decimals as JSON numbers."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return float(value) if isinstance(value, Decimal) else value


def _key(name: str, element: Json, site: str) -> tuple[Any, ...]:
    defaults = {"marketplace_id": site, "audience": "ALL", "fulfillment_channel_code": "DEFAULT"}
    return tuple(element.get(one, defaults.get(one)) for one in SELECTORS.get(name, ("marketplace_id", "language_tag")))


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {name: _merged(old.get(name), one) for name, one in new.items()}
    if isinstance(old, list) and isinstance(new, list):
        return [_merged(old[at] if at < len(old) else None, one) for at, one in enumerate(new)]
    return new


def patched(attributes: Attributes, patches: list[Json], site: str) -> Attributes:
    """The attributes after the patches, made for one site; both are used up by this.

    `replace` sets a whole attribute: what stood beside the named value (a lead time, prices for companies) is gone.
    `merge` changes what it names only. Other sites' elements stay either way.
    """
    after = dict(attributes)
    for patch in patches:
        name = patch["path"].removeprefix("/attributes/").split("/")[0]
        held, given = after.get(name, []), patch.get("value") or []
        match patch["op"]:
            case "merge":
                for element in given:
                    key = _key(name, element, site)
                    known = [one for one in held if _key(name, one, site) == key]
                    if known:
                        held[held.index(known[0])] = _merged(known[0], element)
                    else:
                        held.append(element)
            case "delete":
                keys = [_key(name, element, site) for element in given]
                held = [one for one in held if given and _key(name, one, site) not in keys]
            case _:
                others = [one for one in held if one.get("marketplace_id", site) != site]
                held = [*others, *given]
        after[name] = held
    return after


def price_of(attributes: Attributes, site: str, audience: str = "ALL") -> Decimal | None:
    """What a buyer pays on a site; None without an offer there."""
    for offer in attributes.get(OFFER, []):
        if (offer.get("marketplace_id"), offer.get("audience", "ALL")) == (site, audience):
            try:
                return Decimal(offer["our_price"][0]["schedule"][0]["value_with_tax"])
            except (KeyError, IndexError, TypeError):
                return None
    return None


def stock_of(attributes: Attributes) -> tuple[str, int | None]:
    """Channel and quantity."""
    held = attributes.get(STOCK) or [{}]
    return str(held[0].get("fulfillment_channel_code", "DEFAULT")), held[0].get("quantity")


def issue(
    code: str, message: str, attribute: str, category: str = "INVALID_ATTRIBUTE", severity: str = "ERROR"
) -> Json:
    """One issue of the contract."""
    return {
        "code": code,
        "message": message,
        "severity": severity,
        "attributeNames": [attribute],
        "categories": [category],
    }


def faults(patches: list[Json], site: str, channel: str) -> list[Json]:
    """What is wrong with the values of patches for a listing of that channel on that site."""
    found: list[Json] = []
    for patch in patches:
        name = patch["path"].removeprefix("/attributes/")
        if not patch["path"].startswith("/attributes/") or "/" in name:
            text = f"The path '{patch['path']}' is not supported. Only top-level attributes can be patched."
            found.append(issue("4000001", text, name))
        elif patch["op"] != "delete" and not patch.get("value"):
            found.append(issue("90220", f"'{name}' is required but not supplied.", name, "MISSING_ATTRIBUTE"))
        elif name == STOCK:
            found += [fault for one in patch.get("value") or () for fault in _stock_faults(one, channel)]
        elif name == OFFER and patch["op"] != "delete":
            found += [fault for one in patch["value"] for fault in _offer_faults(one, site)]
    return found


def _stock_faults(element: Json, channel: str) -> list[Json]:
    quantity, code = element.get("quantity"), element.get("fulfillment_channel_code")
    if code is None:
        text = "'fulfillment_channel_code' is required but not supplied."
        return [issue("90220", text, f"{STOCK}.fulfillment_channel_code", "MISSING_ATTRIBUTE")]
    if code != "DEFAULT" or channel != "DEFAULT":
        text = "The quantity of an offer that is fulfilled by Amazon cannot be changed."
        return [issue("90057", text, f"{STOCK}.fulfillment_channel_code")]
    if quantity is not None and (isinstance(quantity, bool) or not isinstance(quantity, int)):
        return [issue("90244", f"The value '{quantity}' for 'quantity' is not an integer.", f"{STOCK}.quantity")]
    if quantity is not None and not 0 <= quantity <= HIGHEST:
        text = f"The value '{quantity}' for 'quantity' must be between 0 and {HIGHEST}."
        return [issue("90226", text, f"{STOCK}.quantity")]
    return []


def _offer_faults(element: Json, site: str) -> list[Json]:
    if element.get("marketplace_id", site) != site:
        text = f"The value '{element['marketplace_id']}' for 'marketplace_id' is not one of the request."
        return [issue("90244", text, f"{OFFER}.marketplace_id")]
    wanted = MARKETPLACES[site].currency
    if element.get("currency", wanted) != wanted:
        text = f"The currency '{element['currency']}' is not valid for this marketplace."
        return [issue("90244", text, f"{OFFER}.currency", "INVALID_PRICE")]
    where = f"{OFFER}.our_price"
    found = []
    for price in element.get("our_price", ()):
        for schedule in price.get("schedule", ()):
            value = schedule.get("value_with_tax")
            if isinstance(value, bool) or not isinstance(value, int | Decimal):
                text = f"The value '{value}' for 'value_with_tax' is not a number."
                found.append(issue("90244", text, where, "INVALID_PRICE"))
            elif value <= 0 or Decimal(value) != round(Decimal(value), 0 if wanted == "JPY" else 2):
                text = f"The value '{value}' for 'value_with_tax' is not a price in {wanted}."
                found.append(issue("90226", text, where, "INVALID_PRICE"))
        if not price.get("schedule"):
            text = "The field 'schedule' for the attribute 'purchasable_offer.our_price' does not have enough values."
            found.append(issue("99022", text, where, "MISSING_PRICE"))
    return found


def touched(patches: list[Json]) -> set[str]:
    """ "price" and "quantity", as far as the patches name them."""
    names = {patch["path"].removeprefix("/attributes/") for patch in patches}
    return {word for word, name in (("price", OFFER), ("quantity", STOCK)) if name in names}
