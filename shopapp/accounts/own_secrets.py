"""The known end of our own client secrets at the channels: the operator is warned by mail, each step once."""

from __future__ import annotations

from datetime import date

from marketplaces.channels import registry
from shopapp import clock
from shopapp.accounts.line import keys_of
from shopapp.alerts import mails
from shopapp.records import db

STEPS = (90, 60, 30, 15, 7, 1)  # days before the end, as Amazon itself warns
KIND = "own_secret_ends"


def warnings() -> int:
    """The chore: warn of every secret that has come to its next step; how many mails were queued.

    The day stands in `<CHANNEL>_SECRET_UNTIL`; without it nothing is known and nothing is said.
    """
    queued = 0
    for channel in registry().values():
        until = keys_of(channel).get("SECRET_UNTIL")
        if not until:
            continue
        left = (date.fromisoformat(until) - clock.now().date()).days
        reached = [step for step in STEPS if left <= step]
        if not reached:
            continue
        params = {"channel": channel.name, "until": until, "days_left": max(left, 0)}
        params["what_to_do"] = f"make a new client secret at {channel.name} and set {channel.key.upper()}_CLIENT_SECRET"
        with db.writing() as s:
            queued += mails.to_operator(s, KIND, params, once=f"{channel.key}:{until}:{min(reached)}")
    return queued
