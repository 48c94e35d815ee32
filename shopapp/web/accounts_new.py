"""Create a connection: choose a channel, log in or type, come back, answer from when on orders are imported."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, abort, g, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from marketplaces.channel import Channel, LoginKind
from marketplaces.channels import registry
from shopapp import clock, i18n
from shopapp.accounts import link
from shopapp.accounts.line import keys_of
from shopapp.accounts.outcome import Outcome
from shopapp.orders import backfill
from shopapp.records import db
from shopapp.records.models import Account, LoginDoor, Shop
from shopapp.runtime import config
from shopapp.web.accounts import channel_of, edit_page, of_shop, offers_import, realm_label
from shopapp.web.presentation import _
from shopapp.web.session import current_shop
from shopapp.work import bell

blueprint = Blueprint("accounts_new", __name__)
LONGEST = timedelta(days=365)
QUESTIONS = ("taken", "wrong_seller")  # outcomes that ask something, on a page of their own


def offered() -> list[Channel]:
    """The channels the operator has set up."""
    return [channel for channel in registry().values() if channel.available(keys_of(channel))]


def _channel(key: str) -> Channel:
    found = {channel.key: channel for channel in offered()}
    if key not in found:
        abort(404)
    return found[key]


@blueprint.get("/accounts/new")
def choose() -> AnyResponse | str:
    """Which marketplace; with only one there is nothing to choose."""
    channels = offered()
    if len(channels) == 1:
        return redirect(f"/accounts/new/{channels[0].key}")
    return render_template("accounts/choose.html", channels=channels)


@blueprint.get("/accounts/new/<key>")
def new(key: str) -> str:
    """What kind of seller account is needed, the regions, and the login or the form."""
    return _new(_channel(key), None)


def _new(channel: Channel, refused: Outcome | None) -> str:
    name = config()["APP_NAME"]
    app_id = keys_of(channel).get(channel.app_id_key)
    manual = channel.login_kind is LoginKind.FORM or "manual" in request.args or refused is not None
    return render_template(
        "accounts/new.html", channel=channel, manual=manual, our_app=(name, app_id), error=refused, typed=request.form
    )


@blueprint.post("/accounts/new/<key>/login")
def login(key: str) -> AnyResponse:
    """Go to the marketplace's login, out of the frame."""
    channel = _channel(key)
    realm = _realm(channel)
    try:
        url = link.begin(g.shop_id, g.visitor.user_id, channel.key, realm, None, LoginDoor.CREATE)
    except LookupError:
        abort(400)
    return Response("", 200, {"X-Relay-Top": url})


def _realm(channel: Channel) -> str:
    """What was chosen; of a channel of instances it is typed."""
    return "" if channel.instance else request.form.get("realm") or channel.realms[0].key


@blueprint.post("/accounts/new/<key>/manual")
def typed_new(key: str) -> AnyResponse | str | tuple[str, int]:
    """Link with typed credentials, tested live."""
    channel = _channel(key)
    realm = _realm(channel)
    values = {field.key: request.form.get(field.key, "") for field in channel.fields}
    try:
        outcome = link.typed(g.shop_id, g.visitor.user_id, channel.key, realm, values)
    except LookupError:
        abort(400)
    if outcome.kind == "linked":
        return redirect(_after_link(outcome), 303)
    return _told(outcome, channel) if outcome.kind in QUESTIONS else (_new(channel, outcome), 422)


@blueprint.get("/accounts/new/<key>/manual")
@blueprint.get("/accounts/new/<key>/login")
def reloaded(key: str) -> AnyResponse:
    """Somebody loads the address of a form again: the page it is on."""
    return redirect(f"/accounts/new/{_channel(key).key}")


@blueprint.get("/accounts/<int:account_id>/manual")
def manual(account_id: int) -> str:
    """*Reconnect manually*: the same form for an account that exists; secrets left empty are kept."""
    return _manual(account_id, None)


def _manual(account_id: int, refused: Outcome | None) -> str:
    with db.reading() as s:
        account = of_shop(s, account_id)
    channel = channel_of(account)
    if not channel.fields:
        abort(404)
    shown = {"account": account, "channel": channel, "realm": realm_label(account), "error": refused}
    return render_template("accounts/manual.html", **shown, typed=request.form or account.public)


@blueprint.post("/accounts/<int:account_id>/manual")
def typed_again(account_id: int) -> AnyResponse | str | tuple[str, int]:
    """Test what was typed by a live call as the same seller, then use it."""
    with db.reading() as s:
        account = of_shop(s, account_id)
    channel = channel_of(account)
    values = {field.key: request.form.get(field.key, "") for field in channel.fields}
    outcome = link.typed(g.shop_id, g.visitor.user_id, channel.key, account.realm, values, account_id)
    if outcome.kind == "linked":
        return redirect(_after_link(outcome), 303)
    return _told(outcome, channel) if outcome.kind in QUESTIONS else (_manual(account_id, outcome), 422)


@blueprint.get("/accounts/linked")
def linked() -> AnyResponse | str:
    """The return of a login: shop and user of this page confirm it (see decision 4). Loading it again changes nothing."""
    outcome = link.confirm(g.shop_id, g.visitor.user_id, request.args.get("return", ""))
    return _answer(outcome)


def _answer(outcome: Outcome) -> AnyResponse | str:
    if outcome.kind == "linked":
        return redirect(_after_link(outcome))
    channel = None
    if outcome.account_id is not None:
        with db.reading() as s:
            channel = channel_of(of_shop(s, outcome.account_id))
    return _told(outcome, channel or offered()[0])


def _told(outcome: Outcome, channel: Channel) -> str:
    if outcome.kind == "failed" and outcome.account_id is not None:
        return edit_page(outcome.account_id, error=outcome)
    return render_template("accounts/told.html", outcome=outcome, channel=channel)


def _after_link(outcome: Outcome) -> str:
    if outcome.ask_take_over:
        return f"/accounts/{outcome.account_id}/import?done=account_linked"
    return f"/accounts/{outcome.account_id}?done=account_repaired"


@blueprint.post("/accounts/linked/<choice>")
def resume(choice: str) -> AnyResponse | str:
    """After a question: take the import over, link without importing, or link the other seller as a new account."""
    choices = {"take-over": link.take_over, "without": link.link_without_importing, "new": link.link_as_new}
    if choice not in choices:
        abort(404)
    outcome = choices[choice](g.shop_id, g.visitor.user_id, request.form.get("token", ""))
    if outcome.kind == "linked" and not outcome.ask_take_over:
        return redirect(f"/accounts/{outcome.account_id}?done=account_linked", 303)
    if outcome.kind == "linked":
        return redirect(_after_link(outcome), 303)
    return _answer(outcome)


@blueprint.get("/accounts/linked/<choice>")
def answered(choice: str) -> AnyResponse:
    """Somebody loads the address of an answer again: what came of it is in the list."""
    return redirect("/accounts")


@blueprint.get("/accounts/<int:account_id>/import")
def ask(account_id: int) -> AnyResponse | str:
    """*Has another app imported until now?* Take over from now is chosen already: one click."""
    with db.reading() as s:
        asks = offers_import(of_shop(s, account_id))
    if not asks:
        return redirect(f"/accounts/{account_id}")
    return _ask(account_id, {})


def _ask(account_id: int, errors: dict[str, str]) -> str:
    with db.reading() as s:
        account = of_shop(s, account_id)
        today = clock.now().astimezone(i18n.zone(current_shop(s).timezone)).date()
    shown: dict[str, Any] = {"account": account, "channel": channel_of(account), "typed": request.form}
    return render_template("accounts/import.html", **shown, today=today.isoformat(), errors=errors)


@blueprint.post("/accounts/<int:account_id>/import")
def take_over(account_id: int) -> AnyResponse | tuple[str, int]:
    """Store from when on orders are imported, and ask for older ones if wanted. Polling begins at once."""
    with db.reading() as s:
        account, shop = of_shop(s, account_id), current_shop(s)
    since = None
    if request.form.get("older"):
        since, error = day_typed(request.form.get("since", ""), shop)
        if error:
            return _ask(account_id, {"since": error}), 422
    _store(account, since)
    bell.ring("now")
    bell.ring("bulk")
    return redirect(f"/accounts/{account_id}?done=import_started", 303)


def _store(account: Account, since: datetime | None) -> None:
    with db.writing() as s:
        mine = of_shop(s, account.id)
        if mine.take_over_at is None:
            link.set_take_over(s, mine, clock.now(), g.visitor.user_id)
        if since is not None:
            backfill.start(s, g.shop_id, account.id, since, g.visitor.user_id)


def day_typed(text: str, shop: Shop) -> tuple[datetime | None, str]:
    """The start of a typed day in the shop's zone, in UTC, or what is wrong with it."""
    try:
        day = datetime.fromisoformat(text[:10]).replace(tzinfo=i18n.zone(shop.timezone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None, _("Give the day as year, month and day.")
    if day > clock.now():
        return None, _("Choose a day in the past.")
    if day < clock.now() - LONGEST:
        return None, _("Marketplaces give orders of the last year at most; choose a later day.")
    return day, ""
