"""kill -9 of each process, again and again, while a burst is served. Each is started again at once, as its container would be."""
from __future__ import annotations

import pathlib
import random
import time

from .procfs import settle
from .report import Report
from .rig import ROLES, Rig, wait_until
from .tally import accepted, one_unit_each, writes

CONVERGED = 30
DURATIONS = (1, 4, 8, 12, 16)      # of equal parts of the burst: units start, end and are reaped all the time


def kills(rig: Rig, each: int, gap: float) -> int:
    """How many Jobs there were when the killing ended."""
    roles = [role for role in ROLES for _ in range(each)]
    random.shuffle(roles)
    for role in roles:
        settle(random.uniform(0, 2 * gap))
        rig.pids                           # one that ended by itself is an error
        rig.kill(role)
        rig.start(role)
    rig.audit.read()
    return len(accepted(rig))


def run(report: Report, directory: pathlib.Path, quick: bool) -> None:
    n, each, gap = (100, 5, 0.25) if quick else (500, 20, 0.25)
    report.begin("kill", f"each process killed {each} times at random gaps (mean {gap} s) during a burst of {n}")
    with Rig(directory, JOB_RETENTION=1, AGENTS_DELAY=2).start() as rig:
        rig.warm_up(5)
        wait_until(rig.clean, 60, "an idle system")
        began = time.time()
        ids = [id for seconds in DURATIONS for id in rig.queue(n // len(DURATIONS), duration=seconds)]
        made = kills(rig, each, gap)
        last = time.time()
        report.note(f"last kill {last - began:.1f} s after the burst; {made} Jobs made so far")
        rig.wait_finished(ids, 300)
        done = time.time() - last
        wait_until(rig.clean, 300, "no Job, no pod, no agent left", 0.5)
        took = time.time() - last
        rig.audit.read()
        one_unit_each(report, rig, ids, began)
        report.note("our writes: " + ", ".join(f"{count} {what}" for what, count in sorted(writes(rig, began).items())))
        report.check("nothing busy was deleted", not rig.killed_busy(), rig.killed_busy()[:3] or "")
        report.check("all jobs succeeded", all(rig.jobs()[i]["result"] == "succeeded" for i in ids))
        report.figure("last kill to converged", took, " s", CONVERGED, f"(all jobs done after {done:.1f} s)")
