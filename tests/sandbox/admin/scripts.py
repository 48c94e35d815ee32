"""Owns how the stand-in scripts are served, under the names the app's two URL settings point at."""

from pathlib import Path

from flask import Flask, Response, abort

STATIC = Path(__file__).parent / "static"
OWN = {"host.js", "tools.js", "start.js", "listing.js", "admin.css", "shell.css"}
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


def polaris_script() -> str:
    """The parts of the Polaris stand-in as one script with nothing global, like the original."""
    parts = sorted((STATIC / "polaris").glob("*.js"))
    return "(() => {\n" + "\n".join(part.read_text("utf-8") for part in parts) + "\n})();\n"


def register_scripts(app: Flask) -> None:
    """Add /cdn/app-bridge.js, /cdn/polaris-1.js and the admin's own files."""

    def served(text: str, suffix: str) -> Response:
        return Response(text, content_type=TYPES[suffix], headers={"Cache-Control": "no-cache"})

    @app.get("/cdn/app-bridge.js")
    def app_bridge() -> Response:
        return served((STATIC / "app-bridge.js").read_text("utf-8"), ".js")

    @app.get("/cdn/polaris-1.js")
    def polaris() -> Response:
        return served(polaris_script(), ".js")

    @app.get("/admin-static/<name>")
    def admin_file(name: str) -> Response:
        if name not in OWN:
            abort(404)
        return served((STATIC / name).read_text("utf-8"), Path(name).suffix)
