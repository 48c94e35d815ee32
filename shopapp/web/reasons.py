"""Words for what an order carries as a key: why it is left alone, what to know before packing, how it came to Shopify."""

from __future__ import annotations

from marketplaces.channels import registry
from shopapp.i18n import N_

# Why an order is left alone on purpose. What only one marketplace knows is declared by its channel.
IGNORED: dict[str, str] = {
    "before_take_over": N_("It was placed before the import of this account began. Import older orders to get it."),
    "already_shipped": N_("It was shipped already when it was found. Import older orders to get it."),
    "cancelled": N_("It was cancelled already when it was found."),
    "fulfilled_by_channel": N_("The marketplace ships it from its own warehouse: there is nothing for the shop to do."),
}
FETCHED_LATER = ("before_take_over", "already_shipped")
# What the merchant should know before packing.
FLAGS: dict[str, str] = {
    "cancel_requested": N_("The buyer asks to cancel"),
    "replacement": N_("Replacement, sent free of charge"),
    "partially_shipped": N_("Shipped in part already"),
    "partially_refunded": N_("Refunded in part already"),
    "partly_cancelled": N_("Cancelled in part: check what is still to be sent"),
    "ships_to_hub": N_("Ship to the marketplace's hub, which sends it abroad; its number must stand on the label"),
    "authenticity_check": N_("Ship to the marketplace's authenticator, who sends it on"),
    "digital": N_("Digital goods: nothing is shipped"),
    "gift": N_("Gift"),
    "business": N_("Business order"),
    "premium": N_("Premium shipping"),
    "preorder": N_("Pre-order"),
    "in_store_pick_up": N_("Picked up in the store"),
    "no_price_yet": N_("No price was told yet"),
    "no_tax_told": N_("The marketplace told no tax"),
    "tax_outside_total": N_("Tax is collected by the marketplace, on top of the total"),
    "no_address": N_("No address was told"),
}
HOW: dict[str, str] = {
    "created": N_("Created by this app"),
    "found": N_("Created by this app, found after an answer was lost"),
    "prior": N_("Made by another app before; only linked here"),
}


def words(key: str) -> str:
    """What a reason or a flag says (the message id to translate), "" for one that nobody declares."""
    theirs = (channel.words[key] for channel in registry().values() if key in channel.words)
    return IGNORED.get(key) or FLAGS.get(key) or next(theirs, "")
