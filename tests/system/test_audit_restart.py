"""A provisioner that is killed at the worst moments, against names that are taken: no request gets two units, none is forgotten."""
import time

import pytest

from tests.system.harness import REAL, REQUEST_ID, wait_until

MERGE = "application/merge-patch+json"
ATTEMPT = "ado-orchestrator.io/attempt"


def job_path(s, name: str = "") -> str:
    return f"/apis/batch/v1/namespaces/{s.namespace}/jobs" + (f"/{name}" if name else "")


def ready(s) -> None:
    wait_until(lambda: "setup done" in s.log("provisioner"), 15, "set up")


@pytest.mark.sim_only
@pytest.mark.parametrize("shape", ["hang", "reset", "done-504", "cut", "delay"])
def test_killed_while_the_reply_of_a_create_is_lost(system, shape):
    """The API server may have made the Job; nobody will ever hear of it."""
    s = system().start()
    ready(s)
    s.control.post("kube/faults", shape=shape, verb="POST", path=r"/jobs\?(?!.*dryRun)", times=4)
    ids = s.queue(n=8, duration=0.2)
    wait_until(lambda: [f for f in s.control.get("kube/faults")["faults"] if f["used"]], 10, "a create is under way")
    s.kill("provisioner")
    s.start("provisioner")
    s.expect_finished(ids, 60)
    s.expect_clean(60)
    s.expect_one_unit_each(ids)


@pytest.mark.sim_only
def test_killed_before_a_create_arrives(system):
    """The old process's create reaches the API server after the new process has listed the Jobs."""
    s = system().start()
    ready(s)
    s.control.post("kube/settings", latency=0.4)
    for _ in range(3):
        ids = s.queue(n=5, duration=0.2)
        wait_until(lambda: s.status().get("pools", [{}])[0].get("queued"), 10, "known")
        time.sleep(0.1)
        s.kill("provisioner")
        s.start("provisioner")
        s.expect_finished(ids, 60)
    s.expect_clean(60)
    made = s.units_by_request()
    assert {made[i] for i in made if i} == {1} and len(made) == 15


def test_restarted_while_a_job_runs_and_its_neighbours_were_reaped(system):
    """Ended units that are gone already are not made again; the one that runs keeps its place."""
    s = system().start()
    [long] = s.queue(duration=6)
    wait_until(lambda: s.ado_jobs()[long]["received"], 15, "it runs")
    short = s.queue(n=5, duration=0.1)
    s.expect_finished(short)
    wait_until(lambda: len(s.units()) == 1, 20, "the others are reaped")
    for role in ("provisioner", "watcher", "provisioner"):
        s.kill(role)
        s.start(role)
        more = s.queue(duration=0.1)
        s.expect_finished(more)
        short += more
    s.expect_finished([long])
    s.expect_clean()
    s.expect_one_unit_each([long, *short])


def test_a_name_that_somebody_else_has(system):
    s = system(INSTANCE="audit")
    s.make_namespace()
    s.start()
    ready(s)
    [first] = s.queue(duration=0.1)
    s.expect_finished([first])
    body = {"metadata": {"name": f"agent-job-linux-{first + 1}"}, "spec": {"suspend": True, "template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}}}}
    s.rest.call("POST", job_path(s), body)
    [job] = s.queue(duration=0.1)
    assert job == first + 1
    wait_until(lambda: s.reasons().get(job, "").startswith("name-taken ") or s.finished([job]), 10, "the reason")
    s.expect_finished([job], 40)
    ours = [r["object"]["metadata"] for r in s.jobs.rows() if r["object"]["metadata"].get("annotations", {}).get(REQUEST_ID) == str(job)]
    assert [(m["name"], m["annotations"][ATTEMPT]) for m in ours] == [(f"agent-job-linux-{job}-2", "2")]
    assert s.rest.call("GET", job_path(s, f"agent-job-linux-{job}"))["metadata"]["name"], "the other's Job is left alone"
    s.rest.call("DELETE", job_path(s, f"agent-job-linux-{job}") + "?propagationPolicy=Background")


def test_another_instance_in_the_same_namespace(system):
    """Same pool, same names, another INSTANCE: its live unit is somebody else's."""
    s = system(INSTANCE="one").start()
    ready(s)
    s.control.post("kubelet/rules", match="linux", trouble="pending")
    [job] = s.queue(duration=0.1)
    wait_until(lambda: len(s.units()) == 1, 10, "the unit of the first")
    s.stop()
    s.env["INSTANCE"] = "two"
    s.start()
    wait_until(lambda: s.reasons().get(job, "").startswith("name-taken "), 15, "name-taken")
    s.control.delete("kubelet/rules")
    s.expect_finished([job], 60)
    labels = [r["object"]["metadata"]["labels"]["ado-orchestrator.io/instance"] for r in s.jobs.rows()]
    assert labels[0] == "one" and set(labels[1:]) <= {"two"}
    assert [u["object"]["metadata"]["labels"]["ado-orchestrator.io/instance"] for u in s.units()].count("one") <= 1


def test_a_spent_name_is_followed_by_the_next_attempt(system):
    """A unit that failed before its agent came: its object still has the name, the next attempt has the next one."""
    s = system(FAILED_JOB_RETENTION="600").start()
    ready(s)
    s.control.post("kubelet/rules", match="linux", trouble="crash", times=1)
    [job] = s.queue(duration=0.1)
    wait_until(lambda: "crash" in s.reasons().get(job, ""), 20, "why it waits")
    s.kill("provisioner")
    s.start("provisioner")
    s.expect_finished([job], 60)
    names = [r["name"] for r in s.jobs.rows()]
    assert names in ([f"agent-job-linux-{job}", f"agent-job-linux-{job}-2"], [f"agent-job-linux-{job}"] * 2), names


@pytest.mark.skipif(not REAL, reason="the Kubernetes stand-in knows no finalizers")
def test_a_job_that_is_being_deleted_has_its_name_still(system):
    s = system().start()
    ready(s)
    s.control.post("kubelet/rules", match="linux", trouble="pending", times=1)
    [job] = s.queue(duration=0.1)
    name = f"agent-job-linux-{job}"
    wait_until(s.units, 10, "a unit")
    s.rest.call("PATCH", job_path(s, name), {"metadata": {"finalizers": ["example.com/hold"]}}, MERGE)
    s.rest.call("DELETE", job_path(s, name) + "?propagationPolicy=Background")
    s.kill("provisioner")
    s.start("provisioner")
    s.expect_finished([job], 60)
    names = [r["name"] for r in s.jobs.rows()]
    assert names == [name, name + "-2"]
    s.rest.call("PATCH", job_path(s, name), {"metadata": {"finalizers": None}}, MERGE)
    s.expect_clean()


def test_warm_units_survive_a_restart(system):
    s = system(MINIMUM_IDLE_AGENT_COUNT="3").start()
    wait_until(lambda: len(s.agents()) == 3, 20, "three warm agents")
    for _ in range(4):
        s.kill("provisioner")
        s.start("provisioner")
        wait_until(lambda: s.status().get("pools", [{}])[0].get("state") == "ok", 15, "back")
    time.sleep(1)
    assert len(s.jobs.rows()) == 3
    [job] = s.queue(duration=0.1)
    s.expect_finished([job])
    wait_until(lambda: len(s.jobs.rows()) >= 4 and len(s.agents()) == 3, 20, "three again")
    assert len(s.jobs.rows()) == 4
