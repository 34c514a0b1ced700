"""The shipped Pod on a real node. One story, told in order: every step leaves the cluster as the next one needs it."""
from __future__ import annotations

import json
import os
import pathlib
import subprocess
import time

import pytest
import yaml

from tests.node.standin import StandIn

CP, BIN = pathlib.Path(os.environ["NODE_CP"]), pathlib.Path(os.environ["NODE_BIN"])
NODE = CP.parent / "node"
ROOT = pathlib.Path(__file__).resolve().parents[2]
POOLS = ["linux", "missing", "hog", "huge"]

CONFIG = """\
pools:
  - {name: linux, job_image: "stand-in-agent:1"}
  - {name: missing, job_image: "localhost:1/there-is-no-such-image:1"}
  - {name: hog, job_definition_file: /etc/azp/hog.yaml}
  - {name: huge, job_definition_file: /etc/azp/huge.yaml}
"""
JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: %s}
spec:
  template:
    spec:
      containers:
        - {name: agent, image: "stand-in-agent:1", env: [{name: MODE, value: %s}], resources: %s}
"""


def kubectl(*arguments, stdin=None, check=True):
    result = subprocess.run([BIN / "kubectl", "--kubeconfig", CP / "kubeconfig", *arguments], input=stdin, capture_output=True, text=True)
    assert not check or result.returncode == 0, result.stderr
    return result.stdout


def wait_until(condition, seconds, what):
    until = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < until, f"not within {seconds} s: {what}: {value!r}"
        time.sleep(0.2)
    return value


def configmap(name, data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "ado-orchestrator"}, "data": data}


def shipped_objects(url):
    """manifests/pod.yaml with this test's settings; no cluster DNS and no kube-proxy here, so the API server's address is told."""
    objects = [o for o in yaml.safe_load_all((ROOT / "manifests/pod.yaml").read_text()) if o]
    settings = next(o for o in objects if o["kind"] == "ConfigMap")
    settings["data"] = {"ORG_URL": url, "JOB_NAMESPACE": "ado-agents", "INITIALIZE_NAMESPACE": "false", "CONFIG_FILE": "/etc/azp/config.yaml", "CA_FILE": "/etc/azp/ca.crt",
                        "JOB_RETENTION": "3", "FAILED_JOB_RETENTION": "20s", "AGENTS_DELAY": "2s", "KUBERNETES_SERVICE_HOST": "10.244.0.1", "KUBERNETES_SERVICE_PORT": "16443"}
    pod = next(o for o in objects if o["kind"] == "Pod")
    pod["spec"]["volumes"].append({"name": "azp", "configMap": {"name": "azp"}})
    for container in pod["spec"]["containers"]:
        container["volumeMounts"] = [*container["volumeMounts"], {"name": "azp", "mountPath": "/etc/azp"}]
    extra = configmap("azp", {"config.yaml": CONFIG, "ca.crt": (CP / "ca.crt").read_text(),
                              "hog.yaml": JOB % ("hog", "hog", '{limits: {memory: 48Mi}}'), "huge.yaml": JOB % ("huge", "none", '{requests: {cpu: "900"}}')})
    order = {"Namespace": 0, "ConfigMap": 1, "Pod": 9}
    return sorted([*objects, extra], key=lambda o: order.get(o["kind"], 5))


@pytest.fixture(scope="module")
def ado():
    return StandIn(str(CP / "tls.crt"), str(CP / "tls.key"), POOLS)


def status():
    out = kubectl("-n", "ado-orchestrator", "exec", "ado-orchestrator", "-c", "provisioner", "--", "azpctl", "status", "--json", check=False)
    return json.loads(out) if out.strip() else {}


def orchestrator():
    return json.loads(kubectl("-n", "ado-orchestrator", "get", "pod", "ado-orchestrator", "-o", "json", "--ignore-not-found") or "{}")


def ready():
    states = orchestrator().get("status", {}).get("containerStatuses", [])
    return len(states) == 3 and all(s["ready"] for s in states)


def units(namespace="ado-agents"):
    return json.loads(kubectl("-n", namespace, "get", "jobs", "-o", "json"))["items"]


def finished(ado, ids):
    jobs = ado.jobs()
    return all(jobs[i]["result"] == "succeeded" for i in ids)


def test_the_shipped_pod_becomes_ready(ado):
    objects = shipped_objects(ado.url)
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects[:2]))
    kubectl("-n", "ado-orchestrator", "create", "secret", "generic", "ado-orchestrator", "--from-literal=pat=pat")
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))
    wait_until(ready, 90, "three ready containers")
    assert {p["name"]: p["state"] for p in wait_until(lambda: status().get("pools"), 20, "pools in azpctl status")} == {p: "ok" for p in POOLS}


def test_jobs_run_in_real_containers_and_leave_nothing(ado):
    ids = ado.queue("linux", 6)
    wait_until(lambda: finished(ado, ids), 90, "six jobs")
    wait_until(lambda: not units(), 60, "no unit left")
    assert len({ado.jobs()[i]["agent"] for i in ids}) == 6
    assert not json.loads(kubectl("-n", "ado-agents", "get", "pods", "-o", "json"))["items"] or wait_until(
        lambda: not json.loads(kubectl("-n", "ado-agents", "get", "pods", "-o", "json"))["items"], 60, "no pod left")


def kill_container(name):
    state = next(s for s in orchestrator()["status"]["containerStatuses"] if s["name"] == name)
    subprocess.run([BIN / "ctr", "-a", NODE / "containerd.sock", "-n", "k8s.io", "task", "kill", "-s", "SIGKILL", state["containerID"].removeprefix("containerd://")], check=True)
    return state["restartCount"]


@pytest.mark.parametrize("name", ["provisioner", "watcher", "reaper"])
def test_a_killed_container_comes_back_and_no_job_gets_two_units(ado, name):
    names = set()
    ids = ado.queue("linux", 4, duration=3)
    wait_until(lambda: names.update(u["metadata"]["name"] for u in units()) or names, 30, "a unit")
    restarts = kill_container(name)

    def done():
        names.update(u["metadata"]["name"] for u in units())
        return finished(ado, ids)
    wait_until(done, 120, "four jobs through the death of a container")
    assert len(names) == 4, names
    wait_until(ready, 60, "three ready containers again")
    assert next(s for s in orchestrator()["status"]["containerStatuses"] if s["name"] == name)["restartCount"] == restarts + 1
    wait_until(lambda: not units(), 90, "no unit left")


def reason_of(request):
    return next((r for r in status().get("requests", []) if r["id"] == request), {}).get("code", "")


def test_an_image_that_cannot_be_pulled_is_the_reason(ado):
    [request] = ado.queue("missing")
    wait_until(lambda: reason_of(request) == "image-pull", 60, "reason image-pull")
    ado.call("POST", f"jobs/{request}/cancel", {})
    wait_until(lambda: not units(), 60, "the unit of the cancelled job is gone")


def test_a_unit_that_fits_nowhere_is_the_reason(ado):
    [request] = ado.queue("huge")
    wait_until(lambda: reason_of(request) == "unschedulable", 60, "reason unschedulable")
    ado.call("POST", f"jobs/{request}/cancel", {})
    wait_until(lambda: not units(), 60, "the unit of the cancelled job is gone")


def test_a_container_killed_for_memory_is_told(ado):
    [request] = ado.queue("hog")
    wait_until(lambda: any(u.get("trouble") == "oom" for u in status().get("units", [])), 60, "unit with trouble oom")
    ado.call("POST", f"jobs/{request}/finish", {"result": "abandoned"})
    wait_until(lambda: not units(), 90, "the unit is gone after its retention")


def test_the_watcher_has_no_cluster_token():
    out = kubectl("-n", "ado-orchestrator", "exec", "ado-orchestrator", "-c", "watcher", "--", "ls", "/var/run/secrets", check=False)
    assert "kubernetes.io" not in out
