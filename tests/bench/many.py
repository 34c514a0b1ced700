"""Thousands of queued jobs at once: none missed, none doubled, and what the three processes take to remember them."""
from __future__ import annotations

import pathlib
import time

from .procfs import MIB, Memory, Peak, memory, settle
from .report import Report
from .rig import Rig, wait_until
from .tally import accepted, one_create_one_delete, one_unit_each

PEAK_MIB, IDLE_MIB = 40, 16
SETTINGS = {"JOB_RETENTION": 10}


def figure(report: Report, what: str, now: Memory, most: float, beside: str = "") -> None:
    report.figure(f"anonymous memory of the three, {what}", now.total / MIB, " MiB", most, f"({now.text()}{beside})")


def serve(report: Report, rig: Rig, n: int) -> None:
    began = time.time()
    ids = rig.queue(n, duration=60)                   # so long that all are unfinished, and all units there, at once
    wait_until(lambda: rig.audit.read() is not None and len(accepted(rig, began)) >= n, 600, f"{n} Jobs", 1)
    made = accepted(rig, began)
    report.note(f"{n} Jobs accepted within {max(w.answered for w in made) - began:.1f} s")
    wait_until(lambda: rig.control.get("summary")["queued"] + rig.control.get("summary")["running"] == 0, 900, f"{n} jobs done", 2)
    wait_until(rig.clean, 900, "all units reaped", 2)
    rig.audit.read()
    report.note(f"all done and reaped after {time.time() - began:.0f} s")
    one_unit_each(report, rig, ids, began)
    one_create_one_delete(report, rig, n, began)
    report.check("nothing busy was deleted", not rig.killed_busy())


def run(report: Report, directory: pathlib.Path, quick: bool) -> None:
    n = 500 if quick else 5000
    report.begin("many", f"{n} jobs queued at once, each runs for 60 s")
    with Rig(directory, **SETTINGS).start() as rig:
        rig.warm_up()
        wait_until(rig.clean, 60, "an idle system")
        settle(2)
        figure(report, "idle, before", memory(rig.pids), IDLE_MIB)
        peak = Peak(rig.pids)
        peak.start()
        serve(report, rig, n)
        figure(report, "peak", peak.stop(), PEAK_MIB, "; each at its own peak " + ", ".join(f"{r} {size / MIB:.1f}" for r, size in peak.each.items()))
        settle(15)
        figure(report, "idle, after", memory(rig.pids), IDLE_MIB)
