"""What needs the merchant, for Home: the one banner, and the lines under "Needs attention". Reads only."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from shopapp.alerts import incidents, wording
from shopapp.alerts.catalogue import KINDS
from shopapp.alerts.causes import CAUSES
from shopapp.alerts.wording import Wording
from shopapp.i18n import N_
from shopapp.records.models import (
    Account,
    AccountStatus,
    Incident,
    Listing,
    ListingStatus,
    OrderState,
    OrderTally,
    Severity,
    Shop,
)
from shopapp.shops.preflight import preflight
from shopapp.web.presentation import _, cause_label, language

DISMISSIBLE = "plan_near"  # a forecast; the others stay until they are solved
# Incidents about single orders that are in no failed state: kind -> (title of the group, filter of the orders' list)
_ORDER_KINDS = {
    "order_held_unknown": (N_("Held, because the marketplace gives them a state that we do not know"), "held=unknown"),
    "fulfillment_failed": (N_("Shipments that the marketplace did not accept"), "shipment=failed"),
    "restock_asked": (N_("Cancelled, and waiting for your answer about the stock"), "state=imported"),
    "totals_differ": (N_("Created with another total than at the marketplace"), "state=imported"),
}


@dataclass(frozen=True, slots=True)
class Banner:
    """The one banner: the most severe open thing with its one action; the others are links inside it."""

    incident: Incident
    words: Wording
    others: list[Wording]
    tone: str
    dismissible: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to look at: how many, what, how to mend it, where. `count` 0 shows no number."""

    text: str
    advice: str
    link: str
    tone: str = "warning"
    count: int = 0
    page: str = ""  # where all of them are mended at once
    page_action: str = ""
    listings: bool = False  # what is counted: orders otherwise


@dataclass(frozen=True, slots=True)
class Attention:
    """All that needs the merchant."""

    banner: Banner | None
    lines: list[Line] = field(default_factory=list)


def gather(s: Session, shop: Shop) -> Attention:
    """The banner and the lines; what stands in the banner is not repeated below it."""
    first, others = incidents.banner(s, shop.id)
    banner = None
    if first is not None and first.dismissed_at is None:
        tone = "critical" if first.severity == Severity.CRITICAL else "warning"
        said = [wording.of_incident(language(), one) for one in others]
        words = wording.of_incident(language(), first)
        banner = Banner(first, words, said, tone, first.kind == DISMISSIBLE)
        others = []
    lines = [*_obstacles(s, shop), *(_open(one) for one in others)]
    return Attention(
        banner,
        [
            *lines,
            *_unstarted(s, shop),
            *_failed(s, shop),
            *_order_troubles(s, shop),
            *_refused(s, shop),
            *_not_linked(s, shop),
        ],
    )


def dismiss(s: Session, shop_id: int, incident_id: int, now: object) -> bool:
    """Put the banner of this incident away until it is opened anew; whether it may be put away."""
    wanted = select(Incident).where(Incident.shop_id == shop_id, Incident.id == incident_id)
    incident = s.scalars(wanted.where(Incident.kind == DISMISSIBLE, Incident.resolved_at.is_(None))).one_or_none()
    if incident is None:
        return False
    incident.dismissed_at = incident.dismissed_at or now  # type: ignore[assignment]
    return True


def _obstacles(s: Session, shop: Shop) -> list[Line]:
    lines = [
        Line(_(one.title, **one.params), _(one.advice, **one.params), "/preflight", "critical")
        for one in preflight(s, shop)
        if one.severity == Severity.CRITICAL
    ]
    if shop.paused_at is not None:
        lines.append(Line(_("Everything is paused"), _("Nothing is imported until you resume it."), "/settings#pause"))
    return lines


def _open(incident: Incident) -> Line:
    words = wording.of_incident(language(), incident)
    return Line(
        words.title, words.advice, words.link, "critical" if incident.severity == Severity.CRITICAL else "warning"
    )


def _unstarted(s: Session, shop: Shop) -> list[Line]:
    waiting = select(Account).where(
        Account.shop_id == shop.id, Account.status == AccountStatus.ACTIVE, Account.take_over_at.is_(None)
    )
    return [
        Line(
            _("The import of '%(label)s' has not been started", label=account.label),
            _("One question is open: from when on are orders imported?"),
            f"/accounts/{account.id}/import",
            "info",
        )
        for account in s.scalars(waiting.order_by(Account.id)).unique()
        if account.unstarted
    ]


def _failed(s: Session, shop: Shop) -> list[Line]:
    tallied = select(OrderTally.reason, Account.channel, OrderTally.orders).join(
        Account, Account.id == OrderTally.account_id
    )
    failed = (OrderTally.shop_id == shop.id, OrderTally.state == OrderState.FAILED, OrderTally.orders > 0)
    counts: dict[str, int] = defaultdict(int)
    channels: dict[str, set[str]] = defaultdict(set)
    for cause, channel, count in s.execute(tallied.where(*failed)):
        counts[cause] += count
        channels[cause].add(wording.channel_name(channel))
    return [
        Line(
            cause_label(cause),
            _advice(cause, ", ".join(sorted(channels[cause]))),
            f"/orders?state=failed&cause={cause}",
            "critical",
            count,
            *_page(cause),
        )
        for cause, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    ]


def _refused(s: Session, shop: Shop) -> list[Line]:
    """Listings in Update Error, by cause."""
    failed = _listings_in(shop, ListingStatus.UPDATE_ERROR)
    counted = select(Listing.cause, func.count(Listing.id)).where(*failed).group_by(Listing.cause)
    lines = []
    for cause, count in sorted(s.execute(counted), key=lambda one: (-one[1], one[0])):
        found = CAUSES.get(cause) or CAUSES["listing_refused"]
        advice = _(found.advice, channel=_("the marketplace"))
        lines.append(Line(_(found.title), advice, "/listings?status=update_error", "critical", count, listings=True))
    return lines


def _not_linked(s: Session, shop: Shop) -> list[Line]:
    count = s.scalar(select(func.count(Listing.id)).where(*_listings_in(shop, ListingStatus.NOT_LINKED))) or 0
    if not count:
        return []
    advice = _("Give the product the same SKU, or map it: price and stock are pushed to linked listings only.")
    title = _("Listings that are not linked to a product")
    return [Line(title, advice, "/listings?status=not_linked", "warning", count, listings=True)]


def _listings_in(shop: Shop, status: ListingStatus) -> tuple[ColumnElement[bool], ...]:
    """Of accounts that work or shall work again: nothing is pushed to those of one that was deactivated."""
    off = select(Account.id).where(Account.shop_id == shop.id, Account.status == AccountStatus.DEACTIVATED)
    return Listing.shop_id == shop.id, Listing.status == status, Listing.live.is_(True), Listing.account_id.not_in(off)


def _page(cause: str) -> tuple[str, str]:
    found = CAUSES.get(cause)
    return (found.page, _(found.page_action)) if found and found.page else ("", "")


def _advice(cause: str, channel: str) -> str:
    found = CAUSES.get(cause) or CAUSES["other"]
    return _(found.advice, channel=channel)


def _order_troubles(s: Session, shop: Shop) -> list[Line]:
    counted = select(Incident.kind, func.count(Incident.id)).where(
        Incident.shop_id == shop.id, Incident.resolved_at.is_(None), Incident.kind.in_(_ORDER_KINDS)
    )
    lines = []
    for kind, count in s.execute(counted.group_by(Incident.kind)):
        title, narrowed = _ORDER_KINDS[kind]
        advice = _(KINDS[kind].advice, channel=_("the marketplace"))
        lines.append(Line(_(title), advice, f"/orders?{narrowed}", "warning", count))
    return lines
