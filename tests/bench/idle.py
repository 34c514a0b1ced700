"""What it costs to have nothing to do: CPU per poll and pool, and whether anything wakes that was not due."""
from __future__ import annotations

import pathlib
import time

from .procfs import MIB, Use, memory, settle, use
from .report import Report
from .rig import Rig, wait_until

CPU_MS, IDLE_MIB, QUIET_WAKES = 2.0, 16, 1.0
POOLS = ("linux", "windows", "mac")


def measure(rig: Rig, seconds: float) -> tuple[dict[str, Use], int, float]:
    """Use of each process, polls (of job requests), seconds."""
    before, began = {r: use(p) for r, p in rig.pids.items()}, time.time()
    settle(seconds)
    after, took = {r: use(p) for r, p in rig.pids.items()}, time.time() - began
    return {r: after[r] - before[r] for r in after}, len(rig.polls(began)), took


def quiet(rig: Rig) -> None:
    rig.warm_up()
    wait_until(rig.clean, 60, "an idle system")
    settle(3)


def polling(report: Report, directory: pathlib.Path, seconds: float) -> None:
    with Rig(directory, POOLS, POLLING_DELAY=1000, JOB_RETENTION=1).start() as rig:
        quiet(rig)
        used, polls, took = measure(rig, seconds)
        report.note(f"{len(POOLS)} pools, POLLING_DELAY=1000: {polls} polls in {took:.0f} s; per poll: "
                    + ", ".join(f"{role} {u.cpu / polls * 1e3:.2f} ms, {u.wakes / polls:.1f} wake-ups" for role, u in used.items()))
        report.figure("CPU of the three processes per poll and pool", sum(u.cpu for u in used.values()) / polls * 1e3, " ms", CPU_MS)
        now = memory(rig.pids)
        report.figure("anonymous memory, idle", now.total / MIB, " MiB", IDLE_MIB, f"({now.text()})")


def silence(report: Report, directory: pathlib.Path, seconds: float) -> None:
    """Polls so far apart that none comes: whatever wakes now are other timers and the API server's bookmarks."""
    with Rig(directory, POLLING_DELAY=600000, AGENTS_DELAY=600, JOB_RETENTION=1).start() as rig:
        wait_until(lambda: rig.control.get("summary")["calls"].get("GET 200"), 30, "the first poll")
        settle(5)
        used, polls, took = measure(rig, seconds)
        report.note(f"no poll due ({polls} in {took:.0f} s): wake-ups: " + ", ".join(f"{role} {u.wakes} ({u.cpu * 1e3:.1f} ms)" for role, u in used.items()))
        report.figure("wake-ups per second of each process without a poll, most", max(u.wakes for u in used.values()) / took, "", QUIET_WAKES)


def run(report: Report, directory: pathlib.Path, quick: bool) -> None:
    seconds = 20 if quick else 60
    report.begin("idle", f"an empty queue for {seconds} s")
    for name, scenario in (("polling", polling), ("silence", silence)):
        (directory / name).mkdir()
        scenario(report, directory / name, seconds)
