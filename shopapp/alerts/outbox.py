"""The outbox's way out: claim, `sending` committed, SMTP without a transaction, then what came of it. Nothing is lost.

A mail found in `sending` after its lease, or one whose answer was lost, is sent once more with the same Message-ID. The
only user of Flask-Mail.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import policy
from email.message import Message as AnyMessage
from email.utils import formataddr
from types import TracebackType
from typing import Any

import flask_mail
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.alerts import choices, incidents, letters, links, mails
from shopapp.alerts.letters import Letter
from shopapp.alerts.mails import ALERTS, confirm_address, queue, to_operator, waiting
from shopapp.alerts.postman import Limits, Line, Outcome, Result, Server, connect, hang_up, judge
from shopapp.logs import event
from shopapp.records import db, vault
from shopapp.records.journal import audit, note
from shopapp.records.models import Incident, Mail, MailState, Shop, ShopStatus
from shopapp.runtime import config
from shopapp.work.claim import LEASE, Claim, held, release

__all__ = ["confirm_address", "deliver", "init_app", "queue", "test_mail", "to_operator", "waiting"]

log = logging.getLogger(__name__)
UNCONFIGURED_DELAY = timedelta(minutes=5)
FIRST_DELAY, LONGEST_DELAY = timedelta(minutes=1), timedelta(hours=1)
GIVE_UP_AFTER = timedelta(hours=72)
TESTS_A_DAY = 10
OUR_NOTES = ("edition", "unanswered", "answered_at")  # among a mail's params: about its way, not its contents
_post: _Post | None = None


class _Connection(flask_mail.Connection):
    """Flask-Mail's connection with our time limits; saying goodbye badly is no failure of a mail that was taken."""

    server: Server
    limits: Limits

    def configure_host(self) -> Line:
        return connect(self.server, self.limits)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(self.host, Line):
            hang_up(self.host, politely=kind is None)


class _Message(flask_mail.Message):
    """A message whose top is multipart/alternative where it has no attachment, as mail programs expect."""

    def _message(self) -> Any:
        whole: AnyMessage = super()._message()
        parts = whole.get_payload()
        if self.attachments or not isinstance(parts, list) or len(parts) != 1:
            return whole
        top: Any = parts[0]
        for name, value in whole.items():
            if name.lower() not in ("content-type", "mime-version"):
                top[name] = value
        top.policy = policy.SMTP
        return top


class _Post(flask_mail.Mail):
    """Flask-Mail as this process uses it."""

    limits: Limits

    def connect(self) -> _Connection:
        line = _Connection(self.state)  # type: ignore[arg-type]  # set by init_app
        line.limits = self.limits
        line.server = server()
        return line


def server() -> Server:
    """Where mails are handed in, by the settings."""
    settings = config()
    return Server(
        settings["MAIL_SERVER"],
        settings.number("MAIL_PORT"),
        settings["MAIL_USERNAME"],
        settings["MAIL_PASSWORD"],
        settings.flag("MAIL_USE_TLS"),
        settings.flag("MAIL_USE_SSL"),
        links.host(),
    )


def init_app(app: Flask, limits: Limits = Limits()) -> None:  # noqa: B008  # frozen
    """Set up Flask-Mail from our settings; mails really leave, in tests too."""
    global _post
    settings = config()
    address = settings["MAIL_FROM"] or f"alerts@{links.host()}"
    app.config.update(
        MAIL_SERVER=settings["MAIL_SERVER"],
        MAIL_PORT=settings.number("MAIL_PORT"),
        MAIL_DEFAULT_SENDER=address if "<" in address else formataddr((settings["APP_NAME"], address)),
        MAIL_SUPPRESS_SEND=False,
    )
    _post = _Post(app)
    _post.limits = limits


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a try needs once its transaction is closed. `incidents` are those that the mail is about."""

    kind: str
    to: str
    message_id: str
    shop: Shop | None
    category: str
    incidents: tuple[Incident, ...]
    params: dict[str, Any]
    ticket: str

    def letter(self) -> Letter:
        """The mail as it looks now, in the shop's language."""
        if self.shop is None:
            return letters.operator_note(self.category, self.params)
        if self.kind == "confirm_address":
            return letters.confirm_note(self.shop, self.ticket)
        if self.kind == "test":
            return letters.test_note(self.shop)
        return letters.alert(self.shop, self.category, self.incidents, reminder=self.kind == "reminder")


def deliver(mine: Claim) -> None:
    """Work on one claimed mail: decide, say `sending`, hand it in, note what came of it."""
    with db.writing() as s:
        row = held(s, Mail, mine)
        if row is None:
            return
        parcel = _prepare(s, row)
    if parcel is None:
        return
    letter = parcel.letter()
    result = _hand_in(parcel, letter)
    with db.writing() as s:
        row = held(s, Mail, mine)
        if row is None:
            event(log, "mail_lease_lost", logging.WARNING, outcome=result.outcome.value)
            return
        row.subject = letter.subject
        _settle(s, row, parcel, result)


def _prepare(s: Session, row: Mail) -> Parcel | None:
    """Decide whether the mail leaves now; if not, the row is given back or cancelled."""
    if row.state not in (MailState.WAITING, MailState.SENDING):
        release(row, None)
        return None
    if not config()["MAIL_SERVER"]:
        release(row, clock.now() + UNCONFIGURED_DELAY)
        return None
    shop = s.get(Shop, row.shop_id) if row.shop_id else None
    if shop is not None and shop.status == ShopStatus.UNINSTALLED:
        mails.skip(s, _about(s, row), "uninstalled")
        mails.cancel(row, "uninstalled")
        return None
    about: tuple[Incident, ...] = ()
    ticket = ""
    if row.kind in ALERTS:
        assert shop is not None
        about = _alert_now(s, row, shop)
        if not about:
            return None
    elif row.kind == "confirm_address":
        ticket = vault.unseal(row, "secret")
    row.state = MailState.SENDING
    row.sends += 1
    message_id = f"<{row.uid}.{row.params.get('edition', 1)}@{links.host()}>"
    told = {key: value for key, value in row.params.items() if key not in OUR_NOTES}
    return Parcel(row.kind, row.to_address, message_id, shop, row.category, about, told, ticket)


def _about(s: Session, row: Mail) -> list[Incident]:
    found = select(Incident).order_by(Incident.opened_at, Incident.id)
    if row.kind == "reminder":
        return list(s.scalars(found.where(Incident.id.in_(row.params.get("incidents", [])))))
    return list(s.scalars(found.where(Incident.mail_id == row.id))) if row.kind == "alert" else []


def _alert_now(s: Session, row: Mail, shop: Shop) -> tuple[Incident, ...]:
    """The incidents this alert is about, () when it does not leave now. Sets the address of a first try."""
    repeat = row.state == MailState.SENDING
    if not repeat and row.kind == "alert":
        mails.absorb(s, row)
        s.flush()
    everything = _about(s, row)
    about = [incident for incident in everything if incident.resolved_at is None]
    gone = [incident for incident in everything if incident.resolved_at is not None and not incident.mail_skipped]
    why = "" if about else "resolved"
    if about and not choices.enabled(s, shop.id, row.category):
        why = "category_off"
    address = row.to_address if repeat and row.to_address else choices.recipient(s, shop)
    if not why and not address:
        why = "undeliverable" if choices.refused(shop) else "no_address"
    if not why and not repeat and (later := _not_before(s, row, address)):
        release(row, later)
        return ()
    if not repeat and row.kind == "alert":
        mails.skip(s, gone, "resolved")
    if why:
        if about and row.kind == "alert":
            mails.skip(s, about, why)
        mails.cancel(row, why)
        return ()
    row.to_address = address
    return tuple(about)


def _not_before(s: Session, row: Mail, address: str) -> Any:
    last = mails.last_sent(s, row.shop_id or 0, row.category, but=row.id)
    if last and last + mails.digest() > clock.now():
        return last + mails.digest()
    return mails.slot_today(s, address, row.category)


def _hand_in(parcel: Parcel, letter: Letter) -> Result:
    assert db.open_transactions() == 0, "mail inside a transaction"
    if _post is None or _post.app is None:
        raise RuntimeError("the outbox is not set up; call init_app first")
    headers = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All", **letter.headers}
    with _post.app.app_context():
        message = _Message(
            letter.subject,
            recipients=[parcel.to],
            body=letter.text,
            html=letter.html,
            date=clock.now().timestamp(),
            extra_headers=headers,
            attachments=[flask_mail.Attachment(file.name, file.type, file.data) for file in letter.files],
        )
        message.msgId = parcel.message_id
        connection = _post.connect()
        try:
            with connection:
                connection.send(message)
        except (OSError, ValueError) as error:
            # SMTPException is an OSError. ValueError: the watchdog closed the line under the reader.
            line = connection.host
            known = error if isinstance(error, OSError) else OSError(str(error))
            return judge(known, handed_over=isinstance(line, Line) and line.handed_over)
    return Result(Outcome.SENT)


def _settle(s: Session, row: Mail, parcel: Parcel, result: Result) -> None:
    shop = s.get_one(Shop, row.shop_id) if row.shop_id else None
    row.last_error = result.words[:300]
    event(log, f"mail_{result.outcome}", mail=row.uid, kind=row.kind, sends=row.sends, words=result.words)
    match result.outcome:
        case Outcome.SENT:
            _sent(s, row, parcel, shop)
        case Outcome.REFUSED:
            _refused(s, row, parcel, shop, result)
        case Outcome.LATER:
            if result.answered and clock.now() - _answered_since(row) > GIVE_UP_AFTER:
                _give_up(s, row, parcel, shop, result)
                return
            row.state = MailState.WAITING
            delay = min(FIRST_DELAY * 2 ** min(row.attempt, 10), LONGEST_DELAY)
            release(row, clock.now() + delay, attempt=row.attempt + 1)
        case Outcome.UNKNOWN:
            unanswered = int(row.params.get("unanswered", 0)) + 1
            row.params = {**row.params, "unanswered": unanswered}
            if unanswered > 1:
                # Two copies may have arrived already; a third would be a flood. It is told inside the app instead.
                _give_up(s, row, parcel, shop, result)
                return
            release(row, clock.now() + LEASE)


def _answered_since(row: Mail) -> datetime:
    """When a server first said "later" to this mail, noted with that answer: while none could be reached, nobody did."""
    first = row.params.get("answered_at") or clock.now().isoformat()
    row.params = {**row.params, "answered_at": first}
    return datetime.fromisoformat(str(first))


def _where(shop: Shop, address: str) -> str:
    return "shop_email" if address == choices.usable(shop.email) else "alert_address"


def _sent(s: Session, row: Mail, parcel: Parcel, shop: Shop | None) -> None:
    row.state, row.sent_at, row.secret, row.last_error = MailState.SENT, clock.now(), "", ""
    release(row, None)
    if shop is None:
        return
    for incident in parcel.incidents:
        note(s, shop.id, incident.subject, "mailed", kind=row.kind, to=_where(shop, row.to_address))
    if row.kind == "confirm_address":
        return
    if shop.undeliverable_address == row.to_address:
        shop.undeliverable_address, shop.mail_undeliverable_at = "", None
    incidents.resolve(s, shop.id, "mail_undeliverable", "shop", "delivered")


def _refused(s: Session, row: Mail, parcel: Parcel, shop: Shop | None, result: Result) -> None:
    """The address takes no mail: use the shop's own if it was a typed one, else stop and say so in the app."""
    if shop is None or row.kind == "confirm_address":
        row.state, row.secret = MailState.BOUNCED, ""
        release(row, None)
        if shop is not None:
            shop.alert_address_ticket = ""
            note(s, shop.id, "shop", "address_refused", result.words)
        return
    shop.mail_undeliverable_at, shop.undeliverable_address = clock.now(), row.to_address
    if _where(shop, row.to_address) == "alert_address":
        shop.alert_address_confirmed_at = None
    if row.kind in ALERTS and choices.recipient(s, shop):
        incidents.open_(s, shop.id, "mail_undeliverable", "shop", {}, result.words)
        row.params = {**row.params, "edition": int(row.params.get("edition", 1)) + 1, "answered_at": ""}
        row.state, row.to_address = MailState.WAITING, ""
        release(row, clock.now(), attempt=0)
        return
    _give_up(s, row, parcel, shop, result)


def _give_up(s: Session, row: Mail, parcel: Parcel, shop: Shop | None, result: Result) -> None:
    row.state, row.secret = MailState.BOUNCED, ""
    release(row, None)
    if shop is None:
        return
    if row.kind == "alert":
        ids = [incident.id for incident in parcel.incidents]
        mails.skip(s, s.scalars(select(Incident).where(Incident.id.in_(ids))), "undeliverable")
    incidents.open_(s, shop.id, "mail_undeliverable", "shop", {}, result.words)


def test_mail(s: Session, shop: Shop, user_id: str) -> str:
    """Queue a test mail to the address chosen, even one that refused mails before; the address, "" if there is none."""
    address = choices.address_of(shop)
    mine = (Mail.shop_id == shop.id, Mail.kind == "test", Mail.created_at > clock.now() - mails.DAY)
    if not address or len(s.scalars(select(Mail.id).where(*mine)).all()) >= TESTS_A_DAY:
        return ""
    queue(s, shop, "test", to_address=address)
    audit(s, shop.id, user_id, "test_mail", "shop")
    return address
