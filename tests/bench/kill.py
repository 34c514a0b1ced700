"""kill -9 of each process, again and again, while a burst is served. Each is started again at once, as its container would be."""
from __future__ import annotations

import pathlib
import random
import time

from .procfs import settle
from .report import Report
from .rig import ROLES, Rig, wait_until
from .tally import as_many_units, existed, writes

CONVERGED = 30
DURATIONS = (1, 4, 8, 12, 16)      # of equal parts of the burst: units start, end and are reaped all the time


def kills(rig: Rig, each: int, gap: float) -> None:
    roles = [role for role in ROLES for _ in range(each)]
    random.shuffle(roles)
    for role in roles:
        settle(random.uniform(0, 2 * gap))
        rig.pids                           # one that ended by itself is an error
        rig.kill(role)
        rig.start(role)


def ran(rig: Rig) -> tuple[int, int]:
    """Pods and jobs."""
    stats = rig.control.get("kubelet")["stats"]
    return stats.get("pods", 0), stats.get("jobs", 0)


def run(report: Report, directory: pathlib.Path, quick: bool) -> None:
    n, each, gap = (100, 5, 0.25) if quick else (500, 20, 0.25)
    report.begin("kill", f"each process killed {each} times at random gaps (mean {gap} s) during a burst of {n}")
    with Rig(directory, JOB_RETENTION=1, AGENTS_DELAY=2).start() as rig:
        rig.warm_up(5)
        wait_until(rig.clean, 60, "an idle system")
        before, began = ran(rig), time.time()
        ids = [id for seconds in DURATIONS for id in rig.queue(n // len(DURATIONS), duration=seconds)]
        kills(rig, each, gap)
        last = time.time()
        rig.audit.read()
        report.note(f"last kill {last - began:.1f} s after the burst; {len(existed(rig, began))} units so far, {rig.count('jobs')} of them there")
        rig.wait_finished(ids, 300)
        done = time.time() - last
        wait_until(rig.clean, 300, "no Job, no pod, no agent left", 0.5)
        took = time.time() - last
        rig.audit.read()
        pods, jobs = (now - then for now, then in zip(ran(rig), before))
        as_many_units(report, rig, ids, began, pods, jobs)
        report.note("our writes: " + ", ".join(f"{count} {what}" for what, count in sorted(writes(rig, began).items())))
        report.check("nothing busy was deleted", not rig.killed_busy(), rig.killed_busy()[:3] or "")
        report.check("all jobs succeeded", all(rig.jobs()[i]["result"] == "succeeded" for i in ids))
        report.figure("last kill to converged", took, " s", CONVERGED, f"(all jobs done after {done:.1f} s)")
