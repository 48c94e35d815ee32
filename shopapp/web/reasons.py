"""Words for what an order carries as a key: why it is left alone, what to know before packing, how it came to Shopify."""

from __future__ import annotations

from shopapp.i18n import N_

# Why an order is left alone on purpose.
IGNORED: dict[str, str] = {
    "before_take_over": N_("It was placed before the import of this account began. Import older orders to get it."),
    "already_shipped": N_("It was shipped already when it was found. Import older orders to get it."),
    "cancelled": N_("It was cancelled already when it was found."),
    "fulfilled_by_amazon": N_("Amazon ships it from its own warehouse, so there is nothing for the shop to do."),
    "fulfilled_by_channel": N_("The marketplace ships it from its own warehouse: there is nothing for the shop to do."),
    "non_amazon": N_("It was not sold on Amazon: another shop hands it to Amazon only for shipping."),
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
    "prime": N_("Prime"),
    "business": N_("Business order"),
    "premium": N_("Premium shipping"),
    "preorder": N_("Pre-order"),
    "easy_ship": N_("Collected by Amazon's carrier"),
    "delivery_by_amazon": N_("Delivered by Amazon"),
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
