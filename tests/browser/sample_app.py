"""Owns a tiny embedded app that uses the relay script and the two stand-ins the way the product does.

It imports nothing of the product: it proves the contract between page, relay script and App Bridge.
"""

import threading
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

import jwt
from flask import Flask, Response, make_response, redirect, render_template, request, send_from_directory
from jinja2 import FileSystemLoader
from werkzeug.serving import WSGIRequestHandler, make_server

HERE = Path(__file__).parent
KEY, SECRET = "sample-key", "sample-secret-of-more-than-32-bytes"
SHOP = "relay-test"
HOST_PARAMETERS = {"id_token", "hmac", "session", "timestamp", "locale", "host", "shop", "embedded"}
BOUNCE = "/session-token-bounce"
OPEN = ("/static/", BOUNCE)
STATIC = HERE.parents[1] / "static"
PAGES = {"/": "home", "/orders": "orders", "/orders/7": "order", "/sync": "sync", "/gallery": "gallery"}


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_: Any) -> None:
        """Keep quiet."""


class SampleApp:
    """The app on http://localhost:PORT while the admin is on http://127.0.0.1: another site, as in production."""

    def __init__(self) -> None:
        self.admin = ""
        self.gate = threading.Event()
        self.forget()
        self.app = self._make()
        self.server = make_server("127.0.0.1", 0, self.app, threaded=True, request_handler=_Quiet)
        self.url = f"http://localhost:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def forget(self) -> None:
        """As newly started: nothing was asked, nothing was saved."""
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.settings = {"email": "a@example.com", "failed": "on", "shop_email": ""}
        self.flash = ""
        self.posts = 0
        self.ticks = 0
        self.gate.set()
        self.stale_tokens = 0

    def __enter__(self) -> "SampleApp":
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.gate.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def asked(self, path: str) -> list[dict[str, str]]:
        """The headers of every request to a path, oldest first."""
        return [headers for _, seen, headers in list(self.seen) if seen == path]

    def _make(self) -> Flask:
        app = Flask("sample", static_folder=None)
        app.jinja_loader = FileSystemLoader(HERE / "sample_pages")
        app.before_request(self._gate)
        app.after_request(self._headers)
        app.add_url_rule("/static/<name>", "static", lambda name: send_from_directory(STATIC, name))
        app.add_url_rule(BOUNCE, view_func=self._bounce)
        app.add_url_rule("/settings", view_func=self._settings, methods=["GET", "POST"])
        app.add_url_rule("/login", view_func=self._login, methods=["POST"])
        app.add_url_rule("/export.csv", view_func=self._export)
        app.add_url_rule("/sync/status", view_func=self._status)
        for path, name in PAGES.items():
            app.add_url_rule(path, name, lambda name=name: self.render(name))
        return app

    def render(self, name: str, status: int = 200, **values: Any) -> Response:
        """One of the sample pages, with the flash of the last request."""
        flash, self.flash = self.flash, ""
        language = (request.args.get("locale") or request.headers.get("Accept-Language") or "en")[:2]
        values |= {"settings": self.settings, "ticks": self.ticks, "language": language}
        html = render_template(f"{name}.html", key=KEY, admin=self.admin, flash=flash, **values)
        return make_response(html, status)

    def _gate(self) -> Response | None:
        """No token, no page: documents are bounced, fetches are told to try again with a fresh token."""
        self.seen.append((request.method, request.path, dict(request.headers)))
        if request.path.startswith(OPEN):
            return None
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or request.args.get("id_token", "")
        if self.stale_tokens and request.headers.get("X-Relay"):
            self.stale_tokens -= 1
            token = ""
        try:
            jwt.decode(token, SECRET, algorithms=["HS256"], audience=KEY, leeway=10)
        except jwt.PyJWTError:
            if request.headers.get("Authorization"):
                return Response(status=401, headers={"X-Shopify-Retry-Invalid-Session-Request": "1"})
            kept = {name: value for name, value in request.args.items() if name not in HOST_PARAMETERS}
            target = request.path + (f"?{urlencode(kept)}" if kept else "")
            return redirect(f"{BOUNCE}?{urlencode({'shopify-reload': target})}")  # type: ignore[return-value]
        return None

    def _headers(self, response: Response) -> Response:
        csp = [
            "default-src 'none'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'",
            f"script-src 'self' {self.admin}; frame-ancestors {self.admin}",
        ]
        response.headers["Content-Security-Policy"] = "; ".join(csp)
        return response

    def _bounce(self) -> str:
        script = f'<script data-api-key="{KEY}" src="{self.admin}/cdn/app-bridge.js"></script>'
        return f'<!DOCTYPE html><html lang="en"><head><title>…</title>{script}</head><body></body></html>'

    def _settings(self) -> Any:
        if request.method == "GET":
            return self.render("settings", form=self.settings, errors={})
        self.posts += 1
        self.gate.wait(10)
        form = request.form.to_dict()
        if "@" not in form.get("email", "") and not form.get("shop_email"):
            return self.render("settings", 422, form=form, errors={"email": "Write an address like name@example.com"})
        self.settings = {"failed": "", "shop_email": "", **form}
        self.flash = "Settings saved"
        return redirect("/settings", 303)

    def _login(self) -> Response:
        return Response("", headers={"X-Relay-Top": f"{self.admin}/mail?from=app"})

    def _export(self) -> Response:
        headers = {"Content-Disposition": 'attachment; filename="orders.csv"'}
        return Response("id\n7\n", content_type="text/csv", headers=headers)

    def _status(self) -> Response:
        self.ticks += 1
        return self.render("status")
