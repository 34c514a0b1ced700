"""What the kernel counts of our processes: CPU, wake-ups, memory."""
from __future__ import annotations

import pathlib
import threading
import time
from typing import NamedTuple

MIB = 1024 * 1024


class Use(NamedTuple):
    cpu: float              # seconds
    wakes: int              # times it gave the CPU away by itself, so times it was woken

    def __sub__(self, other):
        return Use(self.cpu - other.cpu, self.wakes - other.wakes)


def use(pid: int) -> Use:
    cpu, wakes = 0, 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        cpu += int((task / "schedstat").read_text().split()[0])
        wakes += _field(task / "status", "voluntary_ctxt_switches")
    return Use(cpu / 1e9, wakes)


def _field(path: pathlib.Path, name: str) -> int:
    for line in path.read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0


def anonymous(pid: int) -> int:
    return _field(pathlib.Path(f"/proc/{pid}/status"), "RssAnon") * 1024


def pss(pid: int) -> int:
    return _field(pathlib.Path(f"/proc/{pid}/smaps_rollup"), "Pss") * 1024


class Memory(NamedTuple):
    anonymous: dict[str, int]
    pss: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.anonymous.values())

    def text(self) -> str:
        parts = ", ".join(f"{role} {size / MIB:.1f}" for role, size in self.anonymous.items())
        return f"{parts}; PSS {sum(self.pss.values()) / MIB:.1f} MiB"


def memory(pids: dict[str, int]) -> Memory:
    return Memory({r: anonymous(p) for r, p in pids.items()}, {r: pss(p) for r, p in pids.items()})


class Peak(threading.Thread):
    """Samples the sum of anonymous memory until stopped; keeps the largest, and the largest of each process on its own."""

    def __init__(self, pids: dict[str, int], every: float = 0.02):
        super().__init__(daemon=True)
        self.pids, self.every = pids, every
        self.peak, self.each = memory(pids), {r: 0 for r in pids}
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(self.every):
            now = {r: anonymous(p) for r, p in self.pids.items()}
            for role, size in now.items():
                self.each[role] = max(self.each[role], size)
            if sum(now.values()) > self.peak.total:
                self.peak = Memory(now, {r: pss(p) for r, p in self.pids.items()})

    def stop(self) -> Memory:
        self.done.set()
        self.join()
        return self.peak


def settle(seconds: float) -> None:
    """Lets a time pass that is itself part of what is measured."""
    time.sleep(seconds)
