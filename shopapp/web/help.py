"""Help: guides inside the app. What depends on a channel comes from what the channel declares; no guide knows one by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, abort, g, render_template
from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplaces.channel import Channel, Realm, Step
from marketplaces.channels import registry
from shopapp.accounts.line import keys_of
from shopapp.alerts.causes import ACCOUNT_CAUSES, CAUSES, ORDER_CAUSES, SHIPMENT_CAUSES, Cause
from shopapp.i18n import N_
from shopapp.records import db
from shopapp.records.models import Account
from shopapp.runtime import config
from shopapp.web.presentation import _, cause_label

blueprint = Blueprint("help", __name__)
# guide -> (title, what it answers)
GUIDES: dict[str, tuple[str, str]] = {
    "connections": (
        N_("Solving connection problems"),
        N_("What to do when a connection expired, was revoked or never worked, for each marketplace and cause."),
    ),
    "orders": (
        N_("When an order was not imported"),
        N_("What each error means, what mends it, and how the order is tried again."),
    ),
    "shipments": (
        N_("When tracking was not accepted"),
        N_("How shipments get to the marketplace, what each error means, and what mends it."),
    ),
    "skus": (N_("Matching SKUs"), N_("How a sold article is found in your shop, and what to do when it is not.")),
    "stock": (N_("When quantities are not right"), N_("A checklist for stock that differs from the marketplace.")),
    "plan": (N_("The plan and its limit"), N_("What is counted, what happens at the limit, and when it starts again.")),
    "mails": (N_("E-mails"), N_("Which e-mails there are, where they go, and why one may not have come.")),
}


@dataclass(frozen=True, slots=True)
class HelpStep:
    """One step: its text, and its addresses with the region each is for."""

    text: str
    links: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Cure:
    """The steps for one cause."""

    key: str
    title: str
    steps: list[HelpStep]


@dataclass(frozen=True, slots=True)
class ChannelHelp:
    """A channel's part of the guide: who we are there, what account is needed, the steps by cause."""

    channel: Channel
    app_name: str
    app_id: str
    regions: list[str]
    cures: list[Cure]


def _channels(s: Session, shop_id: int) -> list[ChannelHelp]:
    """The channels on offer and those the shop is connected to; links for the shop's regions, else for all."""
    mine: dict[str, set[str]] = {}
    for key, realm in s.execute(select(Account.channel, Account.realm).where(Account.shop_id == shop_id)):
        mine.setdefault(key, set()).add(realm)
    found = []
    for channel in registry().values():
        if channel.key in mine or channel.available(keys_of(channel)):
            found.append(_channel(channel, _realms(channel, mine.get(channel.key, set()))))
    return found


def _realms(channel: Channel, mine: set[str]) -> Sequence[Realm]:
    if channel.instance:
        return [channel.realm(key) for key in sorted(mine)]
    return [one for one in channel.realms if one.key in mine] or channel.realms


def _channel(channel: Channel, realms: Sequence[Realm]) -> ChannelHelp:
    titles = {cause.key: cause.title for cause in ACCOUNT_CAUSES}
    cures = [
        Cure(key, _(titles.get(key, CAUSES["unknown"].title)), [_step(channel, one, realms) for one in steps])
        for key, steps in channel.steps.items()
    ]
    app_id = keys_of(channel).get(channel.app_id_key)
    return ChannelHelp(channel, config()["APP_NAME"], app_id, [_(realm.label) for realm in realms], cures)


def _step(channel: Channel, step: Step, realms: Sequence[Realm]) -> HelpStep:
    keys = keys_of(channel)
    links = [(_(realm.label), channel.step_link(step, keys, realm.key)) for realm in realms]
    return HelpStep(_(step.text), [(label, link) for label, link in links if link])


def _errors(causes: Sequence[Cause]) -> list[tuple[str, str, str]]:
    """(error, what it means, what mends it) of each of these causes."""
    sku, channel = "SKU-1", _("the marketplace")
    errors = {}
    for cause in causes:
        text = _(cause.text, channel=channel, skus=sku, label=channel, count="2")
        # Two causes may read the same to a person; a sentence may begin with the channel's name.
        errors[cause_label(cause.key), text[:1].upper() + text[1:]] = _(cause.advice, channel=channel, skus=sku)
    return [(title, text, advice) for (title, text), advice in errors.items()]


@blueprint.get("/help")
def index() -> str:
    """All guides."""
    return render_template("help/index.html", guides=GUIDES)


@blueprint.get("/help/<name>")
def guide(name: str) -> str:
    """One guide."""
    if name not in GUIDES:
        abort(404)
    with db.reading() as s:
        channels = _channels(s, g.shop_id)
    return render_template(
        f"help/{name}.html", guides=GUIDES, name=name, channels=channels,
        errors=_errors(SHIPMENT_CAUSES if name == "shipments" else ORDER_CAUSES),
        warn_percent=config().number("PLAN_WARN_PERCENT"),
    )  # fmt: skip
