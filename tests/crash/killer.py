"""The killer: picks a process of the demo at random and ends it with kill -9, or stops it for some seconds."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.crash.processes import Demo, alive, send, until

# What is struck, how often in relation to the others.
TARGETS = {
    "horse now": 6,
    "worker now": 3,
    "horse bulk": 4,
    "worker bulk": 2,
    "web": 1,
    "web child": 2,
    "scheduler": 2,
    "queue": 3,
    "supervisor": 1,
}
PAUSABLE = ("horse now", "horse bulk", "worker now", "worker bulk", "web child", "scheduler", "queue")
# Whose recovery is timed, in this order: those that leave something behind first.
TIMED = ("horse now", "queue", "horse bulk", "supervisor", "worker now", "web", "scheduler", "worker bulk")
ORPHAN_SECONDS = 60.0


@dataclass
class Killer:
    """Strikes; remembers what it struck. `pause` is the longest stop in seconds."""

    demo: Demo
    rng: random.Random
    pause: float = 6.0
    kills: Counter[str] = field(default_factory=Counter)
    pauses: Counter[str] = field(default_factory=Counter)
    orphans: int = 0
    slowest_start: float = 0.0
    slowest_end: float = 0.0

    @property
    def count(self) -> int:
        """Kills so far."""
        return sum(self.kills.values())

    def strike(self, wish: str = "", *, supervisor: bool = True) -> str:
        """One kill (one in four comes with a pause of another process first); what was killed, "" if nothing was."""
        if not wish and self.rng.random() < 0.25:
            self.halt()
        living = self.demo.processes()
        wishes = [kind for kind in TARGETS if supervisor or kind != "supervisor"]
        wish = wish or self.rng.choices(wishes, [TARGETS[kind] for kind in wishes])[0]
        if wish.startswith("horse") and not any(one.kind == wish for one in living):
            # Drains come and go; wait a moment for one to catch.
            ends = time.monotonic() + 3
            while time.monotonic() < ends and not any(one.kind == wish for one in living):
                time.sleep(0.05)
                living = self.demo.processes()
        victims = [one for one in living if one.kind == wish]
        if not victims:
            return ""
        if wish == "supervisor":
            self.end_supervisor()
        elif not send(self.rng.choice(victims).pid, signal.SIGKILL):
            return ""
        self.kills[wish] += 1
        return wish

    def halt(self) -> None:
        """Stop one process for some seconds, then let it go on."""
        living = [one for one in self.demo.processes() if one.kind in PAUSABLE]
        if not living:
            return
        victim = self.rng.choice(living)
        if send(victim.pid, signal.SIGSTOP):
            time.sleep(self.rng.uniform(0.5, self.pause))
            send(victim.pid, signal.SIGCONT)
            self.pauses[victim.kind] += 1

    def end_supervisor(self, *, at_once: bool = True) -> None:
        """Kill -9 the supervisor and start it again (`at_once`: while its children may still be there)."""
        assert self.demo.process is not None
        before = [one.pid for one in self.demo.processes()]
        self.demo.process.kill()
        self.demo.process.wait(10)
        began = time.monotonic()
        if at_once:
            self.demo.start()
        try:
            ended = until(lambda: not any(alive(pid) for pid in before), "the old processes are gone", ORPHAN_SECONDS)
            self.slowest_end = max(self.slowest_end, ended)
        except AssertionError:
            self.orphans += sum(alive(pid) for pid in before)
        if not at_once:
            self.demo.start()
        self.demo.wait()
        self.slowest_start = max(self.slowest_start, time.monotonic() - began)
