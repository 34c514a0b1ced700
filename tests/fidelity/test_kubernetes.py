"""The official Python client against the Kubernetes stand-in: typed objects, errors, paging, watches, leases."""
import datetime
import threading

import pytest

kubernetes = pytest.importorskip("kubernetes")
from kubernetes import client, config, watch                                     # noqa: E402
from kubernetes.client.exceptions import ApiException                            # noqa: E402

from tests.sim.kubeclient import ApiError                                        # noqa: E402
from tests.sim.restclient import Rest                                            # noqa: E402

LABELS = {"app.kubernetes.io/managed-by": "ado-orchestrator"}


@pytest.fixture
def api(stage):
    return config.new_client_from_config(config_file=stage.kubeconfig)


def job(name: str, **env) -> client.V1Job:
    container = client.V1Container(name="agent", image="agent:1", env=[client.V1EnvVar(name=k, value=v) for k, v in env.items()])
    pod = client.V1PodTemplateSpec(metadata=client.V1ObjectMeta(labels=LABELS), spec=client.V1PodSpec(containers=[container], restart_policy="Never"))
    return client.V1Job(metadata=client.V1ObjectMeta(name=name, labels=LABELS), spec=client.V1JobSpec(template=pod, backoff_limit=0))


def test_a_job_runs_and_a_watch_shows_it(stage, api):
    batch, core = client.BatchV1Api(api), client.CoreV1Api(api)
    [id] = stage.control.post("jobs", pool="linux", duration=0.1)["ids"]
    made = batch.create_namespaced_job("default", job("j-1", AZP_POOL="linux", AZP_AGENT_NAME="j-1", AZP_TOKEN="pat"))
    assert made.metadata.uid and made.spec.completions == 1
    seen = []
    for event in watch.Watch().stream(batch.list_namespaced_job, "default", label_selector="app.kubernetes.io/managed-by=ado-orchestrator", timeout_seconds=10):
        seen.append(event["type"])
        if any(c.type == "Complete" for c in event["object"].status.conditions or []):
            break
    assert seen[0] == "ADDED" and "MODIFIED" in seen
    [pod] = core.list_namespaced_pod("default", label_selector="job-name=j-1").items
    assert pod.status.phase == "Succeeded" and pod.status.container_statuses[0].state.terminated.exit_code == 0
    assert pod.metadata.owner_references[0].uid == made.metadata.uid
    assert stage.control.get(f"jobs/{id}")["agent"] == "j-1"
    batch.delete_namespaced_job("j-1", "default", body=client.V1DeleteOptions(
        propagation_policy="Background", preconditions=client.V1Preconditions(uid=made.metadata.uid)))
    with pytest.raises(ApiException) as gone:
        batch.read_namespaced_job("j-1", "default")
    assert gone.value.status == 404


def test_refusals(stage, api):
    batch, core = client.BatchV1Api(api), client.CoreV1Api(api)
    made = batch.create_namespaced_job("default", job("j-1"))
    cases = [(409, "AlreadyExists", lambda: batch.create_namespaced_job("default", job("j-1"))),
             (404, "NotFound", lambda: batch.create_namespaced_job("nowhere", job("j-2"))),
             (422, "Invalid", lambda: batch.create_namespaced_job("default", job("x" * 64))),
             (409, "Conflict", lambda: batch.delete_namespaced_job("j-1", "default", body=client.V1DeleteOptions(preconditions=client.V1Preconditions(uid="other")))),
             (400, "BadRequest", lambda: batch.list_namespaced_job("default", field_selector="spec.suspend=true"))]
    for status, reason, call in cases:
        with pytest.raises(ApiException) as refused:
            call()
        assert refused.value.status == status and reason in refused.value.body
    assert batch.read_namespaced_job("j-1", "default").metadata.uid == made.metadata.uid
    stage.control.post("kube/quota", namespace="default", hard={"secrets": "0"})
    with pytest.raises(ApiException, match="exceeded quota"):
        core.create_namespaced_secret("default", client.V1Secret(metadata=client.V1ObjectMeta(name="s"), string_data={"a": "b"}))


def test_paging_and_an_expired_token(stage, api):
    core = client.CoreV1Api(api)
    for i in range(7):
        core.create_namespaced_secret("default", client.V1Secret(metadata=client.V1ObjectMeta(name=f"s-{i}"), string_data={"a": "b"}))
    page = core.list_namespaced_secret("default", limit=3)
    names = [s.metadata.name for s in page.items]
    while page.metadata._continue:
        page = core.list_namespaced_secret("default", limit=3, _continue=page.metadata._continue)
        names += [s.metadata.name for s in page.items]
    assert names == [f"s-{i}" for i in range(7)]
    token = core.list_namespaced_secret("default", limit=3).metadata._continue
    stage.control.post("kube/compact")
    with pytest.raises(ApiException) as expired:
        core.list_namespaced_secret("default", limit=3, _continue=token)
    assert expired.value.status == 410


def test_dry_run_strict_and_patch(stage, api):
    batch, core = client.BatchV1Api(api), client.CoreV1Api(api)
    batch.create_namespaced_job("default", job("dry"), dry_run="All")
    assert batch.list_namespaced_job("default").items == []
    body = api.sanitize_for_serialization(job("typo"))
    body["spec"]["backofLimit"] = 1
    with pytest.raises(ApiError, match="unknown field .*spec.backofLimit"):        # the typed client refuses to send it
        Rest(stage.kubeconfig).call("POST", "/apis/batch/v1/namespaces/default/jobs?fieldValidation=Strict", body)
    core.create_namespaced_secret("default", client.V1Secret(metadata=client.V1ObjectMeta(name="s"), string_data={"a": "b"}))
    assert core.patch_namespaced_secret("s", "default", {"metadata": {"labels": {"x": "y"}}}).metadata.labels == {"x": "y"}


def test_namespace_volumes_events_and_rights(stage, api):
    core, rights = client.CoreV1Api(api), client.AuthorizationV1Api(api)
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name="ado")))
    core.create_persistent_volume({"metadata": {"name": "cache"}, "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"], "hostPath": {"path": "/c"}}})
    core.create_namespaced_persistent_volume_claim("ado", {"metadata": {"name": "claim"}, "spec": {"accessModes": ["ReadWriteMany"],
                                                                                                  "resources": {"requests": {"storage": "1Gi"}}}})
    client.EventsV1Api(api).create_namespaced_event("ado", client.EventsV1Event(
        metadata=client.V1ObjectMeta(name="e.1"), event_time=datetime.datetime.now(datetime.timezone.utc), reason="Created", action="Create", type="Normal",
        reporting_controller="ado-orchestrator.io/provisioner", reporting_instance="p-1", note="made"))
    stage.control.post("kube/deny", verb="delete", resource="jobs")
    ask = lambda verb: rights.create_self_subject_access_review(client.V1SelfSubjectAccessReview(spec=client.V1SelfSubjectAccessReviewSpec(
        resource_attributes=client.V1ResourceAttributes(namespace="ado", verb=verb, group="batch", resource="jobs")))).status.allowed
    assert (ask("create"), ask("delete")) == (True, False)
    core.delete_namespace("ado")
    stream = watch.Watch().stream(core.list_namespace, timeout_seconds=5)
    assert any(e["type"] == "DELETED" and e["object"].metadata.name == "ado" for e in stream) or \
        "ado" not in [n.metadata.name for n in core.list_namespace().items]


def test_leases_are_taken_by_one(api):
    leases = client.CoordinationV1Api(api)
    now = datetime.datetime.now(datetime.timezone.utc)
    body = lambda who: client.V1Lease(metadata=client.V1ObjectMeta(name="l"), spec=client.V1LeaseSpec(
        holder_identity=who, lease_duration_seconds=15, renew_time=now, acquire_time=now))
    results = []

    def take(who):
        try:
            results.append(leases.create_namespaced_lease("default", body(who)).spec.holder_identity)
        except ApiException as e:
            results.append(e.status)
    threads = [threading.Thread(target=take, args=(f"p{i}",)) for i in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert sorted(map(str, results))[:3] == ["409"] * 3
    lease = leases.read_namespaced_lease("l", "default")
    old = lease.metadata.resource_version
    lease.spec.lease_transitions = 1
    leases.replace_namespaced_lease("l", "default", lease)
    lease.metadata.resource_version = old
    with pytest.raises(ApiException) as stale:
        leases.replace_namespaced_lease("l", "default", lease)
    assert stale.value.status == 409
