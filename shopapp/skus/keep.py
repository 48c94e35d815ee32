"""Writes the table of SKU mappings: saves and deletes them, each with its line in the audit log. Retries no order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from marketplaces.text import clean
from shopapp import clock
from shopapp.i18n import N_
from shopapp.records import db, journal
from shopapp.records.models import Account, Shop, SkuMapping

LONGEST = 255
MOST = 200_000  # mappings of one shop
CHUNK = 500  # mappings in one statement
EMPTY = N_("Enter a SKU.")
TOO_LONG = N_("A SKU has at most 255 characters.")
STRANGE = N_("A SKU holds no line breaks, tabs or other control characters.")
NO_ACCOUNT = N_("Choose one of your accounts, or all of them.")
FULL = N_("There is room for 200,000 mappings. Delete some that are no longer needed.")


@dataclass(frozen=True, slots=True)
class Pair:
    """What a marketplace's SKU means: for one account, or for all (None)."""

    account_id: int | None
    marketplace_sku: str
    store_sku: str


# What is mapped already, by account: {marketplace SKU: (our key, SKU of the shop)}.
There = dict[int | None, dict[str, tuple[int, str]]]


class Refused(Exception):
    """A mapping that cannot be saved: {field: message id}."""

    def __init__(self, errors: dict[str, str]) -> None:
        self.errors = errors
        super().__init__(", ".join(errors))


def trouble(sku: str) -> str:
    """What is wrong with a SKU as typed, as a message id; "" when nothing is. Inner blanks count, outer ones do not."""
    bare = sku.strip()
    if not bare:
        return EMPTY
    if len(bare) > LONGEST:
        return TOO_LONG
    usual = bare.isascii() and bare.isprintable()
    return "" if usual or clean(bare, keep_spaces=True) == bare else STRANGE


def save(s: Session, shop_id: int, pair: Pair, user: str) -> Pair:
    """Save one mapping (anew, or in place of the one there is); as it was saved. Refused when it cannot be."""
    typed = {"marketplace_sku": pair.marketplace_sku, "store_sku": pair.store_sku}
    errors = {field: said for field, sku in typed.items() if (said := trouble(sku))}
    if pair.account_id is not None and not owns(s, shop_id, pair.account_id):
        errors["account"] = NO_ACCOUNT
    if errors:
        raise Refused(errors)
    kept = Pair(pair.account_id, pair.marketplace_sku.strip(), pair.store_sku.strip())
    _locked(s, shop_id)
    there = _there(s, shop_id, kept.account_id, [kept.marketplace_sku])
    before = there.get(kept.marketplace_sku)
    if before is None and _count(s, shop_id) >= MOST:
        raise Refused({"marketplace_sku": FULL})
    _write(s, shop_id, [kept], {kept.account_id: there}, user)
    was = before[1] if before else ""
    changes = {"sku": kept.marketplace_sku, "before": was, "after": kept.store_sku}
    journal.audit(s, shop_id, user, "sku_mapped", _subject(kept.account_id), **changes)
    return kept


def save_many(s: Session, shop_id: int, pairs: Sequence[Pair], user: str) -> list[Pair]:
    """Save mappings whose SKUs and accounts were checked; those that differ from what was there. Full: Refused.

    Writes no audit line: a file has one of its own.
    """
    _locked(s, shop_id)
    there = _all_there(s, shop_id, pairs)
    new, changed = _compared(pairs, there)
    if new and _count(s, shop_id) + len(new) > MOST:
        raise Refused({"file": FULL})
    other = [*new, *changed]
    for at in range(0, len(other), CHUNK):
        _write(s, shop_id, other[at : at + CHUNK], there, user)
    return other


def differences(s: Session, shop_id: int, pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Of these mappings (each SKU of an account once): the new ones, and those that are there and mean something else."""
    return _compared(pairs, _all_there(s, shop_id, pairs))


def _compared(pairs: Sequence[Pair], there: There) -> tuple[list[Pair], list[Pair]]:
    new: list[Pair] = []
    changed: list[Pair] = []
    for pair in pairs:
        before = there[pair.account_id].get(pair.marketplace_sku)
        if before is None:
            new.append(pair)
        elif before[1] != pair.store_sku:
            changed.append(pair)
    return new, changed


def delete(s: Session, shop_id: int, mapping_id: int, user: str) -> Pair | None:
    """Delete a mapping of the shop; what it was, None when there is no such one."""
    found = select(SkuMapping).where(SkuMapping.shop_id == shop_id, SkuMapping.id == mapping_id)
    row = s.scalars(found).one_or_none()
    if row is None:
        return None
    was = Pair(row.account_id, row.marketplace_sku, row.store_sku)
    s.delete(row)
    changes = {"sku": was.marketplace_sku, "before": was.store_sku, "after": ""}
    journal.audit(s, shop_id, user, "sku_unmapped", _subject(was.account_id), **changes)
    return was


def owns(s: Session, shop_id: int, account_id: int) -> bool:
    """Whether the account is the shop's."""
    found = select(Account.id).where(Account.shop_id == shop_id, Account.id == account_id)
    return s.execute(found).first() is not None


def _subject(account_id: int | None) -> str:
    return "shop" if account_id is None else f"account:{account_id}"


def _locked(s: Session, shop_id: int) -> None:
    """One writer a shop; and an order that is about to be judged by the old mappings is judged before we go on."""
    db.fetch(s, Shop, shop_id, lock=True)


def _count(s: Session, shop_id: int) -> int:
    return s.scalars(select(func.count()).where(SkuMapping.shop_id == shop_id)).one()


def _all_there(s: Session, shop_id: int, pairs: Sequence[Pair]) -> There:
    found: There = {}
    for account_id in dict.fromkeys(pair.account_id for pair in pairs):
        skus = [pair.marketplace_sku for pair in pairs if pair.account_id == account_id]
        mine = found[account_id] = {}
        for at in range(0, len(skus), CHUNK):
            mine |= _there(s, shop_id, account_id, skus[at : at + CHUNK])
    return found


def _there(s: Session, shop_id: int, account_id: int | None, skus: list[str]) -> dict[str, tuple[int, str]]:
    """{marketplace SKU: (our key, SKU of the shop)} of those that are mapped already."""
    mine = SkuMapping.account_id.is_(None) if account_id is None else SkuMapping.account_id == account_id
    columns = select(SkuMapping.marketplace_sku, SkuMapping.id, SkuMapping.store_sku)
    found = columns.where(SkuMapping.shop_id == shop_id, mine, SkuMapping.marketplace_sku.in_(skus))
    return {sku: (mapping_id, store_sku) for sku, mapping_id, store_sku in s.execute(found)}


def _write(s: Session, shop_id: int, pairs: Sequence[Pair], there: There, user: str) -> None:
    now = clock.now()
    fresh, known = [], []
    for pair in pairs:
        values = {"store_sku": pair.store_sku, "created_at": now, "created_by": user}
        before = there[pair.account_id].get(pair.marketplace_sku)
        if before is not None:
            known.append({"id": before[0], **values})
        else:
            key = {"shop_id": shop_id, "account_id": pair.account_id, "marketplace_sku": pair.marketplace_sku}
            fresh.append(key | values)
    if known:
        s.execute(update(SkuMapping), known)
    if fresh:
        s.execute(insert(SkuMapping), fresh)
