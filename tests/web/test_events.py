"""The journal in words: every key the code writes has a sentence, and no sentence is left over."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from shopapp import clock
from shopapp.config import ROOT
from shopapp.records.models import JournalEntry
from shopapp.web.events import EVENTS, line
from tests.web.desk import Desk

# Modules that hand a key on to `note` in a variable: the keys they can hand on.
COMPUTED = {
    "accounts/forecast.py": {"expiry_notice"},
    "accounts/link.py": {"login_declined", "login_failed"},
    "orders/choose.py": {"product_chosen", "product_unchosen"},
    "orders/mirror.py": {
        "cancel_refused",
        "cancelled_in_shopify",
        "cancelled_stock_left",
        "restock_no",
        "restock_yes",
    },
    "orders/outcome.py": set(),  # hands on what its callers say
    "orders/retry.py": {"retry_asked", "sku_mapped"},
    "shipments/absorb.py": {"shipment_changed", "shipment_heard"},
    "shipments/outcome.py": {
        "shipment_found",
        "shipment_sent",
        "shipment_withdrawn_fulfillment_cancelled",
        "shipment_withdrawn_order_cancelled",
        "shipment_withdrawn_order_incomplete",
        "shipment_withdrawn_reported_already",
        "shipment_withdrawn_switched_off",
    },
    "shops/install.py": {"installed", "installed_again"},
}

BEGINNINGS = {
    "accounts/link.py": "login_",
    "orders/mirror.py": "restock_",
    "shipments/outcome.py": "shipment_withdrawn_",
}


def _sources() -> Iterator[tuple[str, ast.Module]]:
    package = ROOT / "shopapp"
    for path in sorted(package.rglob("*.py")):
        yield str(Path(path).relative_to(package)), ast.parse(path.read_text("utf-8"))


def _written() -> tuple[set[str], set[str]]:
    """(keys written as plain text, modules that compute some)."""
    keys, computing = set(), set()
    for name, tree in _sources():
        short = "from shopapp.records.journal import" in ast.unparse(tree)
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call):
                continue
            match call.func:
                case ast.Attribute(value=ast.Name(id="journal"), attr="note"):
                    place = 3
                case ast.Attribute(value=ast.Name(id="outcome"), attr="note"):
                    place = 2
                case ast.Name(id="note") if name in ("orders/outcome.py", "shipments/outcome.py"):
                    place = 2
                case ast.Name(id="note") if short:
                    place = 3
                case _:
                    continue
            match call.args[place]:
                case ast.Constant(value=str(key)):
                    keys.add(key)
                case _:
                    computing.add(name)
    return keys, computing


def test_every_journal_key_has_a_sentence_and_every_sentence_a_key() -> None:
    keys, computing = _written()
    assert computing == set(COMPUTED), "a module computes a journal key: list here which"
    keys |= set().union(*COMPUTED.values())
    assert keys - set(EVENTS) == set(), "written, but without a sentence"
    assert set(EVENTS) - keys == set(), "a sentence for a key that nothing writes"
    assert len(keys) > 30


@pytest.mark.parametrize("key", sorted(COMPUTED))
def test_the_keys_listed_for_a_module_are_in_its_text(key: str) -> None:
    text = (ROOT / "shopapp" / key).read_text("utf-8")
    for event in COMPUTED[key]:
        put_together = (
            BEGINNINGS.get(key, "") and event.startswith(BEGINNINGS[key]) and f'f"{BEGINNINGS[key]}{{' in text
        )
        assert f'"{event}"' in text or put_together, event


@pytest.mark.parametrize("event", [*EVENTS, "something_newer"])
def test_a_line_is_readable_whatever_is_missing_or_strange_in_its_params(desk: Desk, event: str) -> None:
    with desk.app.test_request_context():
        for params in ({}, {"cause": "sku_unknown", "skus": ["A%s", "%(x)s"]}, {"name": "100 %", "cause": "no such"}):
            entry = JournalEntry(shop_id=1, subject="order:1", at=clock.now(), event=event, params=params, words="")
            said = line(entry)
            assert said.text
            assert "%(" not in said.text.replace("%(x)s", "")
