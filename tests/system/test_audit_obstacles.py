"""What stands in the way of units on a real API server: each obstacle has its own code and the server's words, and the reason goes when the obstacle goes."""
import uuid

import pytest

from tests.sim.kubeclient import ApiError
from tests.system.harness import REAL, wait_until

real_only = pytest.mark.skipif(not REAL, reason="needs a real API server")
RBAC = "/apis/rbac.authorization.k8s.io/v1"
POLICIES = "/apis/admissionregistration.k8s.io/v1"
RULES = [{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list", "watch", "create"]},
         {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
         {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "create", "update"]},
         {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]}]


def reason(s, job: int, code: str, *words: str, deadline: float = 20) -> str:
    def look():
        text = s.reasons().get(job, "")
        return text if text.startswith(code + " ") and all(w in text for w in words) else ""
    try:
        return wait_until(look, deadline, f"reason {code} {words}")
    except AssertionError:
        raise AssertionError(f"reason {code} {words}: {s.reasons()}") from None


def expect_clear(s, job: int) -> None:
    """The job runs and nothing is left of the reason."""
    s.expect_finished([job], 60)
    wait_until(lambda: s.status()["pools"][0]["state"] == "ok", 10, "the pool is ok again")
    assert s.reasons() == {} and not s.status()["pools"][0].get("reason")


def call(s, verb: str, path: str, body=None):
    try:
        return s.rest.call(verb, path, body)
    except ApiError as e:
        if e.code not in (404, 409):
            raise


def as_user(s) -> None:
    """The provisioner as the cluster's user without rights."""
    file = s.dir / "user.kubeconfig"
    file.write_text(open(s.stage.kubeconfig).read().replace("admintoken", "usertoken"))
    s.env["KUBECONFIG"] = str(file)


def grant(s, rules=None) -> None:
    call(s, "POST", f"{RBAC}/namespaces/{s.namespace}/roles", {"metadata": {"name": "azp"}, "rules": rules or RULES})
    call(s, "POST", f"{RBAC}/namespaces/{s.namespace}/rolebindings", {
        "metadata": {"name": "azp"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "azp"},
        "subjects": [{"kind": "User", "name": "user", "apiGroup": "rbac.authorization.k8s.io"}]})


@real_only
def test_quota(system):
    s = system()
    s.quota(count__jobs_batch="0")
    s.start()
    [job] = s.queue(duration=0.1)
    reason(s, job, "quota", "exceeded quota")
    s.rest.call("DELETE", f"/api/v1/namespaces/{s.namespace}/resourcequotas/quota")
    expect_clear(s, job)


@real_only
def test_a_quota_that_nobody_waits_for_any_more_is_not_told(system):
    s = system()
    s.quota(count__jobs_batch="0")
    s.start()
    [job] = s.queue(duration=0.1)
    reason(s, job, "quota")
    s.control.post(f"jobs/{job}/cancel")
    wait_until(lambda: s.status()["pools"][0]["state"] == "ok", 20, "nobody waits: the pool is ok")


@real_only
def test_create_is_not_allowed(system):
    s = system()
    s.make_namespace()
    as_user(s)
    grant(s, [r | {"verbs": [v for v in r["verbs"] if (r["resources"], v) != (["jobs"], "create")]} for r in RULES])
    s.start()
    [job] = s.queue(duration=0.1)
    reason(s, job, "rbac", 'cannot create resource "jobs"')
    s.rest.call("DELETE", f"{RBAC}/namespaces/{s.namespace}/roles/azp")
    grant(s)
    expect_clear(s, job)


@real_only
def test_nothing_is_allowed(system):
    s = system()
    s.make_namespace()
    as_user(s)
    s.start()
    [job] = s.queue(duration=0.1)
    reason(s, job, "rbac", 'cannot list resource "jobs"')
    grant(s)
    expect_clear(s, job)


@real_only
def test_admission(system):
    s = system()
    s.make_namespace()
    name = f"azp-{uuid.uuid4().hex[:8]}"
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": s.namespace}}}
    s.rest.call("POST", f"{POLICIES}/validatingadmissionpolicies", {"metadata": {"name": name}, "spec": {
        "failurePolicy": "Fail", "matchConstraints": {"resourceRules": [{"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["jobs"]}]} | here,
        "validations": [{"expression": "false", "message": "only signed images"}]}})
    s.rest.call("POST", f"{POLICIES}/validatingadmissionpolicybindings", {"metadata": {"name": name}, "spec": {
        "policyName": name, "validationActions": ["Deny"], "matchResources": here}})
    try:
        wait_until(lambda: denied(s), 20, "the policy is in force")
        s.start()
        [job] = s.queue(duration=0.1)
        reason(s, job, "admission", "only signed images")
    finally:
        s.rest.call("DELETE", f"{POLICIES}/validatingadmissionpolicybindings/{name}")
        s.rest.call("DELETE", f"{POLICIES}/validatingadmissionpolicies/{name}")
    expect_clear(s, job)


def denied(s) -> bool:
    probe = {"metadata": {"name": "probe"}, "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}}}}
    try:
        s.rest.call("POST", f"/apis/batch/v1/namespaces/{s.namespace}/jobs?dryRun=All", probe)
    except ApiError as e:
        return "only signed images" in str(e)
    return False


@real_only
def test_the_namespace_is_deleted_and_made_anew(system):
    s = system().start()
    [first] = s.queue(duration=0.1)
    s.expect_finished([first])
    s.rest.call("DELETE", f"/api/v1/namespaces/{s.namespace}")
    [second] = s.queue(duration=0.1)
    expect_clear(s, second)
    assert s.rest.call("GET", f"/api/v1/namespaces/{s.namespace}")["status"]["phase"] == "Active"


@real_only
def test_a_missing_namespace_that_may_not_be_made(system):
    s = system(INITIALIZE_NAMESPACE="false").start()
    [job] = s.queue(duration=0.1)
    reason(s, job, "namespace", "INITIALIZE_NAMESPACE")
    s.make_namespace()
    expect_clear(s, job)


@real_only
def test_the_namespace_goes_for_good_and_comes_back(system):
    """INITIALIZE_NAMESPACE=false: somebody else deletes and makes it while we run."""
    s = system(INITIALIZE_NAMESPACE="false")
    s.make_namespace()
    s.start()
    [first] = s.queue(duration=0.1)
    s.expect_finished([first])
    s.rest.call("DELETE", f"/api/v1/namespaces/{s.namespace}")
    [job] = s.queue(duration=0.1)
    reason(s, job, "namespace")
    wait_until(lambda: namespace_gone(s), 30, "the namespace is gone")
    s.make_namespace()
    expect_clear(s, job)


def namespace_gone(s) -> bool:
    try:
        s.rest.call("GET", f"/api/v1/namespaces/{s.namespace}")
    except ApiError as e:
        return e.code == 404
    return False
