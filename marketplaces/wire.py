"""`Http`: the one way to a marketplace. Turns every outcome into an `Answer` or an error family; knows no channel.

No retries happen here: the database holds the next try. Statuses 429, 5xx, 3xx and nonsense are judged here; 2xx and
the other 4xx with a JSON body go back to the channel, whose `answers` module knows what they mean.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO

import requests
from requests.auth import AuthBase

from marketplaces.errors import RateLimited, Transient
from marketplaces.exact import exact_json, parse_json
from marketplaces.files import Saved, charset_of
from marketplaces.text import clean, redact
from marketplaces.transport import Hosts, Saving, Transport, WireFailure, prepare

__all__ = ["Answer", "Bucket", "Http", "clean", "redact", "retry_after"]

MAX_WAIT = 3600
A_DAY = timedelta(days=1)  # a remote's clock that is further off than this is not believed
WHOLE_FILE = 45.0  # seconds for a file: whoever works through a queue is ended after ninety


@dataclass(frozen=True, slots=True)
class Bucket:
    """The token bucket that a call draws from: `rate` permits a second (text), `burst` at most at once.

    `share` is whose turn it is where several accounts draw from one bucket, "" where it is an account's own; `day` as in
    `channel.Limit`.
    """

    key: str
    rate: str
    burst: int
    share: str = ""
    day: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer. `body` is the parsed JSON with Decimal for fractions (None for 204, and for a
    201 that only tells where what was made is).

    `text` is filled for answers that are not JSON; `fallback` tells that it was not UTF-8 and was read as Latin-1.
    """

    call: str
    status: int
    headers: Mapping[str, str]
    body: Any
    text: str
    fallback: bool = False

    def header(self, name: str) -> str:
        """The header `name`, "" when absent."""
        return self.headers.get(name.lower(), "")

    def said_at(self, now: datetime) -> datetime:
        """The remote's time of this answer, never later than ours; `now` where it tells none, or one a day off."""
        try:
            told = parsedate_to_datetime(self.header("date"))
            told = told if told.tzinfo else told.replace(tzinfo=UTC)
            return told if now - A_DAY < told < now else now
        except (ValueError, TypeError, IndexError, OverflowError):
            return now

    def object(self) -> dict[str, Any]:
        """The body as a JSON object; Transient when it is something else."""
        if not isinstance(self.body, dict):
            raise Transient(f"a JSON object was expected, not {_kind(self.body)}", call=self.call, status=self.status)
        return self.body


def _kind(body: Any) -> str:
    names = {type(None): "nothing", list: "a list", str: "a text", bool: "a truth value"}
    return names.get(type(body), "a number")


def retry_after(value: str, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, 0 to 3600: number or HTTP date. None if it says nothing."""
    value = value.strip()
    try:
        seconds = Decimal(value)
    except ArithmeticError:
        try:
            when = parsedate_to_datetime(value)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        seconds = Decimal(int((when - now).total_seconds()))
    if seconds.is_nan():
        return None
    return float(min(max(seconds, Decimal(0)), Decimal(MAX_WAIT)))


def _unpaced(bucket: Bucket) -> None:
    return None


class Http:
    """Calls with deadline, size cap and pacing. One per process is enough; safe for threads and after a fork.

    `hosts` lists where calls may go, `typed` that a seller typed them (see transport.Hosts). `pace(bucket)` takes a
    permit or raises RateLimited; `observe(key, rate)` hears the rate that the remote states, `refused(bucket, seconds)`
    that it took a call for one too many, with the seconds it asks to wait (None: not told). `now` reads dates in headers.
    """

    def __init__(
        self,
        hosts: Collection[str],
        *,
        now: Callable[[], datetime],
        typed: bool = False,
        pace: Callable[[Bucket], None] = _unpaced,
        observe: Callable[[str, str], None] | None = None,
        refused: Callable[[Bucket, float | None], None] | None = None,
        seconds: float = 30,
        cap: int = 20_000_000,
    ) -> None:
        self.hosts = Hosts(hosts, typed=typed)
        self.pace = pace
        self.observe = observe
        self.refused = refused
        self.now = now
        self._limits: tuple[float, int] = (seconds, cap)
        self._lock = threading.Lock()
        self._session: requests.Session | None = None
        self._pid = 0

    def close(self) -> None:
        """Close pooled connections."""
        with self._lock:
            if self._session is not None:
                self._session.close()
                self._session = None

    def session(self) -> requests.Session:
        """The pooled session of this process: connections made before a fork are left to the parent."""
        with self._lock:
            if self._session is None or self._pid != os.getpid():
                self._session = requests.Session()
                self._pid = os.getpid()
                prepare(self._session, Transport(self.hosts, seconds=self._limits[0], cap=self._limits[1]))
            return self._session

    def transport(self) -> Transport:
        """The pooled adapter, to be mounted on a session of another kind (OAuth)."""
        adapter = self.session().get_adapter("https://")
        assert isinstance(adapter, Transport)  # nothing else is ever mounted
        return adapter

    def request(
        self,
        call: str,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: Any = None,
        raw: tuple[str, bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: AuthBase | None = None,
        bucket: Bucket | None = None,
        secrets: Iterable[str] = (),
    ) -> Answer:
        """A JSON call named `call`: its 2xx or 4xx answer. RateLimited and Transient for all else, texts redacted.

        What is sent is `form`, `json`, or `raw`: a content type and the bytes that go with it.
        """
        sent: Any = form
        if raw is not None:
            sent, headers = raw[1], {"Content-Type": raw[0], **(headers or {})}
        if json is not None:
            sent, headers = exact_json(json).encode(), {"Content-Type": "application/json", **(headers or {})}
        request = requests.Request(method, url, params=params, data=sent, headers=dict(headers or {}), auth=auth)
        return self._read(call, self._send(call, request, bucket), secrets)

    def fetch(
        self,
        call: str,
        url: str,
        *,
        auth: AuthBase | None = None,
        bucket: Bucket | None = None,
        secrets: Iterable[str] = (),
        cap: int,
    ) -> Answer:
        """Like `request` for a GET, but the `body` of a 200 is a `Saved`, to be closed: it may be too long for memory.

        `cap` as for `download`.
        """

        def ask(saving: Saving) -> requests.Response:
            with requests.Session() as session:
                prepare(session, saving)
                return self._send(call, requests.Request("GET", url, auth=auth), bucket, session)

        response, file = _saved(self.hosts, self._limits[0], cap, ask)
        if file is None:
            return self._read(call, response, secrets)
        return replace(_without_body(call, response), body=Saved(file, call))

    def _read(self, call: str, response: requests.Response, secrets: Iterable[str]) -> Answer:
        """A JSON answer that is not refused."""
        answer = _without_body(call, response)
        self.refuse(answer, response.content, secrets)
        if answer.status == 204 or (answer.status == 201 and not response.content):
            return answer
        body, trouble = None, "an empty answer"
        try:
            body = parse_json(response.content)
        except ValueError as error:
            trouble = f"no readable JSON ({type(error).__name__})"
        if body is None:
            raise self._nonsense(answer, trouble)
        return Answer(call, answer.status, answer.headers, body, "")

    def text(self, call: str, url: str, *, params: Mapping[str, str] | None = None) -> Answer:
        """A GET whose answer is text of any kind (XML, CSV). UTF-8, else Latin-1 with `fallback` set."""
        response = self._send(call, requests.Request("GET", url, params=params), None)
        answer = _without_body(call, response)
        self.refuse(answer, response.content, ())
        try:
            return Answer(call, answer.status, answer.headers, None, response.content.decode("utf-8-sig"))
        except UnicodeDecodeError:
            return Answer(call, answer.status, answer.headers, None, response.content.decode("latin-1"), fallback=True)

    def download(
        self,
        call: str,
        url: str,
        *,
        hosts: Collection[str] = (),
        auth: AuthBase | None = None,
        bucket: Bucket | None = None,
        seconds: float = WHOLE_FILE,
        cap: int = 500_000_000,
    ) -> Saved:
        """The file at `url`, complete, as an unnamed file of this machine. Transient for everything else.

        `hosts` (vetted by the channel) says where it may come from in place of our own: documents lie on hosts that an
        answer names. `seconds` is for all of it, `cap` in bytes as it arrives. Its address may hold secrets: never told.
        """
        if bucket is not None:
            self.pace(bucket)
        request = requests.Request("GET", url, headers={"Accept-Encoding": "gzip", "User-Agent": "shopapp"}, auth=auth)
        ours = Hosts(hosts) if hosts else self.hosts
        response, file = _saved(ours, seconds, cap, lambda saving: _asked_once(saving, request, call))
        if file is None:
            status = response.status_code
            raise Transient(f"the file is not to be had (status {status})", status=status, call=call)
        return Saved(file, call, charset_of(response.headers.get("Content-Type", "")))

    def upload(
        self, call: str, url: str, data: bytes, kind: str, *, hosts: Collection[str] = (), seconds: float = WHOLE_FILE
    ) -> None:
        """Put the document `data` of the content type `kind` at `url`, within `seconds`. Transient for everything else.

        `hosts` as for `download`; the address may hold secrets and is never told.
        """
        transport = Transport(Hosts(hosts) if hosts else self.hosts, seconds=seconds, cap=self._limits[1])
        headers = {"Content-Type": kind, "User-Agent": "shopapp"}
        response = _asked_once(transport, requests.Request("PUT", url, data=data, headers=headers), call)
        if not 200 <= response.status_code < 300:
            status = response.status_code
            raise Transient(f"the document was not taken (status {status})", status=status, call=call)

    def used_up(self, bucket: Bucket, seconds: float | None = None) -> None:
        """Tell whoever keeps the buckets of a refusal that only the channel understands: a quota that is used up."""
        if self.refused is not None:
            self.refused(bucket, seconds)

    def refuse(self, answer: Answer, raw: bytes, secrets: Iterable[str]) -> None:
        """Raise RateLimited for 429 and Transient for 408, 5xx and odd statuses; return for 2xx and other 4xx."""
        status = answer.status
        words = redact(clean(raw[:2000].decode("utf-8", "replace"), 300), secrets)
        details: dict[str, Any] = {"status": status, "call": answer.call, "request_id": request_id(answer.headers)}
        if status == 429:
            raise RateLimited(retry_after(answer.header("retry-after"), self.now()), words, **details)
        if 200 <= status < 300 or (400 <= status < 500 and status != 408):
            return
        raise Transient(words, maybe_done=True, **details)

    def _send(
        self, call: str, request: requests.Request, bucket: Bucket | None, session: requests.Session | None = None
    ) -> requests.Response:
        if bucket is not None:
            self.pace(bucket)
        request.headers = {"Accept-Encoding": "gzip", "User-Agent": "shopapp (Language=Python)", **request.headers}
        session, trouble = session or self.session(), ""
        try:
            response = session.send(session.prepare_request(request), allow_redirects=False)
        except WireFailure as failure:
            raise Transient(failure.words, maybe_done=failure.sent, call=call, code=failure.why) from failure
        except requests.RequestException as error:
            trouble = f"not sent ({type(error).__name__})"
        if trouble:
            # The request could not even be made. Raised out here: the library's text may quote the address.
            raise Transient(trouble, call=call)
        stated = response.headers.get("x-amzn-RateLimit-Limit")
        if stated and bucket is not None and self.observe is not None:
            self.observe(bucket.key, stated)
        if response.status_code == 429 and bucket is not None and self.refused is not None:
            self.refused(bucket, retry_after(response.headers.get("Retry-After", ""), self.now()))
        return response

    def _nonsense(self, answer: Answer, words: str) -> Transient:
        return Transient(
            words,
            maybe_done=True,
            status=answer.status,
            call=answer.call,
            request_id=request_id(answer.headers),
        )


def _saved(
    hosts: Hosts, seconds: float, cap: int, ask: Callable[[Saving], requests.Response]
) -> tuple[requests.Response, BinaryIO | None]:
    """(the answer that `ask` gets, the file of a good one, at its beginning, for the caller to close)."""
    with ExitStack() as stack:
        file = stack.enter_context(tempfile.TemporaryFile())
        response = ask(Saving(hosts, file, seconds=seconds, cap=cap))
        if response.status_code != 200:
            return response, None
        file.seek(0)
        stack.pop_all()
    return response, file


def _asked_once(transport: Transport, request: requests.Request, call: str) -> requests.Response:
    """The answer to a request whose address may hold secrets, on a connection of its own. Transient without any."""
    session = requests.Session()
    prepare(session, transport)
    try:
        return session.send(session.prepare_request(request), allow_redirects=False)
    except WireFailure as failure:
        words = failure.words
    except requests.RequestException as error:
        words = f"not sent ({type(error).__name__})"
    finally:
        session.close()
    raise Transient(words, call=call)  # out here, with no cause: the library's text may quote the address


def _without_body(call: str, response: requests.Response) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(call, response.status_code, headers, None, "")


def request_id(headers: Mapping[str, str]) -> str:
    """The remote's id of this exchange, for a support case; "" when it gives none. Keys are lower case."""
    for name in ("x-amzn-requestid", "x-request-id", "trace-id"):
        if headers.get(name):
            return clean(headers[name], 100)
    return ""
