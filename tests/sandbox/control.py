"""Owns the control endpoints that no single system owns: health, clock, faults, ledger, settings. All JSON."""

import json
from typing import Any

from flask import Flask, Response, jsonify, request

from tests.sandbox.clock import parse_instant
from tests.sandbox.settings import ENVIRONMENT
from tests.sandbox.world import World

FIXED_AT_START = {"data", "port", "smtp_port", "time_scale", "time_epoch"}


def body() -> dict[str, Any]:
    """The request's JSON object ({} when there is no body). Raises ValueError when it is anything else."""
    raw = request.get_data()
    value = json.loads(raw) if raw.strip() else {}
    if not isinstance(value, dict):
        raise ValueError("the body must be a JSON object")
    return value


def register(app: Flask, world: World) -> None:
    """Add the endpoints. A ValueError or KeyError under /_sandbox/ becomes 400 {"error"} for every part."""

    @app.errorhandler(ValueError)
    @app.errorhandler(KeyError)
    def nonsense(error: Exception) -> tuple[Response, int]:
        if not request.path.startswith("/_sandbox/"):
            raise error
        text = f"missing: {error.args[0]}" if isinstance(error, KeyError) else str(error)
        return jsonify(error=text), 400

    @app.get("/_sandbox/health")
    def health() -> Response:
        return jsonify(ok=True, url=world.url, smtp_port=world.smtp_port, app_url=world.settings.app_url)

    @app.get("/_sandbox/app_settings")
    def app_settings() -> Response:
        return jsonify({name: value for told in world.app_settings for name, value in told().items()})

    @app.get("/_sandbox/clock")
    def clock() -> Response:
        return jsonify(now=world.clock.now().isoformat(), scale=world.clock.scale)

    @app.post("/_sandbox/clock")
    def move_clock() -> Response:
        match body():
            case {"now": str(text)}:
                world.clock.set(parse_instant(text))
            case {"advance_seconds": int() | float() as seconds}:
                world.clock.advance(seconds)
            case {"reset": True}:
                world.clock.reset()
            case _:
                raise ValueError('send {"now": ISO}, {"advance_seconds": n} or {"reset": true}')
        return clock()

    _register_faults(app, world)
    _register_records(app, world)


def _register_faults(app: Flask, world: World) -> None:
    @app.post("/_sandbox/faults")
    def add_fault() -> tuple[Response, int]:
        return jsonify(id=world.faults.add(body()).id), 201

    @app.get("/_sandbox/faults")
    def list_faults() -> Response:
        return jsonify(world.faults.listed())

    @app.delete("/_sandbox/faults")
    def remove_faults() -> Response:
        return jsonify(removed=world.faults.remove())

    @app.delete("/_sandbox/faults/<int:fault_id>")
    def remove_fault(fault_id: int) -> Response:
        return jsonify(removed=world.faults.remove(fault_id))


def _register_records(app: Flask, world: World) -> None:
    @app.get("/_sandbox/ledger")
    def ledger() -> Response:
        found = world.ledger.find(
            system=request.args.get("system"),
            effect=request.args.get("effect"),
            key=request.args.get("key"),
            since=int(request.args.get("since", 0)),
        )
        lines = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in found)
        return Response(lines, content_type="application/x-ndjson; charset=utf-8")

    @app.post("/_sandbox/settings")
    def change_settings() -> Response:
        wishes = body()
        for name, value in wishes.items():
            if name not in ENVIRONMENT or name in FIXED_AT_START:
                raise ValueError(f"not a setting that can change: {name}")
            kind = float if name == "bucket_factor" else str
            setattr(world.settings, name, kind(value))
        return jsonify({name: getattr(world.settings, name) for name in ENVIRONMENT if name not in FIXED_AT_START})
