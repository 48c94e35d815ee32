"""The quality table of the channels' README tells the truth."""

from __future__ import annotations

from pathlib import Path

import marketplaces.channels
from marketplaces.channels import registry
from tests.channels.double import vectors

README = Path(marketplaces.channels.__file__).parent / "README.md"


def test_the_quality_table_has_a_true_row_for_every_channel() -> None:
    text = README.read_text("utf-8").partition("## Quality")[2]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    told = {row[0]: row[1:7] for row in rows[2:]}
    true = {}
    for key, channel in registry().items():
        life = f"{channel.known_lifetime.days} days" if channel.known_lifetime else "not told"
        true[key] = [
            channel.login_kind.value,
            "yes" if channel.fields else "no",
            life,
            f"{channel.poll_seconds} s",
            str(len(vectors(key, "orders"))),
            str(len(vectors(key, "answers"))),
        ]
    assert told == true
