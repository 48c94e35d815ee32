"""The sandbox as tests see it: a process of its own, driven by the same HTTP switches a person uses."""

from __future__ import annotations

import json
import secrets
import select
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parent.parent.parent


def free_port() -> int:
    """A loopback port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Box:
    """A running sandbox."""

    process: subprocess.Popen[str]
    url: str
    smtp_port: int
    app_port: int
    api_key: str
    api_secret: str
    http: requests.Session = field(default_factory=requests.Session)

    @property
    def app_url(self) -> str:
        """Where the sandbox expects the application."""
        return f"http://localhost:{self.app_port}"

    @cached_property
    def app_settings(self) -> dict[str, str]:
        """The settings with which the application speaks to the marketplaces' stand-ins."""
        told: dict[str, str] = self.get("/app_settings")
        return told

    @classmethod
    def start(cls, data: Path, *, bucket_factor: float = 1000) -> Box:
        """Start it and wait for its one ready line."""
        key, secret, app_port = secrets.token_hex(16), secrets.token_hex(24), free_port()
        command = [sys.executable, "-m", "tests.sandbox", "--port", "0", "--die-with-parent", "--data", str(data)]
        command += ["--app-url", f"http://localhost:{app_port}", "--api-key", key, "--api-secret", secret]
        import os

        env = os.environ | {"SANDBOX_BUCKET_FACTOR": str(bucket_factor)}
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], 30)
        line = process.stdout.readline() if ready else ""
        if not line:
            process.kill()
            raise RuntimeError("the sandbox did not start")
        told = json.loads(line)
        return cls(process, told["url"], int(told["smtp_port"]), app_port, key, secret)

    def stop(self) -> None:
        """End the process."""
        self.http.close()
        self.process.terminate()
        self.process.wait(15)
        if self.process.stdout:
            self.process.stdout.close()

    def get(self, path: str, **params: str) -> Any:
        """A control question; JSON."""
        answer = self.http.get(f"{self.url}/_sandbox{path}", params=params, timeout=30)
        assert answer.ok, f"{path}: {answer.status_code} {answer.text[:300]}"
        return answer.json()

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """A control switch; JSON."""
        answer = self.http.post(f"{self.url}/_sandbox{path}", json=dict(body or {}), timeout=60)
        assert answer.ok, f"{path}: {answer.status_code} {answer.text[:300]}"
        return answer.json()

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """A change by a person; JSON."""
        answer = self.http.patch(f"{self.url}/_sandbox{path}", json=dict(body), timeout=30)
        assert answer.ok, f"{path}: {answer.status_code} {answer.text[:300]}"
        return answer.json()

    def delete(self, path: str) -> None:
        """Undo a control switch."""
        answer = self.http.delete(f"{self.url}/_sandbox{path}", timeout=30)
        assert answer.ok, f"{path}: {answer.status_code} {answer.text[:300]}"

    def ledger(self, **match: str) -> list[dict[str, Any]]:
        """Effects received, oldest first; `system`, `effect`, `key` narrow it."""
        answer = self.http.get(f"{self.url}/_sandbox/ledger", params=match, timeout=30)
        assert answer.ok
        return [json.loads(line) for line in answer.text.splitlines() if line.strip()]

    def fault(self, system: str, kind: str, operation: str | None = None, **more: Any) -> str:
        """Set a fault; its id."""
        body = {"system": system, "operation": operation, "kind": kind, **more}
        return str(self.post("/faults", body)["id"])

    def clear_faults(self) -> None:
        """Take back all faults."""
        self.delete("/faults")

    def set_clock(self, now: datetime | None) -> None:
        """Move the sandbox's clock, None: back to the wall."""
        self.post("/clock", {"now": now.isoformat()} if now else {"reset": True})

    def mails(self, to: str = "") -> list[dict[str, Any]]:
        """Mails received, oldest first."""
        found: list[dict[str, Any]] = self.get("/mails", **({"to": to} if to else {}))
        return found
