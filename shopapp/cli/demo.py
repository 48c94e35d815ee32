"""`shopapp demo`: the whole product on loopback, with the sandbox as a process of its own. `--story` plays and checks it."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from marketplaces.channels import registry
from shopapp.cli import folder
from shopapp.cli.supervisor import Supervisor
from shopapp.cli.up import say, start_all
from shopapp.config import ROOT, Config, ConfigError
from shopapp.keys import fresh_key

READY_SECONDS = 60.0


def demo(port: int, sandbox_port: int, *, story: bool, fresh: bool) -> int:
    """Start everything, print one address, stop on Ctrl-C. With `story`: play it, 0 only if every step held."""
    if not (ROOT / "tests" / "sandbox").is_dir():
        raise ConfigError("The demo needs the sandbox, which is in a checkout of shopapp and not in its package.")
    data = Path(os.environ.get("SHOPAPP_DATA") or "./.shopapp").expanduser().resolve() / "demo"
    supervisor = Supervisor(say, folder.claim(data, say))
    if fresh:
        folder.empty(data)
    supervisor.handle_signals()
    app_port = free_port("127.0.0.1", port)
    box_port = free_port("127.0.0.1", sandbox_port, besides=app_port)
    env = environment(data, app_port, box_port)
    control = f"http://127.0.0.1:{box_port}/_sandbox"
    try:
        sandbox = supervisor.add("sandbox", sandbox_command(data, box_port, 0), env, quiet=True, alone=True)
        _wait_for(f"127.0.0.1:{box_port}")
        # The mail port is whatever was free; a sandbox that is started again must take the same one.
        env["MAIL_PORT"] = str(_ask(control, "/health")["smtp_port"])
        env |= _ask(control, "/app_settings")
        sandbox.command = sandbox_command(data, box_port, int(env["MAIL_PORT"]))
        start_all(supervisor, Config.load(env), env, "localhost", app_port, processes=1)
        _wait_for(f"localhost:{app_port}")
        if story:
            return _play(supervisor, env)
        _furnish(control)
        say(
            f"\nOpen http://127.0.0.1:{box_port}  (the sandbox's admin; the app is embedded there). Ctrl-C stops all.\n"
        )
        supervisor.run()
    finally:
        supervisor.stop()
    return 0


def environment(data: Path, app_port: int, box_port: int) -> dict[str, str]:
    """The environment of the demo's processes: our own settings replaced, secrets made once and kept in the data folder."""
    box, app = f"http://127.0.0.1:{box_port}", f"http://localhost:{app_port}"
    replaced = ("SHOPIFY_", "MAIL_", *(f"{key.upper()}_" for key in registry()))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(replaced)}
    return kept | _secrets(data) | {
        "SHOPAPP_DATA": str(data),
        "DATABASE_URL": os.environ.get("DATABASE_URL", ""),
        "REDIS_URL": os.environ.get("REDIS_URL", ""),
        "APP_URL": app,
        "ADMIN_ORIGIN": box,
        "SHOPIFY_LOOPBACK": f"127.0.0.1:{box_port}",
        "APP_BRIDGE_URL": f"{box}/cdn/app-bridge.js",
        "POLARIS_URL": f"{box}/cdn/polaris-1.js",
        "FX_RATES_URL": f"{box}/fx/eurofxref-daily.xml",
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_USE_TLS": "0",
        "MAIL_FROM": "alerts@shopapp.test",
        "OPERATOR_EMAIL": "operator@shopapp.test",
        "SANDBOX_BUCKET_FACTOR": "100",
        "POLL_SECONDS": "10",
        "MAIL_WAIT_SECONDS": "3",
        "MAIL_DIGEST_SECONDS": "15",
        "PLAN_LIMITS": "trial=1000,starter=2500",
    }  # fmt: skip


def sandbox_command(data: Path, port: int, smtp_port: int) -> list[str]:
    """The sandbox as a process of its own; the product never imports it."""
    return [
        sys.executable, "-m", "tests.sandbox", "--port", str(port), "--smtp-port", str(smtp_port),
        "--data", str(data / "sandbox"),
    ]  # fmt: skip


def free_port(host: str, wish: int, besides: int = 0) -> int:
    """`wish`, or the next port after it that nobody listens on."""
    for port in range(wish, min(wish + 200, 65_536)):
        if port == besides:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise ConfigError(f"No free port between {wish} and {wish + 200}.")


def _secrets(data: Path) -> dict[str, str]:
    """Random keys of this demo, made once, readable by the owner alone."""
    path = data / "secrets.json"
    if not path.exists():
        made = {
            "SHOPIFY_API_KEY": secrets.token_hex(16),
            "SHOPIFY_API_SECRET": secrets.token_hex(24),
            "SECRET_KEY": secrets.token_hex(32),
            "ENCRYPTION_KEY": fresh_key(),
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(made))
    return {str(name): str(value) for name, value in json.loads(path.read_text()).items()}


def _wait_for(address: str) -> None:
    host, _, port = address.rpartition(":")
    ends = time.monotonic() + READY_SECONDS
    while time.monotonic() < ends:
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise ConfigError(f"Nothing answers on {address} after {READY_SECONDS:.0f} s.")


def _ask(control: str, path: str, body: dict[str, object] | None = None) -> Any:
    """One of the sandbox's switches."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{control}{path}", data, {"Content-Type": "application/json"})  # noqa: S310  # our own address
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        return json.load(answer)


def _furnish(control: str) -> None:
    """Give a new sandbox a shop with two products and a seller, so that a person finds something to begin with."""
    if _ask(control, "/shops"):
        return
    shop = _ask(control, "/shops", {"name": "blue-lamp", "title": "Blue Lamp", "currency": "EUR", "plan": "standard"})
    for sku, title, price in (("LAMP-01", "Desk lamp", "49.00"), ("LAMP-02", "Floor lamp", "129.00")):
        _ask(
            control, f"/shops/{shop['domain']}/products", {"sku": sku, "title": title, "price": price, "available": 200}
        )
    seller = _ask(control, "/amazon/sellers", {"name": "Blue Lamp Trading", "region": "eu"})
    _ask(control, f"/amazon/sellers/{seller['seller_id']}/state", {"visible_lag_seconds": 1})


def _play(supervisor: Supervisor, env: dict[str, str]) -> int:
    process = subprocess.Popen([sys.executable, "-m", "tests.sandbox.story"], env=env, cwd=ROOT)
    supervisor.run(until=lambda: process.poll() is not None)
    if process.poll() is None:
        process.terminate()
        process.wait(10)
        return 130
    return process.returncode
