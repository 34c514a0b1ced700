"""The Kubernetes stand-in and the fake kubelet by themselves: without our binaries, simulated agents finish jobs; the API refuses as the real one does."""
import http.client
import json
import threading
import time

import pytest

from tests.sim.kubeclient import ApiError
from tests.sim.restclient import Recorder, Rest

LABELS = {"app.kubernetes.io/managed-by": "ado-orchestrator"}
JOBS = "/apis/batch/v1/namespaces/default/jobs"
PODS = "/api/v1/namespaces/default/pods"


def job(name: str, image: str = "agent:1", **env) -> dict:
    env = {"AZP_POOL": "linux", "AZP_AGENT_NAME": name, "AZP_TOKEN": "pat"} | env
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "labels": LABELS}, "spec": {"backoffLimit": 0, "template": {
        "metadata": {"labels": LABELS}, "spec": {"restartPolicy": "Never", "containers": [
            {"name": "agent", "image": image, "env": [{"name": k, "value": v} for k, v in env.items()]}]}}}}


def wait(condition, seconds: float = 10.0):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "not in time"
        time.sleep(0.03)
    return value


def pod_of(rest: Rest, name: str) -> dict:
    return next((p for p in rest.items(f"{PODS}?labelSelector=job-name%3D{name}")), {})


def refused(call) -> tuple[int, str]:
    with pytest.raises(ApiError) as e:
        call()
    return e.value.code, json.loads(e.value.body).get("reason", "")


def test_300_agents_finish_300_jobs(stage):
    s = stage()
    rest = Rest(s.kubeconfig)
    s.control.post("jobs", pool="linux", n=300, duration=0.2)
    for i in range(300):
        rest.call("POST", JOBS, job(f"j-{i}"))
    wait(lambda: s.control.get("summary")["succeeded"] == 300, 60)
    wait(lambda: s.control.get("summary")["agents"] == 0)
    assert s.control.get("kubelet")["stats"] == {"pods": 300, "containers": 300, "registered": 300, "jobs": 300}
    wait(lambda: all(any(c["type"] == "Complete" for c in j["status"].get("conditions", [])) for j in rest.items(JOBS)))


@pytest.mark.parametrize("trouble,want", [("image-pull", "ImagePullBackOff"), ("image-name", "InvalidImageName"), ("config-error", "CreateContainerConfigError"),
                                          ("unschedulable", "Unschedulable"), ("oom", "OOMKilled"), ("evicted", "Evicted"), ("crash", "Error")])
def test_pod_troubles_by_image_name(stage, trouble, want):
    s = stage()
    rest = Rest(s.kubeconfig)
    rest.call("POST", JOBS, job("j", f"agent:trouble-{trouble}"))
    wait(lambda: want in json.dumps(pod_of(rest, "j").get("status", {})))
    assert s.control.get("agents")["agents"] == []


def test_a_wrong_token_ends_the_agent(stage):
    s = stage()
    rest = Rest(s.kubeconfig)
    rest.call("POST", JOBS, job("j", AZP_TOKEN="wrong"))
    pod = wait(lambda: (p := pod_of(rest, "j")).get("status", {}).get("phase") == "Failed" and p)
    assert "not accepted" in pod["status"]["containerStatuses"][0]["state"]["terminated"]["message"]


def test_the_token_comes_from_a_secret(stage):
    s = stage()
    rest = Rest(s.kubeconfig)
    body = job("j")
    body["spec"]["template"]["spec"]["containers"][0]["env"][2] = {"name": "AZP_TOKEN", "valueFrom": {"secretKeyRef": {"name": "tok", "key": "token"}}}
    rest.call("POST", JOBS, body)
    wait(lambda: "CreateContainerConfigError" in json.dumps(pod_of(rest, "j").get("status", {})))
    rest.call("POST", "/api/v1/namespaces/default/secrets", {"metadata": {"name": "tok"}, "stringData": {"token": "pat"}})
    body["metadata"]["name"] = "k"
    time.sleep(1.0)            # the kubelet remembers a missing Secret for so long
    rest.call("POST", JOBS, body)
    wait(lambda: s.control.get("agents")["agents"])


def test_deleting_a_busy_pod_is_noticed(stage):
    s = stage()
    rest = Rest(s.kubeconfig)
    [id] = s.control.post("jobs", pool="linux", duration=600)["ids"]
    rest.call("POST", JOBS, job("j"))
    wait(lambda: s.control.get(f"jobs/{id}")["received"])
    rest.call("DELETE", f"{JOBS}/j", {"propagationPolicy": "Background"})
    assert wait(lambda: s.control.get("kubelet")["killed_busy"])[0]["request"] == id


def test_background_orphan_and_default_deletion(stage):
    s = stage(arguments=["--no-kubelet"])
    rest = Rest(s.kubeconfig)
    for name, policy in (("a", "Background"), ("b", "Orphan"), ("c", None)):
        rest.call("POST", JOBS, job(name))
        wait(lambda: pod_of(rest, name))
        rest.call("DELETE", f"{JOBS}/{name}", {"propagationPolicy": policy} if policy else None)
    wait(lambda: not pod_of(rest, "a"))
    assert all("ownerReferences" not in pod_of(rest, name)["metadata"] for name in "bc")


def test_refusals(stage):
    s = stage()
    rest = Rest(s.kubeconfig)
    made = rest.call("POST", JOBS, job("j"))
    always = job("k")
    always["spec"]["template"]["spec"]["restartPolicy"] = "Always"
    number = job("k")
    number["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = 5
    typo = job("k")
    typo["spec"]["backofLimit"] = 1
    assert refused(lambda: rest.call("POST", JOBS, job("j"))) == (409, "AlreadyExists")
    assert refused(lambda: rest.call("POST", JOBS.replace("default", "none"), job("j"))) == (404, "NotFound")
    assert refused(lambda: rest.call("POST", JOBS, job("x" * 64))) == (422, "Invalid")
    assert refused(lambda: rest.call("POST", JOBS, always)) == (422, "Invalid")
    assert refused(lambda: rest.call("POST", JOBS, number)) == (400, "BadRequest")
    assert refused(lambda: rest.call("POST", f"{JOBS}?fieldValidation=Strict&dryRun=All", typo)) == (400, "BadRequest")
    assert refused(lambda: rest.call("DELETE", f"{JOBS}/j", {"preconditions": {"uid": "x"}})) == (409, "Conflict")
    assert refused(lambda: rest.call("GET", "/apis/nosuch/v1/things"))[0] == 404
    assert refused(lambda: rest.call("PUT", f"{JOBS}/j", made | {"metadata": made["metadata"] | {"resourceVersion": "1"}})) == (409, "Conflict")
    s.control.post("kube/deny", verb="create", resource="jobs")
    assert refused(lambda: rest.call("POST", JOBS, job("k"))) == (403, "Forbidden")


def test_a_terminating_namespace(stage):
    s = stage()
    rest = Rest(s.kubeconfig)
    rest.call("POST", "/api/v1/namespaces", {"metadata": {"name": "n"}})
    s.control.post("kube/settings", namespace_hold=True)
    rest.call("DELETE", "/api/v1/namespaces/n")
    with pytest.raises(ApiError) as e:
        rest.call("POST", JOBS.replace("default", "n"), job("j"))
    assert e.value.code == 403 and json.loads(e.value.body)["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    s.control.post("kube/settings", namespace_hold=False)
    wait(lambda: "n" not in [n["metadata"]["name"] for n in rest.items("/api/v1/namespaces")])


def test_the_ttl_removes_a_finished_job(stage):
    s = stage()
    rest = Rest(s.kubeconfig)
    s.control.post("jobs", pool="linux", duration=0.05)
    body = job("j")
    body["spec"]["ttlSecondsAfterFinished"] = 0
    rest.call("POST", JOBS, body)
    wait(lambda: rest.items(JOBS) == [] == rest.items(PODS))


def watch_lines(rest: Rest, query: str, seconds: int = 1) -> list[dict]:
    connection = rest.connect(10)
    connection.request("GET", f"{JOBS}?watch=1&timeoutSeconds={seconds}&{query}")
    return [json.loads(x) for x in connection.getresponse().read().splitlines()]


def test_watches_replay_bookmark_and_expire(stage):
    s = stage(arguments=["--no-kubelet"])
    rest = Rest(s.kubeconfig)
    before = rest.call("GET", JOBS)["metadata"]["resourceVersion"]
    rest.call("POST", JOBS, job("j"))
    got = watch_lines(rest, f"resourceVersion={before}&allowWatchBookmarks=true")
    assert [e["type"] for e in got][0] == "ADDED" and got[-1]["type"] == "BOOKMARK"
    assert int(got[-1]["object"]["metadata"]["resourceVersion"]) > int(before)
    s.control.post("kube/compact")
    [error] = watch_lines(rest, f"resourceVersion={before}")
    assert (error["type"], error["object"]["code"], error["object"]["reason"]) == ("ERROR", 410, "Expired")


def test_a_selector_turns_changes_into_comings_and_goings(stage):
    s = stage(arguments=["--no-kubelet"])
    rest = Rest(s.kubeconfig)
    rest.call("POST", JOBS, job("j"))
    wait(lambda: rest.call("GET", f"{JOBS}/j")["status"].get("active"))
    rv = rest.call("GET", JOBS)["metadata"]["resourceVersion"]
    for value in ("y", None):
        rest.call("PATCH", f"{JOBS}/j", {"metadata": {"labels": {"x": value}}}, "application/merge-patch+json")
    assert [e["type"] for e in watch_lines(rest, f"resourceVersion={rv}&labelSelector=x%3Dy")] == ["ADDED", "DELETED"]


def test_scripted_answers(stage):
    s = stage()
    rest = Rest(s.kubeconfig)
    for shape, code in (("429-text", 429), ("status", 500), ("410-http", 410), ("quota", 403), ("401", 401), ("html", 502)):
        s.control.post("kube/faults", shape=shape, verb="GET", path="/jobs", times=1)      # the kubelet asks for pods
        with pytest.raises(ApiError) as e:
            rest.call("GET", JOBS)
        assert e.value.code == code
    s.control.post("kube/faults", shape="reset", verb="POST", times=1)
    with pytest.raises((OSError, http.client.HTTPException)):
        rest.call("POST", JOBS, job("lost"))
    assert [j["metadata"]["name"] for j in rest.items(JOBS)] == ["lost"], "carried out although the reply was lost"


def test_a_recorder_misses_nothing(stage):
    s = stage(arguments=["--no-kubelet"])
    rest = Rest(s.kubeconfig)
    recorder = Recorder(rest, JOBS).start()
    for i in range(20):
        rest.call("POST", JOBS, job(f"j-{i}"))
        if i % 5 == 0:
            threading.Thread(target=s.control.post, args=("kube/watches",), kwargs={"end": "abort"}).start()
        rest.call("DELETE", f"{JOBS}/j-{i}", {"propagationPolicy": "Background"})
    wait(lambda: len(recorder.rows()) == 20 and not recorder.live())
    recorder.stop()
