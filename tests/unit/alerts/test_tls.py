"""Mails over TLS, as every real relay wants it: with STARTTLS or from the first byte, and never to a stranger."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shopapp import clock
from shopapp.alerts import postman
from shopapp.alerts.postman import Limits, Outcome, Server


def _certificate(folder: Path) -> Path:
    """A key and a certificate for 127.0.0.1 in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(clock.now() - timedelta(days=1))
        .not_valid_after(clock.now() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "server.pem"
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


class _Keeper:
    """Keeps what arrives."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: object) -> str:
        self.kept.append(envelope.content)  # type: ignore[attr-defined]
        return "250 OK"


@pytest.fixture
def relay(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[int, _Keeper, Path]]:
    """A relay that wants TLS (param "starttls" or "tls") and a password."""
    certificate = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    keeper, loop = _Keeper(), asyncio.new_event_loop()
    starttls = request.param == "starttls"

    def talk() -> SMTP:
        checks = {"authenticator": lambda *_: AuthResult(success=True), "auth_required": True}
        if starttls:
            return SMTP(keeper, loop=loop, tls_context=context, require_starttls=True, **checks)
        return SMTP(keeper, loop=loop, auth_require_tls=False, **checks)

    async def listen() -> asyncio.AbstractServer:
        return await loop.create_server(talk, "127.0.0.1", 0, ssl=None if starttls else context)

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(listen(), loop).result()
    yield server.sockets[0].getsockname()[1], keeper, certificate

    async def close() -> None:
        server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    asyncio.run_coroutine_threadsafe(close(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def _server(port: int, *, tls: bool) -> Server:
    return Server("127.0.0.1", port, "user", "password", starttls=not tls, tls=tls)


@pytest.mark.filterwarnings("ignore:.*auth_required.*", "ignore:.*require_starttls.*", "ignore:.*Requiring AUTH.*")
@pytest.mark.parametrize("relay", ["starttls", "tls"], indirect=True)
def test_mail_goes_over_tls_to_a_relay_we_can_trust(
    relay: tuple[int, _Keeper, Path], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, keeper, certificate = relay
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    line = postman.connect(_server(port, tls=request.node.callspec.params["relay"] == "tls"), Limits(2, 4))
    line.sendmail("a@b.test", ["c@d.test"], b"Subject: x\r\n\r\nbody")
    assert line.handed_over
    postman.hang_up(line, politely=True)
    assert len(keeper.kept) == 1


@pytest.mark.filterwarnings("ignore:.*auth_required.*", "ignore:.*require_starttls.*", "ignore:.*Requiring AUTH.*")
@pytest.mark.parametrize("relay", ["starttls", "tls"], indirect=True)
def test_neither_password_nor_mail_goes_to_a_stranger(
    relay: tuple[int, _Keeper, Path], request: pytest.FixtureRequest
) -> None:
    port, keeper, _ = relay
    with pytest.raises(ssl.SSLError) as caught:
        postman.connect(_server(port, tls=request.node.callspec.params["relay"] == "tls"), Limits(2, 4))
    assert postman.judge(caught.value, handed_over=False).outcome == Outcome.LATER
    assert not keeper.kept
