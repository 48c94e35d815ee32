"""Every single crash of an import, a seeded quarter of all others, and some double ones. All: `python -m
tests.crash.boundaries`. `SHOPAPP_BOUNDARIES_SHARE` and `SHOPAPP_BOUNDARIES_DOUBLE` take more.

The enumerator is a program of its own: it forks, and a process that forks should have no threads.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="children die with their parent")
ROOT = Path(__file__).resolve().parents[3]
SHARE = os.environ.get("SHOPAPP_BOUNDARIES_SHARE", "0.25")
DOUBLE = os.environ.get("SHOPAPP_BOUNDARIES_DOUBLE", "20")
SECONDS = 3600  # beside all other tests on two slow cores
MODES = ("unique", "not-unique", "lagging")
Tally = Mapping[str, Any]


def enumerate_(folder: Path, *words: str) -> tuple[int, dict[str, list[Tally]]]:
    """Run the program; its exit status and the tallies by kind. What it prints goes to our output."""
    file = folder / "tallies.json"
    command = [sys.executable, "-m", "tests.crash.boundaries", "--json", str(file), *words]
    status = subprocess.run(command, cwd=ROOT, timeout=SECONDS, check=False).returncode
    assert file.exists(), "the enumerator fell over"
    return status, json.loads(file.read_text("utf-8"))


@pytest.fixture(scope="module")
def tallies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Tally]]:
    """One run of everything, as large as this machine is asked for."""
    words = ["--share", SHARE, "--all-of", "import", "--double", DOUBLE, "--double-of", "mail-down", "--seed", "7"]
    return enumerate_(tmp_path_factory.mktemp("boundaries"), *words)[1]


def of(tallies: list[Tally], *names: str) -> list[Tally]:
    found = [one for one in tallies if one["scenario"] in names]
    assert {one["scenario"] for one in found} == set(names)
    return found


def harm(tallies: list[Tally]) -> list[str]:
    return [f"{one['scenario']} {one['mode']}: {line}" for one in tallies for line in one["broken"]]


def test_every_single_crash_of_an_import_loses_and_doubles_nothing(tallies: dict[str, list[Tally]]) -> None:
    """In all modes of Shopify: unique ids enforced, not enforced, and with an index that lags by ten settle times."""
    imports = of(tallies["singles"], "import")
    assert {one["mode"] for one in imports} == set(MODES)
    for one in imports:
        assert one["boundaries"] > 20
        assert one["kills"] + one["missed"] == 2 * one["boundaries"]
        assert one["missed"] == 0
    assert harm(imports) == []


def test_an_answer_lost_and_a_crash_besides_lose_and_double_nothing(tallies: dict[str, list[Tally]]) -> None:
    assert harm(of(tallies["singles"], "import-reset", "import-502", "import-late", "backfill")) == []


def test_orders_of_mapped_skus_are_imported_once_whatever_dies(tallies: dict[str, list[Tally]]) -> None:
    assert harm(of(tallies["singles"], "import-mapped")) == []


def test_a_shipment_is_confirmed_once_with_its_newest_number_whatever_dies(tallies: dict[str, list[Tally]]) -> None:
    shipments = of(tallies["singles"], "shipment", "shipment-reset", "shipment-corrected")
    assert harm(shipments) == []
    assert sum(one["kills"] for one in shipments) > 10


def test_the_newest_price_and_stock_are_at_the_marketplace_whatever_dies(tallies: dict[str, list[Tally]]) -> None:
    pushes = of(tallies["singles"], "stock", "price")
    assert harm(pushes) == []
    assert sum(one["kills"] for one in pushes) > 10


def test_shopifys_messages_survive_every_crash_and_come_again_until_acknowledged(
    tallies: dict[str, list[Tally]],
) -> None:
    assert harm(of(tallies["singles"], "webhook-product", "webhook-shop", "uninstall")) == []


def test_redaction_is_complete_after_any_crash_and_takes_nothing_else(tallies: dict[str, list[Tally]]) -> None:
    assert harm(of(tallies["singles"], "redact-customer", "redact-shop")) == []


def test_a_seller_taken_over_is_told_once_and_no_order_is_in_both_shops(tallies: dict[str, list[Tally]]) -> None:
    assert harm(of(tallies["singles"], "take-over", "take-back")) == []


def test_a_replaced_refresh_token_lost_in_a_crash_heals_or_is_told_once_and_never_loops(
    tallies: dict[str, list[Tally]],
) -> None:
    """It heals where the old one still works; where it is dead at once, one mail asks for a new login."""
    healing = of(tallies["singles"], "shopify-token", "shopify-token-lost", "rotating-token", "rotating-token-lost")
    dead = of(tallies["singles"], "rotating-token-hard")
    assert harm(healing + dead) == []
    for one in (*healing, *dead):
        print(f"{one['scenario']}: lost if killed within {one['window'] * 1000:.1f} ms")
        assert one["window"] < 5


def test_no_mail_is_lost_in_two_hours_without_a_mail_server_and_two_kills(tallies: dict[str, list[Tally]]) -> None:
    """Each arrives, at most one copy more for each kill."""
    assert harm(of(tallies["singles"], "mail", "mail-down")) == []
    twice = of(tallies["doubles"], "mail-down")
    assert harm(twice) == []
    assert sum(one["kills"] for one in twice) > sum(one["runs"] for one in twice)


def test_a_second_crash_during_the_recovery_changes_nothing(tallies: dict[str, list[Tally]]) -> None:
    assert sum(one["runs"] for one in tallies["doubles"]) >= int(DOUBLE)
    assert harm(tallies["doubles"]) == []


def test_the_judge_turns_red_on_sown_bugs(tmp_path: Path) -> None:
    """A few points of the right kind are enough for these; all: `python -m tests.crash.boundaries --bugs`."""
    sown = ("no-look-up", "no-settle-time", "sent-again", "marked-first")
    status, seen = enumerate_(tmp_path, "--near", "--share", "0.4", "--seed", "3", *(f"--bug={name}" for name in sown))
    assert status == 0
    assert [name for name in sown if not seen[name][0]["broken"]] == []
    assert sum(one[0]["doubled"] for one in seen.values()) > 3
    assert seen["marked-first"][0]["unmailed"] > 0
