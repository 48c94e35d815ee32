"""Pushes price and stock of one listing, by PATCH. Many at once are `feeds`' business, what holds is read by `listings`.

`merge` on the two attributes leaves their siblings (restock date, lead time, business prices) as they are; `replace`
would wipe them. Vendor: "Listings Items API 2021-08-01", patchListingsItem.
"""

from __future__ import annotations

from typing import Any

from marketplaces.channel import Line
from marketplaces.channels.amazon import calls
from marketplaces.channels.amazon.answers import check
from marketplaces.channels.amazon.listings import path_of
from marketplaces.channels.amazon.reports import MERCHANT
from marketplaces.data import ListingChange, PushResult, PushVerdict
from marketplaces.errors import Rejected, Transient
from marketplaces.text import clean

ANY_PRODUCT = "PRODUCT"  # the product type that offers of every kind have in common
_FIELDS = {"purchasable_offer": "price", "fulfillment_availability": "quantity"}
LONGEST = 480


def push(line: Line, site: str, change: ListingChange) -> PushResult:
    """One change. Accepted is not applied: what holds is to be read some time later."""
    body = {"productType": change.product_type or ANY_PRODUCT, "patches": patches(site, change)}
    params = {"marketplaceIds": site, "includedData": "issues"}
    answer = calls.send(line, calls.PATCH_LISTING, "PATCH", path_of(line, change.sku), params, body=body)
    try:
        told = check(answer, secrets=calls.secrets_of(line))
    except Rejected as error:
        code = "not_found" if error.reason == "not_found" else error.code
        return PushResult(change.key, change.sku, PushVerdict.REFUSED, error.words, code, error.field)
    match told.get("status"):
        case "ACCEPTED":
            submission = said(told.get("submissionId"), 100)
            return PushResult(change.key, change.sku, PushVerdict.ACCEPTED, submission)
        case "INVALID":
            return refusal(change.key, change.sku, told.get("issues"))
    words = "an answer to a patch of an unknown shape"
    raise Transient(words, maybe_done=True, call=calls.PATCH_LISTING.operation)


def patches(site: str, change: ListingChange) -> list[dict[str, Any]]:
    """The patch operations of a change, for the single call and for the feed alike."""
    made: list[dict[str, Any]] = []
    if change.quantity is not None:
        value: dict[str, Any] = {"fulfillment_channel_code": MERCHANT, "quantity": change.quantity}
        made.append({"op": "merge", "path": "/attributes/fulfillment_availability", "value": [value]})
    if change.price is not None:
        price = [{"schedule": [{"value_with_tax": change.price.decimal}]}]
        value = {"marketplace_id": site, "currency": change.price.currency, "our_price": price}
        made.append({"op": "merge", "path": "/attributes/purchasable_offer", "value": [value]})
    return made


def refusal(key: str, sku: str, issues: Any) -> PushResult:
    """Why a change was refused: Amazon's errors in its own words, the first one's code and field."""
    known = issues if isinstance(issues, list) else []
    errors = [one for one in known if isinstance(one, dict) and one.get("severity") == "ERROR"]
    words = " ".join(filter(None, dict.fromkeys(said(one.get("message"), LONGEST) for one in errors)))
    named = [name for one in errors for name in _names(one)]
    field = next((ours for name in named for theirs, ours in _FIELDS.items() if name.startswith(theirs)), "")
    code = said(errors[0].get("code"), 60) if errors else ""
    return PushResult(key, sku, PushVerdict.REFUSED, words[:LONGEST], code, field or (named[0] if named else ""))


def said(value: Any, limit: int) -> str:
    """A text of Amazon's; "" for what is none."""
    return clean(value, limit) if isinstance(value, str) else ""


def _names(issue: dict[str, Any]) -> list[str]:
    """The attributes that an issue names; the report of a feed calls them otherwise than the answer to a call."""
    several = issue.get("attributeNames")
    found = several if isinstance(several, list) else [issue.get("attributeName")]
    return [name for one in found if (name := said(one, 100))]
