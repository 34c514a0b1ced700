"""A burst of queued jobs against h2load that posts as many of the same Jobs: how much slower we are than the plainest client, in pairs that alternate.
Each measurement has a control plane of its own, the stand-ins and our three processes beside it."""
from __future__ import annotations

import json
import pathlib
import re
import shutil
import subprocess
import time
from statistics import median

from .body import job_body
from .procfs import use
from .report import Report
from .rig import NAMESPACE, Missing, Rig, wait_until
from .tally import accepted, one_create_one_delete, one_unit_each

TARGET = 1.5
SETTINGS = {"JOB_RETENTION": 10, "IDLE_GRACE": 600}
ROW_BYTES = 300         # at least, of a job request in a poll's reply


def prepare(directory: pathlib.Path) -> tuple[Rig, dict]:
    """Both measurements begin alike: everything used once, one job that runs and stays."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    rig = Rig(directory, **SETTINGS).start()
    try:
        rig.warm_up(20)
        body = job_body(rig)
        wait_until(lambda: rig.count("jobs") == 1, 60, "an idle system")
        return rig, body
    except BaseException:
        rig.__exit__()
        raise


def ours(report: Report, directory: pathlib.Path, n: int) -> float:
    """Seconds from the reply that showed the jobs to the last Job accepted; then waits for the end of every job and counts the writes."""
    rig, _ = prepare(directory)
    with rig:
        before = {role: use(pid) for role, pid in rig.pids.items()}
        began = time.time()
        ids = rig.queue(n, duration=8)
        wait_until(lambda: rig.audit.read() is not None and len(accepted(rig, began)) >= n, 120, f"{n} Jobs", 0.25)
        cpu = {role: (use(pid) - before[role]).cpu for role, pid in rig.pids.items()}
        made = accepted(rig, began)
        [poll, *_] = [c for c in rig.polls(began) if c["bytes"] > n * ROW_BYTES]
        seconds = max(w.answered for w in made) - poll["time"]
        report.note(f"  first create {min(w.received for w in made) - poll['time']:.3f} s after the reply ({poll['bytes'] / 1e6:.1f} MB); CPU, s: "
                    + ", ".join(f"{role} {used:.2f}" for role, used in cpu.items()))
        wait_until(lambda: rig.control.get("summary")["running"] + rig.control.get("summary")["queued"] == 1, 240, "all jobs done", 1)
        wait_until(lambda: rig.count("jobs") == 1, 240, "all units reaped", 1)
        rig.audit.read()
        one_unit_each(report, rig, ids, began)
        one_create_one_delete(report, rig, n, began)
        report.check("nothing busy was deleted", not rig.killed_busy())
    return seconds


def h2load(directory: pathlib.Path, n: int) -> float:
    rig, body = prepare(directory)
    with rig:
        file = directory / "body.json"
        file.write_text(json.dumps(body))
        url = f"{rig.rest.server}/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
        ran = subprocess.run(["h2load", f"-n{n}", "-c1", "-m50", "-d", file, "-H", "content-type: application/json",
                              "-H", f"authorization: {rig.rest.headers['Authorization']}", url], capture_output=True, text=True, check=True)
    finished, good = re.search(r"finished in ([\d.]+)(ms|s)", ran.stdout), re.search(r"(\d+) 2xx", ran.stdout)
    if not finished or not good or int(good[1]) != n:
        raise RuntimeError(f"h2load: {ran.stdout[-600:]}")
    return float(finished[1]) / (1000 if finished[2] == "ms" else 1)


def run(report: Report, directory: pathlib.Path, quick: bool) -> None:
    if not shutil.which("h2load"):
        raise Missing("h2load is not installed (nghttp2-client)")
    n, runs = (200, 2) if quick else (1000, 5)
    report.begin("burst", f"{n} jobs queued at once, {runs} runs alternating with h2load -n{n} -c1 -m50 that posts the same Job")
    ratios, best = [], []
    for i in range(runs):
        order = ("ours", "h2load") if i % 2 == 0 else ("h2load", "ours")
        took = {name: ours(report, directory / "run", n) if name == "ours" else h2load(directory / "run", n) for name in order}
        ratios.append(took["ours"] / took["h2load"])
        best.append(took)
        report.note(f"run {i + 1}, {' then '.join(order)}: ours {took['ours']:.2f} s, h2load {took['h2load']:.2f} s, ratio {ratios[-1]:.2f}")
    report.figure("ours / h2load, median ratio", median(ratios), "", TARGET,
                  f"(medians {median(t['ours'] for t in best):.2f} s and {median(t['h2load'] for t in best):.2f} s)")
