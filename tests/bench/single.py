"""One queued job on an idle system against a bare POST of the same Job: what we add between the poll's reply and the API server's acceptance."""
from __future__ import annotations

import json
import pathlib
import time

from .body import job_body
from .report import Report, percentile, spread
from .rig import NAMESPACE, Rig, wait_until
from .tally import accepted, one_unit_each

TARGET_MS = 40


def one_job(rig: Rig) -> tuple[int, float]:
    """The request and the instant at which its Job was accepted."""
    known, began = len(rig.audit.writes), time.time()
    [request] = rig.queue(1, duration=0.05)

    def created():
        rig.audit.read()
        return [w for w in rig.audit.writes[known:] if w.ours and w.verb == "create" and w.resource == "jobs" and w.code == 201]
    [write] = wait_until(created, 30, "a Job for one request", 0.02)
    [poll, *_] = [c for c in rig.polls(began) if c["bytes"] > 300]
    rig.wait_finished([request], 60)
    return request, write.answered - poll["time"]


def bare_posts(rig: Rig, body: dict):
    """Each next() is the time of one POST on a connection that stays open."""
    connection, data = rig.rest.connect(30), json.dumps(body)
    headers = {**rig.rest.headers, "Content-Type": "application/json"}
    while True:
        began = time.perf_counter()
        connection.request("POST", f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs", data, headers)
        reply = connection.getresponse()
        reply.read()
        took = time.perf_counter() - began
        assert reply.status == 201, reply.status
        yield took


def run(report: Report, directory: pathlib.Path, quick: bool) -> None:
    n = 30 if quick else 200
    report.begin("single", f"{n} single jobs on an idle system, each beside one bare POST of the same Job")
    with Rig(directory, POLLING_DELAY=500, JOB_RETENTION=3600, IDLE_GRACE=3600).start() as rig:
        rig.warm_up()
        bare = bare_posts(rig, job_body(rig, ours=False))
        for _ in range(5):
            next(bare)
        rig.audit.read()
        began, ids, waited, posted = time.time(), [], [], []
        for _ in range(n):
            request, latency = one_job(rig)
            ids.append(request)
            waited.append(latency)
            posted.append(next(bare))
            time.sleep(0.1)            # the job controller makes the bare Job's pod meanwhile
        one_unit_each(report, rig, ids, began)
    added = [w - p for w, p in zip(waited, posted)]
    report.note(f"poll's reply to Job accepted, ms: {spread(waited, 1e3)}; bare POST, ms: {spread(posted, 1e3)}")
    report.figure(f"added latency, p99 of {n}", percentile(added, 99) * 1e3, " ms", TARGET_MS, f"({spread(added, 1e3)})")
