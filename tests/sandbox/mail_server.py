"""Owns the SMTP conversation on loopback, with its faults; it keeps no mail itself.

Faults of system "smtp", by operation (a fault without operation strikes where its kind first makes sense):
    connect   timeout{seconds=40} before the greeting · reset · slow{seconds}
    rcpt      status{status=451, body} answered to RCPT TO (label `to` = that address)
    data      status{status=451} · timeout · reset (nothing kept) · commit_then_timeout · commit_then_status ·
              commit_then_reset (the mail is kept, the client does not learn it) (label `to` = first recipient)
Any name and password is accepted, also without TLS.
"""

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from tests.sandbox.faults import Fault
from tests.sandbox.world import World

Store = Callable[[str, list[str], bytes], object]
AT_CONNECT = frozenset({"timeout", "reset", "slow"})
AT_RCPT = frozenset({"status"})
AT_DATA = frozenset(
    {"status", "timeout", "reset", "commit_then_timeout", "commit_then_status", "commit_then_reset", "slow"}
)
LARGEST_MAIL = 20 * 1024 * 1024


class Conversation(SMTP):
    """One client; greets late, or not at all, when a fault says so."""

    def __init__(self, owner: "MailServer", loop: asyncio.AbstractEventLoop) -> None:
        self.owner = owner
        super().__init__(
            owner,
            loop=loop,
            hostname="sandbox.example",
            ident="Sandbox mail",
            enable_SMTPUTF8=True,
            data_size_limit=LARGEST_MAIL,
            auth_require_tls=False,
            authenticator=lambda *_: AuthResult(success=True),
        )

    def connection_made(self, transport: Any) -> None:
        self.owner.open_lines.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self.transport is not None:
            self.owner.open_lines.discard(self.transport)
        super().connection_lost(error)

    async def _handle_client(self) -> None:
        fault = self.owner.world.faults.hit("smtp", "connect", AT_CONNECT)
        if fault is None or await self.owner.survives(fault, self.transport):
            await super()._handle_client()


class MailServer:
    """Listens in its own thread; `start` binds, `stop` cuts every line."""

    def __init__(self, world: World, store: Store) -> None:
        self.world = world
        self.store = store
        self.open_lines: set[Any] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sandbox-smtp", daemon=True)
        self._server: asyncio.AbstractServer | None = None

    def start(self) -> None:
        """Bind to world.settings.smtp_port (0: a free one). Raises OSError when it is taken."""
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._bind(), self._loop).result()
        except BaseException:
            self._close_loop()
            raise

    def stop(self) -> None:
        """Close the port and every line."""
        asyncio.run_coroutine_threadsafe(self._unbind(), self._loop).result()
        self._close_loop()

    async def _bind(self) -> None:
        server = await self._loop.create_server(
            lambda: Conversation(self, self._loop), "127.0.0.1", self.world.settings.smtp_port
        )
        self._server = server
        self.world.smtp_port = int(server.sockets[0].getsockname()[1])

    async def _unbind(self) -> None:
        if self._server is not None:
            self._server.close()
        for line in list(self.open_lines):
            line.abort()
        await asyncio.sleep(0)
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _close_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take the recipient, unless a fault refuses it."""
        fault = self.world.faults.hit("smtp", "rcpt", AT_RCPT, to=address)
        if fault is not None:
            return _answer(fault)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the mail and say so, unless a fault says otherwise."""
        fault = self.world.faults.hit("smtp", "data", AT_DATA, to=envelope.rcpt_tos[0])
        raw = envelope.original_content or b""
        if fault is None or fault.kind.startswith("commit_then"):
            self.store(envelope.mail_from or "", list(envelope.rcpt_tos), raw)
        if fault is None:
            return "250 Kept"
        if fault.kind in ("status", "commit_then_status"):
            return _answer(fault)
        if await self.survives(fault, server.transport):
            self.store(envelope.mail_from or "", list(envelope.rcpt_tos), raw)
        return "250 Kept"

    async def survives(self, fault: Fault, line: Any) -> bool:
        """Play a fault that concerns the line; False when the line is cut afterwards."""
        if not fault.kind.endswith("reset"):
            end = time.monotonic() + fault.seconds(2 if fault.kind == "slow" else 40)
            while time.monotonic() < end and not self.world.stopping.is_set() and not line.is_closing():
                await asyncio.sleep(0.05)
        if fault.kind == "slow":
            return True
        with contextlib.suppress(OSError):
            line.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01" + bytes(7))
        line.abort()
        return False


def _answer(fault: Fault) -> str:
    status = int(fault.params.get("status", 451))
    default = "Mailbox unavailable" if status >= 500 else "Try again later"
    return f"{status} {fault.params.get('body', default)}"


logging.getLogger("mail.log").setLevel(logging.CRITICAL)
