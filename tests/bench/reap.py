"""How soon the reaper acts: a unit that ended is deleted once its retention is over, a unit whose job was cancelled before its container started is gone."""
from __future__ import annotations

import pathlib
import random
import time

from .procfs import settle
from .report import Report, percentile, spread
from .rig import Rig, wait_until
from .tally import one_create_one_delete, one_unit_each

RETENTION, POLL_MS = 5, 1000
ENDED_TARGET, CANCEL_TARGET = 1.0, POLL_MS / 1000 + 2


def ends(rig: Rig) -> dict[str, float]:
    """Unit -> when its pod's end was written to the API server: the last status that the fake kubelet wrote."""
    last: dict[str, float] = {}
    for w in rig.audit.of("patch", "pods/status", ours=False):
        last[w.name.rpartition("-")[0]] = w.answered
    return last


def allowed(end: float, polls: list[float]) -> float:
    """Retention is over, and a poll that began after the end has been answered (polls take milliseconds here)."""
    return max(end + RETENTION, min((t for t in polls if t > end), default=end))


def ended_units(report: Report, rig: Rig, n: int) -> None:
    began = time.time()
    ids = [id for _ in range(n) for id in rig.queue(1, duration=round(random.uniform(0.2, 6), 2))]
    rig.wait_finished(ids, 240)
    wait_until(rig.clean, 120, "all units reaped", 1)
    rig.audit.read()
    one_unit_each(report, rig, ids, began)
    one_create_one_delete(report, rig, n, began)
    end, polls = ends(rig), [c["time"] for c in rig.polls(began)]
    late = [w.received - allowed(end[w.name], polls) for w in rig.audit.of("delete", "jobs", began)]
    report.figure(f"unit ended, JOB_RETENTION={RETENTION}: DELETE after it was allowed, p99 of {len(late)}", percentile(late, 99), " s", ENDED_TARGET,
                  f"(ms: {spread(late, 1e3)})")
    report.check("no DELETE before retention", min(late) > -1, f"earliest {min(late):.2f} s")       # a pod tells its end in whole seconds


def cancelled_units(report: Report, rig: Rig, n: int) -> None:
    """Pods that never start; their jobs are cancelled one by one at any point of a poll's round."""
    rig.control.post("kubelet/behaviour", start_delay=3600)
    began, ids = time.time(), rig.queue(n, duration=1)
    wait_until(lambda: rig.count("pods") == n, 60, f"{n} pods")
    cancelled: dict[int, float] = {}
    for id in ids:
        settle(random.uniform(0, 0.3))
        rig.control.post(f"jobs/{id}/cancel")
        cancelled[id] = time.time()
    wait_until(lambda: rig.count("jobs") == 0, 60, "units of cancelled jobs gone")
    rig.audit.read()
    gone = {w.name: w.answered for w in rig.audit.of("delete", "jobs", began) if w.code == 200}
    took = [gone[name] - cancelled[id] for id in ids for name in gone if name.endswith(f"-{id}")]
    report.check("each unit deleted once", len(took) == n and len(gone) == n, f"{len(gone)} of {n}")
    report.figure(f"cancelled before its container started: gone, max of {n}", max(took), " s", CANCEL_TARGET, f"(POLLING_DELAY={POLL_MS}; {spread(took, 1, 2)})")
    wait_until(lambda: rig.count("pods") == 0, 60, "pods of cancelled jobs gone")


def run(report: Report, directory: pathlib.Path, quick: bool) -> None:
    n = 60 if quick else 200
    report.begin("reap", f"{n} units that end, {n // 5} whose job is cancelled before their container starts")
    with Rig(directory, POLLING_DELAY=POLL_MS, JOB_RETENTION=RETENTION).start() as rig:
        rig.warm_up()
        wait_until(rig.clean, 60, "an idle system")
        ended_units(report, rig, n)
        cancelled_units(report, rig, n // 5)
        report.check("nothing busy was deleted", not rig.killed_busy())
