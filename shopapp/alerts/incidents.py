"""Incidents: one trouble is one row, open until resolved. Opening decides about mail in the same transaction.

All functions join the caller's transaction; re-opening after `resolve` is a new row with a mail of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from marketplaces.text import clean
from shopapp import clock
from shopapp.alerts import choices, inbox, mails
from shopapp.alerts.catalogue import KINDS, Kind
from shopapp.logs import redact
from shopapp.records.models import Incident, Severity, Shop, ShopStatus

_SWEEPS = "alerts.sweeps"
_PER_PAGE = 200
MILD = 10  # the rank of a forecast
_FOR_OPERATOR = ("channel", "realm", "cause", "call", "code", "request_id")


def open_(s: Session, shop_id: int, kind: str, subject: str, params: Mapping[str, Any], words: str = "") -> Incident:
    """Open the trouble `kind` of `subject`, or count it again if it is open already; the row.

    `params` fill the catalogue's texts (JSON-able, nothing personal); `words` are the remote's own. Only the first
    occurrence decides about mail: afterwards `mail_id` or `mail_skipped` is set for every kind that has a category.
    KeyError for a kind that the catalogue lacks.
    """
    declared = KINDS[kind]
    for seen in s.info.get(_SWEEPS, ()):
        seen.add((shop_id, kind, subject))
    said = clean(redact(words), 500)
    open_row = _open_one(s, shop_id, kind, subject)
    if open_row is None:
        open_row = _insert(s, shop_id, declared, subject, dict(params), said)
        if open_row is not None:
            return open_row
        # Another transaction opened it in this very moment: then it is only counted.
        open_row = _open_one(s, shop_id, kind, subject)
        if open_row is None:
            raise RuntimeError(f"the incident {kind} of {subject} was opened and resolved by others at once")
    open_row.count += 1
    open_row.seen_at = clock.now()
    open_row.params = dict(params)
    open_row.words = said or open_row.words
    return open_row


def _open_one(s: Session, shop_id: int, kind: str, subject: str) -> Incident | None:
    found = select(Incident).where(
        Incident.shop_id == shop_id,
        Incident.kind == kind,
        Incident.subject == subject,
        Incident.resolved_at.is_(None),
    )
    return s.scalar(found.with_for_update(key_share=True).execution_options(populate_existing=True))


def _insert(s: Session, shop_id: int, kind: Kind, subject: str, params: dict[str, Any], words: str) -> Incident | None:
    now = clock.now()
    row = Incident(
        shop_id=shop_id,
        kind=kind.key,
        subject=subject,
        category=str(kind.category),
        severity=kind.severity.value,
        params=params,
        words=words,
        opened_at=now,
        seen_at=now,
    )
    try:
        with s.begin_nested():
            s.add(row)
            s.flush()
    except IntegrityError:
        return None
    _tell(s, row, kind)
    s.flush()
    return row


def _tell(s: Session, incident: Incident, kind: Kind) -> None:
    shop = s.get_one(Shop, incident.shop_id)
    if kind.category:
        why = _no_mail(s, shop, incident.category)
        if why:
            incident.mail_skipped = why
        else:
            mails.attach(s, incident, shop)
    if kind.inbox:
        inbox.post(s, incident)
    if kind.operator:
        about: dict[str, Any] = {key: incident.params[key] for key in _FOR_OPERATOR if key in incident.params}
        mails.to_operator(s, kind.key, {**about, "words": incident.words})


def _no_mail(s: Session, shop: Shop, category: str) -> str:
    if shop.status == ShopStatus.UNINSTALLED:
        return "uninstalled"
    if not choices.enabled(s, shop.id, category):
        return "category_off"
    if choices.recipient(s, shop):
        return ""
    return "undeliverable" if choices.refused(shop) else "no_address"


def _close(rows: list[Incident], how: str) -> int:
    for row in rows:
        row.resolved_at, row.resolved_how = clock.now(), how[:64]
    return len(rows)


def _some(s: Session, shop_id: int, *conditions: ColumnElement[bool]) -> list[Incident]:
    found = select(Incident).where(Incident.shop_id == shop_id, Incident.resolved_at.is_(None), *conditions)
    return list(s.scalars(found.order_by(Incident.id).with_for_update(key_share=True)))


def resolve(s: Session, shop_id: int, kind: str, subject: str, how: str) -> bool:
    """Close the open incident `kind` of `subject`; whether there was one. `how` is a short key (worked)."""
    return bool(_close(_some(s, shop_id, Incident.kind == kind, Incident.subject == subject), how))


def resolve_subject(s: Session, shop_id: int, subject: str, how: str) -> int:
    """Close everything open about `subject`; how many."""
    return _close(_some(s, shop_id, Incident.subject == subject), how)


@contextmanager
def sweep(s: Session, shop_id: int, kind: str, scope_prefix: str, how: str = "gone") -> Iterator[None]:
    """A look at everything in a scope: what is not opened again inside the block is resolved when it ends cleanly.

    The scope is all open incidents of `kind` whose subject begins with `scope_prefix`. An exception resolves nothing.
    """
    seen: set[tuple[int, str, str]] = set()
    running: list[set[tuple[int, str, str]]] = s.info.setdefault(_SWEEPS, [])
    running.append(seen)
    try:
        yield
    finally:
        running[:] = [other for other in running if other is not seen]
    scope = _some(s, shop_id, Incident.kind == kind, Incident.subject.startswith(scope_prefix, autoescape=True))
    _close([row for row in scope if (shop_id, kind, row.subject) not in seen], how)


def open_incidents(
    s: Session, shop_id: int, *, kind: str = "", subject: str = "", limit: int = _PER_PAGE
) -> list[Incident]:
    """What is open, most severe first, then oldest first; narrowed to a kind or a subject."""
    found = select(Incident).where(Incident.shop_id == shop_id, Incident.resolved_at.is_(None))
    if kind:
        found = found.where(Incident.kind == kind)
    if subject:
        found = found.where(Incident.subject == subject)
    rows = list(s.scalars(found.order_by(Incident.opened_at, Incident.id).limit(limit)))
    return sorted(rows, key=lambda row: -_rank(row))


def _rank(incident: Incident) -> int:
    kind = KINDS.get(incident.kind)
    if kind is None:
        return 0
    # What is milder now than its kind is (a full plan that has room again) stands behind what is not.
    milder = kind.severity == Severity.CRITICAL and incident.severity != Severity.CRITICAL
    return min(kind.rank, MILD) if milder else kind.rank


def about_accounts(s: Session, shop_id: int) -> dict[str, Incident]:
    """The most severe open notice of each account, by its subject; that an account is broken its state says already."""
    found = select(Incident).where(
        Incident.shop_id == shop_id,
        Incident.subject.startswith("account:"),
        Incident.kind != "account_expired",
        Incident.resolved_at.is_(None),
    )
    worst: dict[str, Incident] = {}
    for row in sorted(s.scalars(found.order_by(Incident.opened_at, Incident.id)), key=lambda row: -_rank(row)):
        worst.setdefault(row.subject, row)
    return worst


def banner(s: Session, shop_id: int) -> tuple[Incident | None, list[Incident]]:
    """The one banner of the dashboard (None: nothing that deserves one), and what else is open as links inside it.

    Plan exceeded before a broken account before a plan that is nearly used up. Single orders are not among the links:
    they are counted under "Needs attention".
    """
    kinds = [kind.key for kind in KINDS.values() if kind.rank]
    rows = list(
        s.scalars(
            select(Incident)
            .where(Incident.shop_id == shop_id, Incident.resolved_at.is_(None), Incident.kind.in_(kinds))
            .order_by(Incident.opened_at, Incident.id)
        )
    )
    rows.sort(key=lambda row: (not KINDS[row.kind].banner, -_rank(row)))
    if not rows or not KINDS[rows[0].kind].banner:
        return None, rows
    return rows[0], rows[1:]
