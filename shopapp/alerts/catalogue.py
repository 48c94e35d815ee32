"""The kinds of incidents and what is said about them. Texts only; they are gettext message ids with %(name)s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from shopapp.alerts.causes import CAUSES, Cause
from shopapp.i18n import N_
from shopapp.records.models import Category, Severity

__all__ = ["CAUSES", "KINDS", "Cause", "Kind"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of incident.

    `category` is the checkbox that mails it ("" = never mailed); `link` the page that mends it, with %(name)s;
    `action` the label of that link; `banner` whether it may stand on the dashboard, the highest `rank` first; `inbox`
    whether a message is posted; `operator` whether the operator is mailed. Where `by_cause` is set, the text and advice
    of the params' `cause` stand in place of the kind's.
    """

    key: str
    category: str
    severity: Severity
    title: str
    text: str
    advice: str
    link: str
    action: str
    banner: bool = False
    rank: int = 0
    inbox: bool = False
    operator: bool = False
    by_cause: str = ""  # the cause that stands in when the given one is not known
    help: str = "connections"


_ACCOUNT, _ORDER = "/accounts/%(account_id)s", "/orders/%(order_id)s"
_OPEN_ACCOUNT, _OPEN_ORDER = N_("Open the account"), N_("Open the order")

_KINDS = (
    Kind(
        "account_expired",
        Category.ACCOUNT_EXPIRED,
        Severity.CRITICAL,
        N_("Account '%(label)s' has expired"),
        N_("Connect your %(channel)s account again, so that products and orders stay in sync."),
        N_("Open the account, press Save account at the bottom and log in at %(channel)s as the same seller."),
        _ACCOUNT,
        N_("Confirm connection"),
        banner=True,
        rank=20,
        inbox=True,
        by_cause="unknown",
    ),
    Kind(
        "import_taken_over",
        Category.ACCOUNT_EXPIRED,
        Severity.CRITICAL,
        N_("Account '%(label)s' no longer imports orders"),
        N_("The same %(channel)s seller was connected to another shop, and its orders are imported there from now on."),
        N_("If this was not meant, open the account and take the import over again."),
        _ACCOUNT,
        _OPEN_ACCOUNT,
        rank=19,
        inbox=True,
    ),
    Kind(
        "shop_needs_opening",
        Category.ACCOUNT_EXPIRED,
        Severity.CRITICAL,
        N_("Open the app once in Shopify"),
        N_("Shopify asks for your visit before it lets us work for your shop again. Until then nothing is imported."),
        N_("Open the app in Shopify's admin. That is all; everything goes on by itself."),
        "/",
        N_("Open the app"),
        rank=18,
        inbox=True,
        help="orders",
    ),
    Kind(
        "permission_missing",
        "",
        Severity.WARNING,
        N_("A permission is missing: %(what)s"),
        N_("%(label)s works in part only, because the permission %(what)s is missing. The rest goes on."),
        N_("Open the page and follow the steps there to grant it. We look again every hour."),
        _ACCOUNT,
        N_("See the steps"),
        rank=8,
        inbox=True,
    ),
    Kind(
        "expiry_notice",
        Category.ACCOUNT_EXPIRED,
        Severity.WARNING,
        N_("Account '%(label)s' expires soon, days left: %(days)s"),
        N_("The permission you gave us at %(channel)s ends on a known day. Renew it before, and nothing stops."),
        N_("Open the account, press Renew and log in at %(channel)s as the same seller."),
        _ACCOUNT,
        N_("Renew"),
        rank=7,
        inbox=True,
    ),
    Kind(
        "channel_outage",
        "",
        Severity.WARNING,
        N_("%(channel)s does not answer"),
        N_("%(channel)s has not given usable answers for a while. No connection is broken and nothing is lost."),
        N_("There is nothing to do for you: everything goes on by itself once it answers again."),
        "/accounts",
        N_("See the accounts"),
        rank=6,
        inbox=True,
    ),
    Kind(
        "our_fault",
        "",
        Severity.WARNING,
        N_("A fault on our side with %(channel)s"),
        N_("Our own access to %(channel)s is refused. Your connection is fine and nothing is lost."),
        N_("There is nothing to do for you: we have been told and mend it."),
        "/accounts",
        N_("See the accounts"),
        rank=5,
        operator=True,
    ),
    Kind(
        "channel_changed",
        "",
        Severity.WARNING,
        N_("%(channel)s answers in a form we do not know"),
        N_("Something has changed at %(channel)s. What we do not understand is left alone, the rest goes on."),
        N_("There is nothing to do for you: we have been told and look into it."),
        "/accounts",
        N_("See the accounts"),
        rank=4,
        operator=True,
    ),
    Kind(
        "mail_undeliverable",
        "",
        Severity.WARNING,
        N_("Our e-mails do not arrive"),
        N_("The mail server of your alert address refused an e-mail for good."),
        N_("Check the address in the settings and send a test mail."),
        "/settings",
        N_("Open the settings"),
        rank=9,
        help="orders",
    ),
)

_ORDER_AND_PLAN = (
    Kind(
        "order_import_failed",
        Category.ORDER_IMPORT_FAILED,
        Severity.WARNING,
        N_("Order %(remote_order_id)s from %(channel)s was not imported"),
        N_("The order could not be created in Shopify."),
        N_("Open the order to see what was tried. It is tried again once a day, and when you press Retry now."),
        _ORDER,
        _OPEN_ORDER,
        by_cause="other",
        help="orders",
    ),
    Kind(
        "order_held_unknown",
        Category.ORDER_IMPORT_FAILED,
        Severity.WARNING,
        N_("Order %(remote_order_id)s from %(channel)s is held"),
        N_("%(channel)s gives this order a state that we do not know, so nothing is created until it changes."),
        N_("Compare the order at %(channel)s. It is looked at again by itself."),
        _ORDER,
        _OPEN_ORDER,
        help="orders",
    ),
    Kind(
        "orders_missing",
        Category.ORDER_IMPORT_FAILED,
        Severity.WARNING,
        N_("The orders of '%(label)s' do not add up, last on %(day)s"),
        N_(
            "We counted. %(channel)s lists orders that we cannot get: %(missing)s. Imported, but no longer in "
            "Shopify: %(gone)s. In Shopify, but not listed by %(channel)s: %(extra)s. Missed by the sync and fetched "
            "only by the count: %(fetched)s. Order numbers: %(ids)s"
        ),
        N_(
            "Open the account and compare the days. Orders that you deleted in Shopify yourself need nothing. "
            "Nothing was changed, and we count again every night."
        ),
        _ACCOUNT,
        N_("See the days"),
        rank=17,
        inbox=True,
        help="orders",
    ),
    Kind(
        "totals_differ",
        Category.ORDER_IMPORT_FAILED,
        Severity.WARNING,
        N_("Order %(remote_order_id)s from %(channel)s has another total in Shopify"),
        N_("The order was created, but Shopify's total is not the one that %(channel)s told."),
        N_("Open the order and compare both totals."),
        _ORDER,
        _OPEN_ORDER,
        help="orders",
    ),
    Kind(
        "fulfillment_failed",
        Category.FULFILLMENT_FAILED,
        Severity.WARNING,
        N_("The shipment of order %(remote_order_id)s was not accepted by %(channel)s"),
        N_("The tracking data of this order could not be passed on."),
        N_("Open the order to see what was sent. It is tried daily, and when you press Send tracking again."),
        _ORDER,
        _OPEN_ORDER,
        by_cause="shipment_refused",
        help="shipments",
    ),
    Kind(
        "restock_asked",
        "",
        Severity.INFO,
        N_("Order %(remote_order_id)s from %(channel)s was cancelled: put its stock back?"),
        N_("The buyer or %(channel)s cancelled the order. It is cancelled in Shopify as soon as you have answered."),
        N_("Open the order and say whether the stock is put back."),
        _ORDER,
        N_("Answer"),
        inbox=True,
        help="orders",
    ),
    Kind(
        "plan_over",
        "",
        Severity.CRITICAL,
        N_("Orders are not created in Shopify, because the limit of your plan is exceeded"),
        N_("Orders are still fetched and kept for you. Products are not synced."),
        N_("Choose a bigger plan, or wait for the new period: what is held is then created by itself, oldest first."),
        "/plan",
        N_("Change the plan"),
        banner=True,
        rank=30,
        by_cause="",
        help="plan",
    ),
    Kind(
        "plan_near",
        "",
        Severity.WARNING,
        N_("You have almost reached the limit of your plan"),
        N_("Once it is reached, orders are no longer created in Shopify and products are not synced."),
        N_("Please consider a bigger plan."),
        "/plan",
        N_("Change the plan"),
        banner=True,
        rank=10,
        help="plan",
    ),
    Kind(
        "data_request_ready",
        "",
        Severity.INFO,
        N_("A customer's data are ready"),
        N_("A customer asked for the data stored about them. We have collected ours for you."),
        N_("Download them from the message in the inbox and pass them on within 30 days."),
        "/inbox",
        N_("Open the inbox"),
        help="orders",
    ),
)

_LISTINGS = (
    Kind(
        "listing_update_failed",
        Category.LISTING_UPDATE_FAILED,
        Severity.WARNING,
        N_("Listing %(sku)s at %(channel)s was not updated"),
        N_("The marketplace did not accept the new price or stock of this listing."),
        N_("Mend at %(channel)s what it names, then open the listing and press Update. Until then it is left alone."),
        "/listings/%(listing_id)s",
        N_("Open the listing"),
        by_cause="listing_refused",
        help="stock",
    ),
    Kind(
        "listings_unread",
        "",
        Severity.WARNING,
        N_("The listings of '%(label)s' could not be read"),
        N_("%(channel)s gave up the list of your listings again and again. What was known of them stays as it was."),
        N_("There is nothing to do for you: it is tried again tonight, and when you press Read again under Listings."),
        "/listings",
        N_("Open the listings"),
        rank=3,
        inbox=True,
        help="stock",
    ),
    Kind(
        "stock_brake",
        Category.LISTING_UPDATE_FAILED,
        Severity.CRITICAL,
        N_("'%(label)s': so many listings would be set to 0 that we ask first"),
        N_(
            "Within 15 minutes, %(count)s of %(live)s listings would get the quantity 0, more than the %(percent)s %% "
            "that you allow without a question. They keep their quantity at %(channel)s until you answer."
        ),
        N_("Check the stock in Shopify, then open the page and say yes or no."),
        "/listings/runs/%(run)s",
        N_("Look and decide"),
        rank=16,
        inbox=True,
        help="stock",
    ),
    Kind(
        "order_oversold",
        Category.ORDER_IMPORT_FAILED,
        Severity.CRITICAL,
        N_("Order %(remote_order_id)s sold more of %(sku)s than there is"),
        N_("The order was imported, but now %(sku)s is %(missing)s short. Where stock is pushed, it is set to 0."),
        N_("Get the missing pieces, or tell the buyer and cancel the order at %(channel)s."),
        _ORDER,
        _OPEN_ORDER,
        rank=15,
        inbox=True,
        help="stock",
    ),
)

KINDS: Mapping[str, Kind] = MappingProxyType({kind.key: kind for kind in (*_KINDS, *_ORDER_AND_PLAN, *_LISTINGS)})
CATEGORIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        Category.ORDER_IMPORT_FAILED: (
            N_("Order import failed"),
            N_("When an order cannot be created in Shopify: its number and what is wrong with it."),
        ),
        Category.FULFILLMENT_FAILED: (
            N_("Fulfillment not accepted"),
            N_("When a marketplace refuses tracking data, or they are missing: order, reason and deadline."),
        ),
        Category.LISTING_UPDATE_FAILED: (
            N_("Product update failed"),
            N_("When a listing gets the status Update Error: its SKU and what the marketplace said."),
        ),
        Category.ACCOUNT_EXPIRED: (
            N_("Account expired"),
            N_("When a connection stops working or will soon end, and what to do about it."),
        ),
    }
)
