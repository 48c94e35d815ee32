"""The command line: `shopapp up | web | worker | scheduler | migrate | rotate-keys | doctor | demo`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="shopapp", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser(
        "up", help="web, workers, scheduler and (unless REDIS_URL is set) the embedded queue in one"
    )
    web = commands.add_parser("web", help="the web server alone")
    port = _whole(1, 65_535)
    for command in (up, web):
        command.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
        command.add_argument("--port", type=port, default=8000, help="port to listen on (8000)")
        command.add_argument("--processes", type=_whole(1, 64), default=2, help="web processes (2)")
    worker = commands.add_parser("worker", help="one worker of one queue")
    worker.add_argument("--queue", choices=("now", "bulk"), default="now", help="which queue (now)")
    commands.add_parser("scheduler", help="looks for due work and rings; more than one is harmless")
    commands.add_parser("migrate", help="bring the database to the newest schema")
    commands.add_parser("rotate-keys", help="encrypt all stored secrets anew with the first ENCRYPTION_KEY")
    doctor = commands.add_parser("doctor", help="what is set, and whether everything answers")
    doctor.add_argument(
        "--restored", action="store_true", help="the database came from a backup: trust no 'first send'"
    )
    demo = commands.add_parser(
        "demo", help="everything with a sandbox instead of Shopify, marketplaces and a mail server"
    )
    demo.add_argument("--story", action="store_true", help="play the whole story over HTTP, check it, and stop")
    demo.add_argument("--port", type=port, default=8000, help="of the app (8000); the next free one is taken")
    demo.add_argument(
        "--sandbox-port", type=port, default=8001, help="of the sandbox (8001); the next free one is taken"
    )
    demo.add_argument("--fresh", action="store_true", help="forget the data of earlier demos first")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status. A wrong setting is one sentence on stderr and status 2; a database that does
    not answer, or that is not ready for this release, one sentence and status 1."""
    args = _parser().parse_args(arguments)
    from sqlalchemy.exc import SQLAlchemyError

    from shopapp.config import ConfigError
    from shopapp.logs import redact
    from shopapp.records import db

    try:
        return _run(args)
    except ConfigError as error:
        print(f"shopapp: {error}", file=sys.stderr)
        return 2
    except SQLAlchemyError as error:
        if db.unreachable(error):
            said = redact(" ".join(str(getattr(error, "orig", "")).split()))[:200]
            words = f"The database does not answer ({said}): check DATABASE_URL, or SHOPAPP_DATA for SQLite."
        elif db.lacks_schema(error):
            words = "The database is not at the newest schema; run `shopapp migrate`."
        else:
            raise
        print(f"shopapp: {words}", file=sys.stderr)
        return 1


def _whole(least: int, most: int) -> Callable[[str], int]:
    """Reads an argument as a whole number between the two."""

    def number(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text[:9]) <= most):
            raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {most}")
        return int(text)

    return number


def _run(args: argparse.Namespace) -> int:
    match args.command:
        case "up":
            from shopapp.cli.up import up

            return up(args.host, args.port, args.processes)
        case "web":
            from shopapp.cli.up import web

            return web(args.host, args.port, args.processes)
        case "worker":
            from shopapp.cli.worker import work

            return work(args.queue)
        case "scheduler":
            from shopapp.cli.worker import schedule

            return schedule()
        case "migrate":
            from shopapp.cli.upkeep import migrate

            return migrate()
        case "rotate-keys":
            from shopapp.cli.upkeep import rotate_keys

            return rotate_keys()
        case "doctor":
            from shopapp.cli.doctor import doctor

            return doctor(restored=args.restored)
        case _:
            from shopapp.cli.demo import demo

            return demo(args.port, args.sandbox_port, story=args.story, fresh=args.fresh)
