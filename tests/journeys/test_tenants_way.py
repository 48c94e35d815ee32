"""Shops beside each other: whatever one sends, wherever it puts another's ids, nothing of the other is read or changed."""

from __future__ import annotations

import os
import random
import re
import secrets
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import jwt
import pytest
import requests
from flask import Flask
from werkzeug.routing import Rule

from shopapp import runtime
from shopapp.cli.up import web_command
from shopapp.web import session
from tests.journeys.life import Life
from tests.journeys.test_hostile_way import Full, _rows, furnished
from tests.stage.box import Box, free_port

pytestmark = [pytest.mark.journey, pytest.mark.one_database]

REQUESTS = int(os.environ.get("SHOPAPP_TENANT_REQUESTS", "300"))
AT_ONCE = 64
MISSING = 7_654_321  # an id that nobody has
WEB = Path(session.__file__).parent
# Every name that a page reads from an address or a form, and what of another shop could be put there. A page that reads
# another name fails the test until it stands here.
NAMES = re.compile(r"""\b(?:request\.)?(?:args|form|values)(?:\.get|\.getlist)?[\[(]\s*["']([\w-]+)["']""")
SECRET_LIKE = {"token", "ticket", "return", "id_token"}


@dataclass
class Words:
    """What could be put into a field: of the other shop, or of nobody, in the same shape."""

    ids: dict[str, int]
    text: str
    order: str

    def of(self, name: str) -> str:
        """The value for one name."""
        if name in ("account", "account_id", "accounts"):
            return str(self.ids["account_id"])
        if name in ("order", "order_id", "orders", "after", "from", "trail", "page", "older"):
            return str(self.ids["order_id"])
        return {"q": self.order, "seller": self.text, "seller_id": self.text}.get(name, str(self.ids["order_id"]))


def _names() -> set[str]:
    found: set[str] = set()
    for path in WEB.glob("*.py"):
        found |= set(NAMES.findall(path.read_text("utf-8")))
    return found | {"q", "account", "state", "cause", "held", "since", "until", "order", "seller_id", "shop_id"}


def _merchants(app: Flask) -> Iterator[tuple[str, Rule]]:
    """Every route of the merchant's with every method that it answers."""
    for rule in app.url_map.iter_rules():
        if not session.is_public(rule.rule) and rule.endpoint != "static":
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method, rule


def _address(rule: Rule, ids: dict[str, int]) -> str:
    """The rule's address with these ids; KeyError for an argument that this walk cannot fill."""
    known = ids | {"key": "amazon", "choice": "without", "name": "connections"}
    built = rule.build({name: known[name] for name in rule.arguments})
    assert built is not None
    return built[1]


@dataclass
class Answer:
    """What came back, with what was asked for taken out of it."""

    status: int
    text: str
    headers: dict[str, str]

    @classmethod
    def of(cls, got: requests.Response, asked: list[str]) -> Answer:
        unlike = {"Date", "Content-Length", "Connection", "Server"}
        told = {name: value for name, value in got.headers.items() if name not in unlike}
        return cls(got.status_code, _without(got.text, asked), {key: _without(one, asked) for key, one in told.items()})


def _without(text: str, asked: list[str]) -> str:
    for one in sorted(asked, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(one)}(?!\w)", "ID", text)
    return text


@pytest.fixture
def victim(life: Life) -> Full:
    """The shop whose ids are tried."""
    return furnished(life)


def test_a_walk_over_all_routes_with_anothers_ids_is_answered_as_for_ids_that_nobody_has(
    app: Flask, victim: Full
) -> None:
    stranger = victim.life.another()
    nobody = dict.fromkeys(victim.ids, MISSING)
    before, walked = _rows(victim.life.shop_id), 0
    for method, rule in _merchants(app):
        if not rule.arguments & set(victim.ids):
            continue
        theirs = stranger.merchant._fetch(method, _address(rule, victim.ids))
        empty = stranger.merchant._fetch(method, _address(rule, nobody))
        followed = stranger.merchant._page(theirs)  # an address that is no page of its own leads to one
        assert followed.status == 404, f"{method} {rule}: {followed.status}"
        asked = [str(one) for one in (*victim.ids.values(), MISSING)]
        assert Answer.of(theirs, asked) == Answer.of(empty, asked), f"{method} {rule}"
        assert not [word for word in victim.words if word in theirs.text + followed.html], f"{method} {rule}"
        walked += 1
    assert walked >= 25
    assert _rows(victim.life.shop_id) == before


def test_one_foreign_id_among_own_ones_is_as_good_as_none(app: Flask, victim: Full) -> None:
    other = furnished(victim.life.another(), "Own Lamps", "Ottilie")
    before, walked = _rows(victim.life.shop_id), 0
    for method, rule in _merchants(app):
        mine = sorted(rule.arguments & set(victim.ids))
        for name in mine if len(mine) > 1 else ():
            answer = other.life.merchant._fetch(method, _address(rule, other.ids | {name: victim.ids[name]}))
            assert answer.status_code == 404, f"{method} {rule} with another's {name}"
            walked += 1
    assert walked >= 4
    assert _rows(victim.life.shop_id) == before


def test_anothers_ids_in_every_query_and_form_change_and_show_nothing(app: Flask, victim: Full) -> None:
    life = victim.life.another()
    mine = {**dict.fromkeys(victim.ids, MISSING), "account_id": life.connect(life.seller())}
    theirs = Words(victim.ids, victim.seller, victim.words[2])
    nobody = Words(dict.fromkeys(victim.ids, MISSING), "A" + "0" * len(victim.seller[1:]), "302-0000000-0000000")
    asked = [theirs.text, theirs.order, nobody.text, nobody.order, str(MISSING), *map(str, victim.ids.values())]
    names = sorted(_names() - {"locale", "host", "shop", "plan"})
    before = _rows(victim.life.shop_id)
    for method, rule in _merchants(app):
        seen = []
        for words in (theirs, nobody):
            fields = {name: words.of(name) for name in names}
            url = _address(rule, mine)
            if method == "GET":
                answer = life.merchant._fetch(method, f"{url}?{urlencode(fields)}")
            else:
                answer = life.merchant._fetch(method, url, data=fields)
            assert answer.status_code < 500, f"{method} {rule}: {answer.status_code}"
            seen.append(answer)
        told = seen[0].text + str(seen[0].headers)
        typed = {word for word in victim.words if word in (theirs.text, theirs.order)}
        assert not [word for word in victim.words if word in told and word not in typed], f"{method} {rule}"
        if method == "GET":
            assert seen[0].status_code == seen[1].status_code, f"{method} {rule}"
            assert _stripped(seen[0].text, asked) == _stripped(seen[1].text, asked), f"{method} {rule}"
    assert _rows(victim.life.shop_id) == before


def _stripped(text: str, asked: list[str]) -> str:
    """Without what was typed and without the time of day."""
    return re.sub(r"<time[^>]*>[^<]*</time>", "", _without(text, asked))


def test_ways_without_a_session_say_nothing_of_another_shop_either(app: Flask, victim: Full) -> None:
    """Links of mails and logins are secrets of their own: no id of a shop opens them."""
    before, walked = _rows(victim.life.shop_id), 0
    values = [str(one) for one in victim.ids.values()] + [victim.seller, victim.life.domain, *victim.words[1:3]]
    with requests.Session() as anybody:
        for rule in app.url_map.iter_rules():
            if not session.is_public(rule.rule) or rule.endpoint in ("static", "health.readyz"):
                continue
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                for value in values:
                    built = rule.build(dict.fromkeys(rule.arguments, value))
                    assert built is not None
                    asked = {"ticket": value, "token": value, "state": value, "selling_partner_id": value}
                    url = f"{victim.life.merchant.app_url}{built[1]}?{urlencode(asked)}"
                    answer = anybody.request(method, url, data=asked, timeout=30, allow_redirects=False)
                    assert answer.status_code < 500, f"{method} {rule}"
                    kept = [word for word in victim.words if word != value and word in answer.text]
                    assert not kept, f"{method} {rule}"
                    walked += 1
    assert walked > 50
    assert _rows(victim.life.shop_id) == before


# --- many at once -----------------------------------------------------------------------------------------------------


@dataclass
class Visitor:
    """A shop's merchant who asks without pause."""

    full: Full
    box: Box
    foreign: list[str] = field(default_factory=list)

    def headers(self) -> dict[str, str]:
        now, domain = int(time.time()), self.full.life.domain  # the server knows no travelled clock
        claims = {
            "iss": f"https://{domain}/admin", "dest": f"https://{domain}", "aud": self.box.api_key, "sub": "1",
            "exp": now + 60, "nbf": now - 5, "iat": now - 5, "jti": secrets.token_hex(8), "sid": "s1",
        }  # fmt: skip
        token = jwt.encode(claims, self.box.api_secret, "HS256")
        return {"Authorization": f"Bearer {token}", "X-Requested-With": "XMLHttpRequest", "Sec-Fetch-Dest": "empty"}


def test_many_requests_at_once_of_two_shops_never_mix(app: Flask, life: Life, box: Box, tmp_path: Path) -> None:
    """SHOPAPP_TENANT_REQUESTS=10000 for the whole of it."""
    one = furnished(life, f"Alpha{secrets.token_hex(4)}", f"Anna{secrets.token_hex(4)}")
    two = furnished(life.another(), f"Beta{secrets.token_hex(4)}", f"Bert{secrets.token_hex(4)}")
    same = set(one.words) & set(two.words)
    pair = [Visitor(one, box, [w for w in two.words if w not in same]),
            Visitor(two, box, [w for w in one.words if w not in same])]  # fmt: skip
    addresses = [[_address(rule, visitor.full.ids) for method, rule in _merchants(app) if method == "GET"]
                 for visitor in pair]  # fmt: skip
    addresses = [[*own, f"/orders?q={pair[1 - i].full.words[1]}"] for i, own in enumerate(addresses)]
    chosen = random.Random(7)
    jobs = [(number % 2, chosen.randrange(len(addresses[0]))) for number in range(REQUESTS)]
    statuses: Counter[int] = Counter()
    began = time.monotonic()
    with _gunicorn(tmp_path) as base, ThreadPoolExecutor(AT_ONCE) as pool:
        pool.submit(_ask, base, pair[0], "/").result()

        def ask(job: tuple[int, int]) -> tuple[int, str]:
            who, where = job
            return _ask(base, pair[who], addresses[who][where])

        wrong = []
        for status, told in pool.map(ask, jobs):
            statuses[status] += 1
            wrong += [told] if told else []
    took = time.monotonic() - began
    print(f"\n{REQUESTS} requests, {AT_ONCE} at a time, two shops: {dict(statuses)}, {len(wrong)} with foreign bytes, "
          f"{REQUESTS / took:.0f}/s")  # fmt: skip
    assert not wrong, wrong[:3]
    assert not [status for status in statuses if status >= 500], statuses
    assert statuses[200] > REQUESTS * 0.7


def _ask(base: str, visitor: Visitor, path: str) -> tuple[int, str]:
    answer = requests.get(base + path, headers=visitor.headers(), timeout=60, allow_redirects=False)
    typed = path.partition("?q=")[2]
    found = [word for word in visitor.foreign if word in answer.text and word != typed]
    found += [word for word in visitor.foreign if word in str(answer.headers) and word != typed]
    return answer.status_code, f"{path} of {visitor.full.life.domain} shows {found}" if found else ""


@contextmanager
def _gunicorn(folder: Path) -> Iterator[str]:
    """The web server as shipped, on the journey's own database and queue."""
    port = free_port()
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | dict(
        runtime.config().env
    )
    with (folder / "gunicorn.log").open("wb") as log:
        process = subprocess.Popen(web_command("127.0.0.1", port, 2), env=env, stdout=log, stderr=log)
    try:
        for _ in range(600):
            with suppress(requests.RequestException):
                if requests.get(f"http://127.0.0.1:{port}/healthz", timeout=2).ok:
                    break
            assert process.poll() is None, (folder / "gunicorn.log").read_text()[-2000:]
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(40)
