"""Bugs to be sown into a child, never into the product: the judge must turn red on each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Any

from rq.exceptions import DuplicateJobError

from marketplaces.errors import Transient
from shopapp.alerts import outbox
from shopapp.listings import push
from shopapp.orders import job, place, poll
from shopapp.records import db
from shopapp.records.models import Account, ListingStatus, Mail, MailState
from shopapp.shipments import send
from shopapp.shopify_admin import wire
from shopapp.work import bell, claim, schedule
from tests.crash.boundaries.stage import Stage


@dataclass(frozen=True, slots=True)
class Bug:
    """`sow(stage)` patches this process; `seen_in` is the scenario and mode that show it best, `near` the boundaries."""

    what: str
    sow: Callable[[Stage], None]
    seen_in: tuple[str, str]
    near: str


def _swap(module: Any, name: str, new: Any) -> None:
    getattr(module, name)  # a bug that is sown beside the product proves nothing
    setattr(module, name, new)


def _cursor_first(_: Stage) -> None:
    real: Any = poll._save

    def save(mine: Any, begun: Any, page: Any, out_of_time: bool) -> bool:
        with db.writing() as s:
            account = claim.held(s, Account, mine)
            if account is not None and page.until is not None:
                account.cursor_at = page.until - begun.channel.overlap
        done: bool = real(mine, begun, page, out_of_time)
        return done

    _swap(poll, "_save", save)


def _no_look_up(_: Stage) -> None:
    _swap(place, "_look", lambda *_: None)


def _no_look_at_the_marketplace(_: Stage) -> None:
    _swap(send, "_is_there", lambda _job: False)


def _pushed_before_it_is(_: Stage) -> None:
    real: Any = push._intend

    def intend(s: Any, row: Any, account: Any, channel: Any, mine: Any) -> Any:
        job = real(s, row, account, channel, mine)
        row.acked_version, row.status = row.version, ListingStatus.LINKED
        return job

    _swap(push, "_intend", intend)


def _no_settle_time(_: Stage) -> None:
    _swap(job, "settle_time", lambda: timedelta(0))


def _acknowledged_first(stage: Stage) -> None:
    real: Any = stage.app.wsgi_app

    def early(environ: dict[str, Any], start: Any) -> Any:
        if environ["PATH_INFO"] != "/webhooks/shopify":
            return real(environ, start)
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        later = {**environ, "wsgi.input": BytesIO(body)}
        stage.afterwards.append(lambda: list(real(later, lambda *_: None)))
        start("200 OK", [("Content-Length", "0")])
        return [b""]

    _swap(stage.app, "wsgi_app", early)


def _sent_again(_: Stage) -> None:
    real: Any = wire.post

    def post(*args: Any, **more: Any) -> Any:
        for _ in range(3):
            try:
                return real(*args, **more)
            except Transient as error:
                if error.status != 502:
                    raise
        return real(*args, **more)

    _swap(wire, "post", post)


def _marked_first(_: Stage) -> None:
    real: Any = outbox._hand_in

    def hand_in(parcel: Any, letter: Any) -> Any:
        with db.writing() as s:
            row = s.query(Mail).filter_by(uid=parcel.message_id[1:].split(".")[0]).one()
            row.state = MailState.SENT
            claim.release(row, None)
        return real(parcel, letter)

    _swap(outbox, "_hand_in", hand_in)


def _job_as_truth(_: Stage) -> None:
    real = schedule.tick

    def tick(queues: Any) -> list[str]:
        """Accounts are polled by the clock; everything else hangs on the bell that was rung once."""
        return real({"bulk": [work for work in queues["bulk"] if work.name == "poll"]})

    _swap(schedule, "tick", tick)


def _one_job_id(_: Stage) -> None:
    def ring(name: str) -> bool:
        known: dict[str, Any] = {"job_id": f"drain-{name}", "unique": True, "result_ttl": 0}
        try:
            bell.queue(name).enqueue(bell._job, name, **known)
        except DuplicateJobError:
            return False
        return True

    _swap(bell, "ring", ring)


BUGS: Mapping[str, Bug] = {
    "cursor-first": Bug("the cursor is saved before the orders", _cursor_first, ("import", "unique"), "commit of"),
    "no-look-up": Bug(
        "nothing is looked up before it is sent again", _no_look_up, ("import", "not-unique"), "OrderCreate"
    ),
    "shipment-no-look": Bug(
        "a package is reported again without a look",
        _no_look_at_the_marketplace,
        ("shipment-reset", "unique"),
        "confirmShipment",
    ),
    "pushed-first": Bug(
        "a price counts as pushed before it is sent", _pushed_before_it_is, ("price", "unique"), "commit of"
    ),
    "no-settle-time": Bug(
        "an unanswered send is repeated at once", _no_settle_time, ("import-late", "not-unique"), "OrderCreate"
    ),
    "acknowledged-first": Bug("200 before the commit", _acknowledged_first, ("webhook-product", "unique"), "serve"),
    "sent-again": Bug("a creation is repeated on 502", _sent_again, ("import-502", "not-unique"), "OrderCreate"),
    "marked-first": Bug("a mail is marked sent before it is", _marked_first, ("mail", "unique"), "smtp"),
    "job-as-truth": Bug("only the bell's own job does the work", _job_as_truth, ("import", "unique"), "ring now"),
    "one-job-id": Bug("a fixed, unique id for the job", _one_job_id, ("import", "unique"), "commit of"),
}
