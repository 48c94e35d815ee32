"""Scenarios of a shop: Shopify's messages, redaction, uninstallation, mails, and a seller taken over by another shop."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from shopapp import clock
from shopapp.accounts import line, link, repair
from shopapp.records import db
from shopapp.records.models import Account
from tests.crash.boundaries import judge
from tests.crash.boundaries.judge import Found, Rows
from tests.crash.boundaries.orders import polled
from tests.crash.boundaries.scenario import Scenario, Scene
from tests.crash.boundaries.stage import DE, Place, Stage

UNKNOWN = "NOT-IN-SHOP"
LATER_SALE = "302-7654321-7654321"


class Heard(Scenario):
    """Something happens at Shopify, and Shopify tells us."""

    topics: tuple[str, ...] = ()

    def happens(self, stage: Stage, scene: Scene) -> None:
        """What Shopify tells about. Happens once, outside."""
        raise NotImplementedError

    def act(self, stage: Stage, scene: Scene) -> None:
        """We serve, it happens, we are told, the workers work."""
        stage.serve(lambda: True, 0.1)
        with stage.counter.uncounted():
            self.happens(stage, scene)
        stage.hear(scene.facts["place"].domain, self.topics)
        stage.work()

    def between(self, stage: Stage, scene: Scene, step: int) -> None:
        """Shopify tells again what was not acknowledged."""
        stage.hear(scene.facts["place"].domain, self.topics)

    def heard(self, scene: Scene, found: Found) -> None:
        """Each message was acknowledged in the end; one that was not answered came again until it was."""
        domain = scene.facts["place"].domain
        sent = [row["body"] for row in scene.rows if row["effect"] == "webhook.sent" and row["body"]["shop"] == domain]
        for topic in self.topics:
            tries = [one["status"] for one in sent if one["topic"] == topic]
            if 200 not in tries:
                found.other.append(f"{topic} was never acknowledged: {tries}")


class Product(Heard):
    """An order waits for a SKU, and the product is made."""

    name = "webhook-product"
    topics = ("products/create",)

    def prepare(self, stage: Stage, scene: Scene) -> None:
        """The order has failed, and that was mailed."""
        place = polled(stage, scene)
        scene.facts["orders"] = [stage.sell(place.seller, "LATER")]
        for seconds in (5 * 60, 25):
            stage.pass_time(seconds)
            stage.work()

    def happens(self, stage: Stage, scene: Scene) -> None:
        """The product."""
        stage.product(scene.facts["place"].domain, "LATER")

    def judge(self, stage: Stage, scene: Scene, kills: int) -> Found:
        """The order is there, long before anybody would have tried it again by himself."""
        found = Found()
        self.heard(scene, found)
        judge.orders(found, scene.rows, scene.facts["orders"], scene.facts["place"].domain)
        return found


class Mail(Scenario):
    """An order fails; the mail about it leaves a little later."""

    name = "mail"
    before = 5 * 60.0

    def prepare(self, stage: Stage, scene: Scene) -> None:
        """A sale of something that the shop does not have."""
        place = polled(stage, scene)
        scene.facts["orders"] = [stage.sell(place.seller, UNKNOWN)]
        stage.pass_time(self.before)

    def act(self, stage: Stage, scene: Scene) -> None:
        """Found, failed, mailed."""
        stage.work()
        stage.pass_time(25)
        stage.work()

    def judge(self, stage: Stage, scene: Scene, kills: int) -> Found:
        """One mail about it; copies are counted."""
        found = Found()
        place = scene.facts["place"]
        judge.orders(found, scene.rows, (), place.domain)
        judge.told(found, mails_about(stage, scene.rows, place.email, scene.facts["orders"][0]), "the failed order")
        return found


class MailDown(Mail):
    """The mail server is down for two hours."""

    name = "mail-down"

    def prepare(self, stage: Stage, scene: Scene) -> None:
        """No conversation is possible."""
        super().prepare(stage, scene)
        scene.facts["fault"] = stage.box.fault("smtp", "reset", "connect", times=None)
        scene.facts["until"] = clock.now() + timedelta(hours=2)

    def between(self, stage: Stage, scene: Scene, step: int) -> None:
        """Up again after two hours."""
        if clock.now() < scene.facts["until"]:
            if step == 2:
                stage.pass_time((scene.facts["until"] - clock.now()).total_seconds())
            else:
                return
        with stage.counter.uncounted():
            stage.box.clear_faults()

    def judge(self, stage: Stage, scene: Scene, kills: int) -> Found:
        """Nothing could have arrived before; one mail did after."""
        found = super().judge(stage, scene, kills)
        early = [row for row in judge.mails(scene.rows, "") if moment(row["at"]) < scene.facts["until"]]
        assert not early, "the sandbox's mail server was not down"
        return found


class NewAddress(Heard):
    """The shop changes its e-mail address; what is mailed afterwards goes to the new one."""

    name = "webhook-shop"
    topics = ("shop/update",)

    def prepare(self, stage: Stage, scene: Scene) -> None:
        """Something to mail about is found in the same moment."""
        place = polled(stage, scene)
        scene.facts["orders"] = [stage.sell(place.seller, UNKNOWN)]
        scene.facts["email"] = f"new-{place.email}"
        stage.pass_time(5 * 60)

    def happens(self, stage: Stage, scene: Scene) -> None:
        """The new address."""
        stage.box.post(f"/shops/{scene.facts['place'].domain}/settings", {"email": scene.facts["email"]})

    def act(self, stage: Stage, scene: Scene) -> None:
        """Told, then mailed."""
        super().act(stage, scene)
        stage.pass_time(25)
        stage.work()

    def judge(self, stage: Stage, scene: Scene, kills: int) -> Found:
        """The mail went to the new address."""
        found = Found()
        self.heard(scene, found)
        about = mails_about(stage, scene.rows, scene.facts["email"], scene.facts["orders"][0])
        judge.told(found, about, "the failed order, at the new address")
        found.other += ["mail to the old address" for _ in judge.mails(scene.rows, scene.facts["place"].email)]
        return found


class Uninstall(Heard):
    """The app is removed while an order waits to be found."""

    name = "uninstall"
    topics = ("app/uninstalled",)

    def prepare(self, stage: Stage, scene: Scene) -> None:
        """A sale that nobody has seen yet."""
        place = polled(stage, scene)
        stage.sell(place.seller)
        stage.pass_time(60)

    def happens(self, stage: Stage, scene: Scene) -> None:
        """The app is removed."""
        stage.box.post(f"/shops/{scene.facts['place'].domain}/settings", {"uninstalled": True})

    def judge(self, stage: Stage, scene: Scene, kills: int) -> Found:
        """No order, no mail, and nobody asks the marketplace any more."""
        found = Found()
        place: Place = scene.facts["place"]
        self.heard(scene, found)
        judge.orders(found, scene.rows, (), place.domain)
        found.other += [f"mail: {row['body']['subject']}" for row in judge.mails(scene.rows, place.email)]
        end = moment(stage.box.get("/clock")["now"])
        late = [row for row in scene.rows if moment(row["at"]) > end - timedelta(minutes=20)]
        if judge.count(late, "amazon.searchOrders", [place.seller]):
            found.other.append("the marketplace is still asked")
        return found


class Redact(Heard):
    """A buyer is to be forgotten: the order's, not the other's."""

    name = "redact-customer"
    topics = ("customers/redact",)

    def prepare(self, stage: Stage, scene: Scene) -> None:
        """Two imported orders, each with a buyer whose name is nowhere else."""
        place = polled(stage, scene)
        scene.facts["orders"] = [
            stage.sell(place.seller, buyer="Quillon Canary"),
            stage.sell(place.seller, buyer="Rosalba Canary"),
        ]
        stage.pass_time(5 * 60)
        stage.work()
        made = stage.box.get(f"/shops/{place.domain}")["orders"]
        number = {one["source_identifier"]: int(one["id"].rsplit("/", 1)[-1]) for one in made}
        scene.facts["number"] = number[scene.facts["orders"][0]]
        assert found_in_tables(["Quillon", "Rosalba"]) == {"Quillon", "Rosalba"}

    def happens(self, stage: Stage, scene: Scene) -> None:
        """The message names one order."""
        payload = {"orders_to_redact": [scene.facts["number"]], "customer": {"id": 1}}
        domain = scene.facts["place"].domain
        stage.box.post(f"/shops/{domain}/webhooks", {"topic": self.topics[0], "payload": payload})

    def judge(self, stage: Stage, scene: Scene, kills: int) -> Found:
        """Nothing is left of the one, the other's is there; no order was made again."""
        found = Found()
        self.heard(scene, found)
        judge.orders(found, scene.rows, scene.facts["orders"], scene.facts["place"].domain)
        left = found_in_tables(["Quillon", "Rosalba"])
        if "Quillon" in left:
            found.other.append("the buyer is still in the tables")
        if "Rosalba" not in left:
            found.other.append("another buyer was forgotten as well")
        return found


class Erase(Heard):
    """A shop that left is to be forgotten, a second one is not."""

    name = "redact-shop"
    topics = ("app/uninstalled", "shop/redact")

    def prepare(self, stage: Stage, scene: Scene) -> None:
        """Two shops, each with a buyer."""
        scene.facts["stays"] = stays = polled(stage, scene)
        place = polled(stage, scene)
        scene.facts["orders"] = [
            stage.sell(place.seller, buyer="Quillon Canary"),
            stage.sell(stays.seller, buyer="Rosalba Canary"),
        ]
        stage.pass_time(5 * 60)
        stage.work()
        assert found_in_tables(["Quillon", "Rosalba", place.email]) == {"Quillon", "Rosalba", place.email}

    def happens(self, stage: Stage, scene: Scene) -> None:
        """It leaves, and Shopify asks for the rest."""
        domain = scene.facts["place"].domain
        stage.box.post(f"/shops/{domain}/settings", {"uninstalled": True})
        stage.box.post(f"/shops/{domain}/webhooks", {"topic": "shop/redact"})

    def judge(self, stage: Stage, scene: Scene, kills: int) -> Found:
        """Nothing of the one is left, everything of the other is there, and nothing was created again."""
        found = Found()
        self.heard(scene, found)
        place, stays = scene.facts["place"], scene.facts["stays"]
        judge.orders(found, scene.rows, scene.facts["orders"], place.domain, stays.domain)
        left = found_in_tables(["Quillon", place.email, place.seller, "Rosalba", stays.email])
        found.other += [f"{one} is still in the tables" for one in sorted(left - {"Rosalba", stays.email})]
        found.other += [f"{one} is gone as well" for one in sorted({"Rosalba", stays.email} - left)]
        return found


class TakeOver(Scenario):
    """Another shop links the seller and takes the import over."""

    name = "take-over"

    def prepare(self, stage: Stage, scene: Scene) -> None:
        """One order is in the first shop, a second one has not been seen; the second shop has just opened the app."""
        first = polled(stage, scene)
        scene.facts["first"] = [stage.sell(first.seller)]
        stage.pass_time(5 * 60)
        stage.work()
        domain, shop_id, _ = stage.open_shop()
        scene.facts["other"] = (domain, shop_id)
        stage.pass_time(60)
        scene.facts["second"] = [stage.sell(first.seller), LATER_SALE]
        stage.pass_time(60)
        told = stage.box.post(f"/amazon/sellers/{first.seller}/self_authorise")
        scene.facts["values"] = {"seller_id": first.seller, "refresh_token": told["refresh_token"], "label": "Mine"}

    def act(self, stage: Stage, scene: Scene) -> None:
        """Linked and taken over; then a sale."""
        self.again(stage, scene)
        stage.pass_time(5 * 60)
        stage.work()
        stage.pass_time(25)
        stage.work()

    def again(self, stage: Stage, scene: Scene) -> None:
        """The merchant's clicks; who got no answer clicks once more. The sale happens once it is done."""
        self.clicks(stage, scene)
        with stage.counter.uncounted():
            seller = scene.facts["place"].seller
            sold = [one["orderId"] for one in stage.box.get(f"/amazon/sellers/{seller}/orders")]
            if LATER_SALE not in sold:
                stage.sell(seller, order_id=LATER_SALE)

    def clicks(self, stage: Stage, scene: Scene) -> None:
        """Link, take over, and where the page asks: import from now on."""
        _, shop_id = scene.facts["other"]
        outcome = link.typed(shop_id, "1", "amazon", "eu", scene.facts["values"])
        if outcome.kind == "taken":
            outcome = link.take_over(shop_id, "1", outcome.token)
        assert outcome.kind == "linked", outcome
        assert outcome.account_id is not None
        with db.writing() as s:
            account = s.get_one(Account, outcome.account_id)
            if account.take_over_at is None:
                link.set_take_over(s, account, clock.now(), "1")

    def judge(self, stage: Stage, scene: Scene, kills: int) -> Found:
        """What the first shop had is there, all later ones in the second, none in both; the first was told once."""
        found = Found()
        first, second = scene.facts["place"], scene.facts["other"][0]
        judge.orders(found, scene.rows, scene.facts["first"], first.domain)
        judge.orders(found, scene.rows, scene.facts["second"], second)
        found.doubled += sorted(set(judge.made(scene.rows, first.domain)) & set(judge.made(scene.rows, second)))
        judge.told(found, judge.mails(scene.rows, first.email), "the take-over")
        return found


class TakeBack(TakeOver):
    """The first shop takes it back: what the other imported meanwhile stays the other's."""

    name = "take-back"

    def prepare(self, stage: Stage, scene: Scene) -> None:
        """Two hours in which the other shop imports."""
        super().prepare(stage, scene)
        super().clicks(stage, scene)
        for seconds in (5 * 60, 2 * 3600):
            stage.pass_time(seconds)
            stage.work()

    def clicks(self, stage: Stage, scene: Scene) -> None:
        """The site is ticked again on the account's page; whom the marketplace gives no answer comes back once."""
        place = scene.facts["place"]
        ticked = {"sites": [DE], "take_over": True}
        outcome = repair.save(place.shop_id, "1", place.account_id, ticked)
        if outcome.cause == "unanswered":  # whoever held the refresh died: its lease ends by itself
            stage.pass_time(line.LEASE.total_seconds() + 1)
            outcome = repair.save(place.shop_id, "1", place.account_id, ticked)
        assert outcome.kind == "saved", outcome

    def judge(self, stage: Stage, scene: Scene, kills: int) -> Found:
        """Each has what was sold in its time, none is in both; the other was told once."""
        found = Found()
        mine, other = scene.facts["place"].domain, scene.facts["other"][0]
        judge.orders(found, scene.rows, [*scene.facts["first"], LATER_SALE], mine)
        judge.orders(found, scene.rows, scene.facts["second"][:1], other)
        found.doubled += sorted(set(judge.made(scene.rows, mine)) & set(judge.made(scene.rows, other)))
        email = str(stage.box.get(f"/shops/{other}")["email"])
        judge.told(found, judge.mails(scene.rows, email), "the take-over")
        return found


def mails_about(stage: Stage, rows: Rows, email: str, what: str) -> Rows:
    """Mails to this address that name `what`."""
    texts = {mail["message_id"]: mail["text"] for mail in stage.box.mails(email)}
    return [row for row in judge.mails(rows, email) if what in texts[row["key"]]]


def found_in_tables(canaries: Iterable[str]) -> set[str]:
    """Which of these are anywhere in the tables, read as they are, not by the product."""
    there: set[str] = set()
    with db.engine().connect() as connection:
        for table in db.Base.metadata.sorted_tables:
            for row in connection.execute(text(f'SELECT * FROM "{table.name}"')):
                shown: Any = repr(tuple(row))
                there |= {one for one in canaries if one in shown}
    return there


def moment(stamp: str) -> datetime:
    """A time of the ledger."""
    return datetime.fromisoformat(stamp.replace("Z", "+00:00"))


SHOP = (Product(), NewAddress(), Mail(), MailDown(), Uninstall(), Redact(), Erase(), TakeOver(), TakeBack())
