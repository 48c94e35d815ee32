"""The SMTP conversation: its time limits, and what its end means for the mail. Knows no database and no Flask.

smtplib's time-out restarts with every byte, so a watchdog cuts the line when the whole conversation takes too long.
After the server has asked for the message (354) a lost answer is `unknown`: the mail may have been taken.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from shopapp.logs import redact


class Outcome(StrEnum):
    """What is known after a try."""

    SENT = "sent"
    REFUSED = "refused"  # this recipient, for good
    LATER = "later"  # surely not delivered, worth another try
    UNKNOWN = "unknown"  # handed over, no answer


@dataclass(frozen=True, slots=True)
class Result:
    """How a try ended. `answered`: the server spoke about this very mail, so trying on for ever makes no sense."""

    outcome: Outcome
    words: str = ""
    answered: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds of the wall: for one step, and for the whole conversation."""

    step: float = 10
    total: float = 60


class Line(smtplib.SMTP):
    """An SMTP connection that knows whether the message was handed over, and that cannot last for ever."""

    handed_over = False
    limits = Limits()
    _watchdog: threading.Timer | None = None

    def getreply(self) -> tuple[int, bytes]:
        """Read an answer; the first one starts the watchdog, 354 gives the server the rest of the time."""
        if self._watchdog is None:
            self._watchdog = threading.Timer(self.limits.total, self._cut)
            self._watchdog.daemon = True
            self._watchdog.start()
        code, words = super().getreply()
        if code == 354 and self.sock is not None:
            self.handed_over = True
            self.sock.settimeout(self.limits.total)
        return code, words

    def _cut(self) -> None:
        line = self.sock
        if line is not None:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the line and call the watchdog off."""
        if self._watchdog is not None:
            self._watchdog.cancel()
        super().close()


class TlsLine(Line, smtplib.SMTP_SSL):
    """The same over TLS from the first byte."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where mails are handed in."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    starttls: bool = False
    tls: bool = False
    our_name: str = "localhost"


def connect(server: Server, limits: Limits) -> Line:
    """A line that is ready to send. OSError or SMTPException when it cannot be had; nothing was sent then."""
    kind = type("_Line", (TlsLine if server.tls else Line,), {"limits": limits})
    options: dict[str, object] = {"timeout": limits.step, "local_hostname": server.our_name}
    if server.tls:
        options["context"] = ssl.create_default_context()
    line: Line = kind(server.host, server.port, **options)
    try:
        if server.starttls and not server.tls:
            line.starttls(context=ssl.create_default_context())
        if server.user and server.password:
            line.login(server.user, server.password)
    except BaseException:
        line.close()
        raise
    return line


def hang_up(line: Line, *, politely: bool) -> None:
    """End the conversation; whatever happens now no longer concerns the mail."""
    if politely:
        with suppress(smtplib.SMTPException, OSError):
            line.quit()
    line.close()


def judge(error: Exception, *, handed_over: bool) -> Result:
    """What an error of the conversation means. Only errors of smtplib and sockets are known here."""
    match error:
        case smtplib.SMTPRecipientsRefused(recipients=recipients):
            code, words = next(iter(recipients.values()), (450, b""))
            return _answer(code, words, about_recipient=True)
        case smtplib.SMTPSenderRefused() | smtplib.SMTPAuthenticationError():
            # It refuses us, not the recipient: the operator mends it, and every mail waits for that.
            return Result(Outcome.LATER, _words(error.smtp_code, error.smtp_error))
        case smtplib.SMTPDataError():
            return _answer(error.smtp_code, error.smtp_error, about_recipient=False)
        case smtplib.SMTPException() | OSError() if handed_over:
            return Result(Outcome.UNKNOWN, _said(error))
        case smtplib.SMTPException() | OSError():
            return Result(Outcome.LATER, _said(error))
    raise error


# 5.7.x is a policy (relaying, authentication, reputation) and 5.4.4 a routing fault: the mailbox itself may be fine.
_NOT_THE_MAILBOX = re.compile(r"\b5\.(?:7\.\d+|4\.4)\b")


def _answer(code: int, words: bytes | str, *, about_recipient: bool) -> Result:
    said = _words(code, words)
    if about_recipient and code >= 500 and code not in (530, 535) and not _NOT_THE_MAILBOX.search(said):
        return Result(Outcome.REFUSED, said, answered=True)
    return Result(Outcome.LATER, said, answered=True)


def _words(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    return redact(f"{code} {' '.join(text.split())}")[:300]


def _said(error: Exception) -> str:
    return redact(f"{type(error).__name__}: {' '.join(str(error).split())}")[:300]
