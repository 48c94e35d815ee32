"""Why something failed, in plain words: one entry per cause key. Texts only; they are gettext message ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from shopapp.i18n import N_


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause: what it is in one line, what it means, what to do next, step by step where that takes several.

    `help` names the guide that goes with it; `headline` stands in place of the kind's title where that would be wrong;
    `page` is where all troubles of this cause are mended at once, `page_action` what its link says.
    """

    key: str
    title: str
    text: str
    advice: str
    help: str = "connections"
    steps: tuple[str, ...] = ()
    headline: str = ""
    page: str = ""
    page_action: str = ""


_OPEN = N_("Open the account '%(label)s' in the app, under Accounts.")
_MORE = N_("The account's page shows what %(channel)s said and each step there in detail.")
_LOG_IN_STEPS = (
    _OPEN,
    N_("Press Save account at the bottom of the page."),
    N_("Log in at %(channel)s as the same seller and allow access again. You come back to the app by yourself."),
    _MORE,
)
_LOG_IN = N_("Open the account, press Save account at the bottom and log in at %(channel)s as the same seller.")

ACCOUNT_CAUSES = (
    Cause(
        "expired",
        N_("The permission has run out"),
        N_(
            "The permission you gave us at %(channel)s was for a limited time, and that time is over. "
            "Connect your %(channel)s account again, so that products and orders stay in sync."
        ),
        _LOG_IN,
        steps=_LOG_IN_STEPS,
    ),
    Cause(
        "revoked",
        N_("The permission was withdrawn"),
        N_(
            "%(channel)s says that our permission was withdrawn. "
            "Connect your %(channel)s account again, so that products and orders stay in sync."
        ),
        _LOG_IN,
        steps=_LOG_IN_STEPS,
    ),
    Cause(
        "inactive",
        N_("The seller account is not active"),
        N_("%(channel)s says that the seller account is not active, or not of the kind that apps may work with."),
        N_("Make the seller account active at %(channel)s, then open the account here and press Continue."),
        steps=(
            N_("Log in at %(channel)s and read what it says about the state of your seller account."),
            N_("Make the account active, or change it to the kind that %(channel)s asks for."),
            _OPEN,
            N_("Press Continue: we test the stored access again. We also look by ourselves every hour."),
        ),
    ),
    Cause(
        "credentials",
        N_("The access data are not accepted"),
        N_("%(channel)s does not accept the access data stored here. Most often one of them is mistyped or outdated."),
        N_("Compare the access data shown on the account's page with those at %(channel)s and correct them."),
        steps=(
            _OPEN,
            N_("Compare the access data shown there with those at %(channel)s and correct what differs."),
            N_("Press Save account. We test them at once and say whether they work."),
        ),
    ),
    Cause(
        "never_worked",
        N_("The connection was not completed"),
        N_("The first check of this connection failed, so nothing has been imported yet."),
        N_("Open the account, follow the steps there and press Continue."),
        steps=(
            _OPEN,
            N_("Follow the steps on its page, press Continue and log in at %(channel)s if you are asked to."),
            _MORE,
        ),
        headline=N_("Account '%(label)s' is not connected yet"),
    ),
    Cause(
        "unknown",
        N_("The reason is not known"),
        N_("%(channel)s refuses our access. It said so; we do not know why."),
        N_("Open the account and follow the steps there: they tell how to find out and how to connect again."),
        steps=_LOG_IN_STEPS,
    ),
)

_MAPPING, _OPEN_MAPPING = "/listings/skus", N_("Open the SKU mapping")
_COMPARE = N_("Compare the order at %(channel)s and create it by hand in Shopify if it is right.")
ORDER_CAUSES = (
    Cause(
        "sku_unknown",
        N_("Unknown SKU: %(skus)s"),
        N_("No product in Shopify has the SKU %(skus)s."),
        N_(
            "Give a product in Shopify exactly this SKU, or map the SKU to that of a product. "
            "The order is then tried again by itself."
        ),
        "skus",
        page=_MAPPING,
        page_action=_OPEN_MAPPING,
    ),
    Cause(
        "sku_ambiguous",
        N_("SKU found more than once: %(skus)s"),
        N_("Several products in Shopify have the SKU %(skus)s, so it is not clear which one was sold."),
        N_(
            "Leave the SKU at one product in Shopify only, or choose the product on the order's page. "
            "The order is then tried again by itself."
        ),
        "skus",
        page=_MAPPING,
        page_action=_OPEN_MAPPING,
    ),
    Cause(
        "no_sku",
        N_("A position without SKU"),
        N_("%(channel)s sent a position that has no SKU, so it cannot be matched with a product."),
        N_("Enter a SKU for the offer at %(channel)s. For this order, choose the product on the order's page."),
        "skus",
    ),
    Cause(
        "totals_do_not_add_up",
        N_("The amounts do not add up"),
        N_("The positions, charges and taxes sent by %(channel)s do not add up to the order's total."),
        N_("Compare the order at %(channel)s. Nothing is guessed: create it by hand if the amounts there are right."),
        "orders",
    ),
    Cause(
        "unknown_currency",
        N_("Unknown currency"),
        N_("%(channel)s sent an amount in a currency that we do not know, or mixed currencies in one order."),
        _COMPARE,
        "orders",
    ),
    Cause(
        "bad_amount",
        N_("An amount that cannot be read"),
        N_("%(channel)s sent an amount that is not a usable number."),
        _COMPARE,
        "orders",
    ),
    Cause(
        "mixed_currency",
        N_("Several currencies in one order"),
        N_("%(channel)s sent amounts in several currencies within one order."),
        _COMPARE,
        "orders",
    ),
    Cause(
        "negative_amount",
        N_("A negative amount"),
        N_("%(channel)s sent an amount below zero where none can be."),
        _COMPARE,
        "orders",
    ),
    Cause(
        "no_price",
        N_("A position without price"),
        N_("%(channel)s sent a position that has no price."),
        _COMPARE,
        "orders",
    ),
    Cause(
        "no_total",
        N_("An order without total"),
        N_("%(channel)s did not tell what the buyer pays in total."),
        _COMPARE,
        "orders",
    ),
    Cause(
        "bad_quantity",
        N_("A quantity that cannot be read"),
        N_("%(channel)s sent a quantity that is not a usable number."),
        _COMPARE,
        "orders",
    ),
    Cause(
        "not_found",
        N_("No longer known at the marketplace"),
        N_("%(channel)s no longer knows this order."),
        N_("Look for the order at %(channel)s. It is tried again once a day."),
        "orders",
    ),
    Cause(
        "refused_by_channel",
        N_("The marketplace refused the question"),
        N_("%(channel)s did not answer our question about this order."),
        N_("There is nothing to do for you; the order is tried again once a day."),
        "orders",
    ),
    Cause(
        "channel_changed",
        N_("The answer has an unexpected form"),
        N_("%(channel)s sent this order in a form that we do not know. We have been told and look into it."),
        N_("There is nothing to do for you; the order is tried again once a day."),
        "orders",
    ),
    Cause(
        "rejected_by_shopify",
        N_("Shopify refused the order"),
        N_("Shopify did not accept the order as %(channel)s sent it."),
        N_("Read Shopify's answer, correct what it names and press Retry now on the order's page."),
        "orders",
    ),
    Cause(
        "no_lines",
        N_("An order without positions"),
        N_("%(channel)s sent an order that has no positions."),
        N_("Compare the order at %(channel)s. It is tried again once a day."),
        "orders",
    ),
    Cause(
        "no_items",
        N_("An order without positions"),
        N_("%(channel)s sent an order that has no positions."),
        N_("Compare the order at %(channel)s. It is tried again once a day."),
        "orders",
    ),
    Cause(
        "acceptance_refused",
        N_("The marketplace did not take the acceptance"),
        N_("%(channel)s did not let us accept this order for you, so it can be neither paid nor shipped."),
        N_("Accept or refuse it at %(channel)s. It is tried again once a day, and when you press Retry now."),
        "orders",
    ),
    Cause(
        "other",
        N_("The order could not be created"),
        N_("The order could not be created in Shopify."),
        N_("Open the order to see what was tried. It is tried again once a day, and when you press Retry now."),
        "orders",
    ),
)

LISTING_CAUSES = (
    Cause(
        "listing_refused",
        N_("The marketplace refused the update"),
        N_("%(channel)s did not accept the new price or stock of this listing. What it had before stays there."),
        N_("Mend at %(channel)s what it names, then open the listing and press Update. Until then it is left alone."),
        "stock",
    ),
    Cause(
        "listing_price",
        N_("The marketplace refused the price"),
        N_("%(channel)s did not accept the price of this listing, so neither price nor stock was changed."),
        N_(
            "Check the price of the product in Shopify and the price limits that you set at %(channel)s. "
            "Then open the listing and press Update."
        ),
        "stock",
    ),
    Cause(
        "listing_stock",
        N_("The marketplace refused the stock"),
        N_("%(channel)s did not accept the quantity of this listing. What is offered there may be out of date."),
        N_(
            "Check whether %(channel)s ships this article itself, and whether the listing has an open problem there. "
            "Then open the listing and press Update."
        ),
        "stock",
    ),
    Cause(
        "listing_not_found",
        N_("The marketplace does not know the SKU"),
        N_("%(channel)s has no listing with this SKU any more: it was deleted there, or its SKU was changed."),
        N_(
            "Look the article up at %(channel)s. If its SKU was changed, read the listings of the account again; "
            "if it was deleted by mistake, list it again. Then press Update."
        ),
        "stock",
    ),
    Cause(
        "listing_not_taken",
        N_("The update was accepted, but never came to be seen"),
        N_("%(channel)s accepted the update several times, and still shows the old price or stock."),
        N_("Open the listing at %(channel)s and look for a problem there. Then press Update."),
        "stock",
    ),
)

SHIPMENT_CAUSES = (
    Cause(
        "tracking_missing",
        N_("The tracking number is missing"),
        N_("It was fulfilled in Shopify without a tracking number, and %(channel)s takes no shipment without one."),
        N_("Add the tracking number to the fulfillment in Shopify. It is then sent by itself."),
        "shipments",
    ),
    Cause(
        "tracking_refused",
        N_("The tracking number is not accepted"),
        N_("%(channel)s does not accept this tracking number."),
        N_("Compare it with the label and correct it at the fulfillment in Shopify. It is then sent by itself."),
        "shipments",
    ),
    Cause(
        "carrier_refused",
        N_("The carrier is not accepted"),
        N_("%(channel)s does not accept the carrier of this shipment."),
        N_("Choose the carrier anew at the fulfillment in Shopify. The shipment is then sent by itself."),
        "shipments",
    ),
    Cause(
        "ship_date_refused",
        N_("The date of shipping is not accepted"),
        N_("%(channel)s does not accept the date on which the order was fulfilled in Shopify."),
        N_("Press Send tracking again on the order's page. If it is refused again, enter it at %(channel)s by hand."),
        "shipments",
    ),
    Cause(
        "unknown_position",
        N_("A position that the marketplace does not know"),
        N_("%(channel)s does not know a position of this shipment; it may have been cancelled there."),
        N_("Compare the order at %(channel)s and enter there by hand what was shipped."),
        "shipments",
    ),
    Cause(
        "no_position",
        N_("Nothing of the marketplace's order was shipped"),
        N_("What was fulfilled in Shopify cannot be found among the positions that were bought at %(channel)s."),
        N_("Was the order edited in Shopify? Then enter at %(channel)s by hand what was shipped."),
        "shipments",
    ),
    Cause(
        "already_shipped",
        N_("Shipped already, but with other contents"),
        N_("%(channel)s has this order as shipped, and this package is not among those that it knows."),
        N_("Compare the order at %(channel)s. If all is right there, nothing is left to do."),
        "shipments",
    ),
    Cause(
        "too_many_updates",
        N_("Changed too often"),
        N_("%(channel)s takes no further changes of this shipment."),
        N_("Compare the tracking number at %(channel)s and ask the seller support there if it is wrong."),
        "shipments",
    ),
    Cause(
        "shipment_not_permitted",
        N_("A permission is missing"),
        N_("%(channel)s does not let us report shipments for this account."),
        N_("Open the account and follow the steps there to grant the permission. We try again every hour."),
        "shipments",
    ),
    Cause(
        "shipment_refused",
        N_("The shipment is not accepted"),
        N_("%(channel)s did not accept this shipment as it was sent."),
        N_("Read the answer, correct what it names at the fulfillment in Shopify, or press Send tracking again."),
        "shipments",
    ),
)

PLAN_CAUSES = (
    Cause(
        "trial_ended",
        N_("The trial has ended"),
        N_("Your trial has ended, so no orders are created in Shopify and products are not synced."),
        N_("Choose a plan. What is held until then is created by itself, oldest first."),
        "plan",
    ),
    Cause(
        "room_again",
        N_("The plan has a little room again"),
        N_("Orders are created in Shopify again, because cancelled ones made room. It is not enough for much more."),
        N_("Please consider a bigger plan. What finds no room is held and created later, oldest first."),
        "plan",
        headline=N_("The limit of your plan was reached; now there is a little room again"),
    ),
)

CAUSES: Mapping[str, Cause] = MappingProxyType(
    {cause.key: cause for cause in (*ACCOUNT_CAUSES, *ORDER_CAUSES, *SHIPMENT_CAUSES, *LISTING_CAUSES, *PLAN_CAUSES)}
)
