"""The killer: picks something of the running product at random and ends it with kill -9, or stops it for some seconds."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from shopapp.work import bell
from tests.crash.house import House
from tests.crash.processes import Demo, alive, send, until

# What is struck, how often in relation to the others. Of a process: kill -9. The rest is explained at its method.
WORKERS = {"horse now": 8, "worker now": 4, "horse bulk": 5, "worker bulk": 3, "after the pop": 4}
OTHERS = {"web": 1, "web child": 2, "scheduler": 3, "queue": 2}
WHOLE = {"queue wiped": 2, "database": 2, "database child": 3, "deploy": 1, "power cut": 1}
SUPERVISED = {"supervisor": 1}
PAUSABLE = ("horse now", "horse bulk", "worker now", "worker bulk", "web child", "scheduler", "queue")
ORPHAN_SECONDS = 60.0


def targets(premises: Demo | House, *, workers_only: bool, supervisor: bool) -> dict[str, int]:
    """What there is to strike, with its weights."""
    found = dict(WORKERS)
    if not workers_only:
        found |= OTHERS
        if isinstance(premises, House):
            found |= {name: weight for name, weight in WHOLE.items() if premises.postgres or "database" not in name}
    if isinstance(premises, Demo):
        found.pop("after the pop")
        if supervisor and not workers_only:
            found |= SUPERVISED
    return found


@dataclass
class Killer:
    """Strikes; remembers what it struck. `pause` is the longest stop in seconds."""

    premises: Demo | House
    rng: random.Random
    targets: dict[str, int]
    pause: float = 6.0
    kills: Counter[str] = field(default_factory=Counter)
    pauses: Counter[str] = field(default_factory=Counter)
    wiped: Callable[[], object] = lambda: None  # called after the queue came back empty
    orphans: int = 0
    slowest_start: float = 0.0
    slowest_end: float = 0.0

    @property
    def count(self) -> int:
        """Kills so far."""
        return sum(self.kills.values())

    def strike(self, wish: str = "") -> str:
        """One kill (one in six comes with a pause of another process first); what was struck, "" if nothing was."""
        if not wish and self.rng.random() < 1 / 6:
            self.halt()
        wish = wish or self.rng.choices(list(self.targets), list(self.targets.values()))[0]
        special = {
            "supervisor": self.end_supervisor,
            "queue": lambda: self.strike_queue(wipe=False),
            "queue wiped": lambda: self.strike_queue(wipe=True),
            "after the pop": self.after_the_pop,
            "database": self.strike_database,
            "database child": self.strike_backend,
            "deploy": self.deploy,
            "power cut": self.power_cut,
        }.get(wish)
        done = special() if special is not None else self.kill(wish)
        if done is False:
            return ""
        self.kills[wish] += 1
        return wish

    def kill(self, wish: str) -> bool:
        """Kill -9 one process of that kind; drains come and go: waits a moment for one to catch."""
        ends = time.monotonic() + (2 if wish.startswith("horse") else 0)
        while True:
            victims = [one for one in self.premises.processes() if one.kind == wish]
            if victims:
                return send(self.rng.choice(victims).pid, signal.SIGKILL)
            if time.monotonic() >= ends:
                return False
            time.sleep(0.005)

    def halt(self) -> None:
        """Stop one process for some seconds, then let it go on."""
        living = [one for one in self.premises.processes() if one.kind in PAUSABLE]
        if not living:
            return
        victim = self.rng.choice(living)
        if send(victim.pid, signal.SIGSTOP):
            time.sleep(self.rng.uniform(0.1, self.pause))
            send(victim.pid, signal.SIGCONT)
            self.pauses[victim.kind] += 1

    # --- the embedded queue, the database, all at once ----------------------------------------------------------------

    def strike_queue(self, *, wipe: bool) -> bool:
        """Kill -9 the queue. `wipe`: as if it kept no file, it starts again with nothing."""
        if isinstance(self.premises, Demo):
            return self.kill("queue")
        self.premises.strike_queue(wipe=wipe)
        if wipe:
            self.wiped()
        return True

    def after_the_pop(self) -> bool:
        """Kill -9 a worker that has just been handed a bell and knows nothing of it yet: the bell is lost."""
        assert isinstance(self.premises, House)
        living = self.premises.processes()
        busy = {one.parent for one in living}
        idle = [one for one in living if one.kind in ("worker now", "worker bulk") and one.pid not in busy]
        if not idle:
            return False
        victim = self.rng.choice(idle)
        popped = f"rq:queue:{victim.kind.split()[1]}:intermediate"
        with self.premises.redis() as queue:
            before = queue.llen(popped)
            if not send(victim.pid, signal.SIGSTOP):
                return False
            # A stopped worker waits in a blocking pop: what the queue hands over now stays in the pipe.
            for _ in range(2):
                ends = time.monotonic() + 1
                while queue.llen(popped) <= before and time.monotonic() < ends:
                    time.sleep(0.01)
                if queue.llen(popped) > before:
                    break
                name = victim.kind.split()[1]  # nothing was due: a bell of our own, by the product's words
                bell.queue(name, queue).enqueue("shopapp.jobs.horse", name, result_ttl=0, failure_ttl=3600)
            if queue.llen(popped) <= before:
                send(victim.pid, signal.SIGCONT)
                return False
        return send(victim.pid, signal.SIGKILL)

    def strike_database(self) -> bool:
        """PostgreSQL's immediate shutdown, or kill -9 of its first process, and a new start."""
        assert isinstance(self.premises, House)
        assert self.premises.database is not None
        self.premises.database.restart(self.rng.choice((signal.SIGQUIT, signal.SIGKILL)))
        return True

    def strike_backend(self) -> bool:
        """Kill -9 one of PostgreSQL's processes: the server ends all others and recovers by itself."""
        assert isinstance(self.premises, House)
        assert self.premises.database is not None
        living = self.premises.database.backends()
        return bool(living) and send(self.rng.choice(living), signal.SIGKILL)

    def deploy(self) -> bool:
        """Ask web, workers and scheduler to end, all at once; each is started again when it has."""
        asked = [
            one for one in self.premises.processes() if one.kind in ("web", "worker now", "worker bulk", "scheduler")
        ]
        return sum(send(one.pid, signal.SIGTERM) for one in asked) > 0

    def power_cut(self) -> bool:
        """Everything at once: the product, its queue and its database."""
        assert isinstance(self.premises, House)
        self.premises.stop_product()
        if self.premises.database is not None:
            self.premises.database.restart(signal.SIGKILL)
        self.premises.strike_queue(wipe=False)
        self.premises.start_product()
        return True

    def end_supervisor(self, *, at_once: bool = True) -> bool:
        """Kill -9 the supervisor and start it again (`at_once`: while its children may still be there)."""
        demo = self.premises
        assert isinstance(demo, Demo)
        assert demo.process is not None
        before = [one.pid for one in demo.processes()]
        demo.process.kill()
        demo.process.wait(10)
        began = time.monotonic()
        if at_once:
            demo.start()
        try:
            ended = until(lambda: not any(alive(pid) for pid in before), "the old processes are gone", ORPHAN_SECONDS)
            self.slowest_end = max(self.slowest_end, ended)
        except AssertionError:
            self.orphans += sum(alive(pid) for pid in before)
        if not at_once:
            demo.start()
        demo.wait()
        self.slowest_start = max(self.slowest_start, time.monotonic() - began)
        return True
