"""What the sandbox's ledger says about one run. The product's own tables are not asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

Rows = list[dict[str, Any]]


@dataclass(slots=True)
class Found:
    """What went wrong in a run, in marketplace order ids and in words; `twice` counts mails that came once more."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unmailed: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    twice: int = 0

    def broken(self, kills: int) -> bool:
        """Whether a promise is broken: a crash may cost one mail sent twice, nothing else."""
        return bool(self.lost or self.doubled or self.unmailed or self.other) or self.twice > kills


def made(rows: Rows, *domains: str) -> Counter[str]:
    """How often each marketplace order was created in these shops."""
    created = (row for row in rows if row["effect"] == "order.created" and row["body"].get("shop") in domains)
    return Counter(str(row["key"]).rsplit(":", 1)[-1] for row in created)


def orders(found: Found, rows: Rows, wanted: Iterable[str], *domains: str) -> None:
    """Each of `wanted` was created exactly once in these shops together, and nothing else was."""
    wanted, there = set(wanted), made(rows, *domains)
    found.lost += sorted(wanted - set(there))
    found.doubled += sorted(one for one, times in there.items() if times > 1)
    found.other += [f"invented {one}" for one in sorted(set(there) - wanted)]


def mails(rows: Rows, to: str, subject: str = "") -> Rows:
    """Mails to this address, of those whose subject holds `subject`."""
    received = [row for row in rows if row["effect"] == "mail.received" and to in row["body"]["to"]]
    return [row for row in received if subject in row["body"]["subject"]]


def told(found: Found, letters: Rows, what: str, *, at_most: int = 1) -> None:
    """There is a mail about `what`, in at most so many editions; copies of one edition are counted."""
    editions = Counter(row["key"] for row in letters)
    if not editions:
        found.unmailed.append(what)
    if len(editions) > at_most:
        found.other.append(f"{len(editions)} different mails about {what}")
    found.twice += sum(editions.values()) - len(editions)


def count(rows: Rows, effect: str, keys: Collection[str] = (), **body: Any) -> int:
    """How many entries of this effect there are, of these keys, with these values in the body."""
    return sum(
        row["effect"] == effect
        and (not keys or row["key"] in keys)
        and all((row["body"] or {}).get(name) == value for name, value in body.items())
        for row in rows
    )
