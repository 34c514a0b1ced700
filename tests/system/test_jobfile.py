"""JOB_DEFINITION_FILE: what the file says reaches the API server; PV and PVC beside it; mistakes are told before the first job."""
import pytest

from tests.sim.kubeclient import ApiError
from tests.system.harness import wait_until

CACHED = """
apiVersion: batch/v1
kind: Job
metadata:
  name: custom-job
spec:
  template:
    spec:
      containers:
      - name: custom-job
        image: ghcr.io/akanieski/ado-pipelines-linux:0.0.1-preview
        volumeMounts:
          - mountPath: "/root/.nuget/packages"
            name: nuget-cache
      volumes:
        - name: nuget-cache
          persistentVolumeClaim:
            claimName: nuget-cache-claim
---
apiVersion: v1
kind: PersistentVolume
metadata:
  name: nuget-cache-%s
spec:
  capacity:
   storage: 10Gi
  accessModes:
   - ReadWriteMany
  hostPath:
    path: "/tmp/nuget-cache"
  storageClassName: slow

---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: nuget-cache-claim
spec:
  accessModes:
    - ReadWriteMany
  volumeMode: Filesystem
  resources:
    requests:
      storage: 10Gi
  storageClassName: slow
"""
CUSTOM = """
apiVersion: batch/v1
kind: Job
metadata:
  name: custom-job
spec:
  template:
    spec:
      containers:
      - name: custom-job
        image: ghcr.io/akanieski/ado-pipelines-linux:latest
        resources:
          requests:
            memory: "100Mi"
            cpu: "1"
          limits:
            memory: "200Mi"
            cpu: "2"
        env:
          - name: AZP_URL
            value: https://dev.azure.com/your-org
          - name: AZP_TOKEN
            value: pat
          - name: AZP_POOL
            value: Default
      restartPolicy: Never
"""


def with_file(system, tmp_path, text: str, **more):
    file = tmp_path / "job.yaml"
    file.write_text(text)
    s = system(JOB_DEFINITION_FILE=str(file), **more)
    del s.env["JOB_IMAGE"]
    return s


def test_the_sample_job(system, tmp_path):
    s = with_file(system, tmp_path, CUSTOM).start()
    [job] = s.queue(duration=0.1)
    s.expect_finished([job])
    s.expect_clean()
    [row] = s.jobs.rows()
    container = row["object"]["spec"]["template"]["spec"]["containers"][0]
    env = {e["name"]: e.get("value") for e in container["env"]}
    assert row["name"] == f"custom-job-linux-{job}" and container["resources"]["limits"] == {"memory": "200Mi", "cpu": "2"}
    assert (env["AZP_POOL"], env["AZP_TOKEN"], env["AZP_URL"]) == ("linux", "pat", s.stage.ado), "pool and URL are ours, the token is the file's"
    assert row["object"]["spec"]["backoffLimit"] == 0
    assert "job.yaml:" in s.log("provisioner"), "a differing AZP_POOL is told with file and line"


def test_the_sample_with_volumes(system, tmp_path):
    s = with_file(system, tmp_path, "")
    volume = f"nuget-cache-{s.namespace}"
    (tmp_path / "job.yaml").write_text(CACHED % s.namespace)
    s.start()
    [job] = s.queue(duration=0.1)
    s.expect_finished([job])
    s.expect_clean()
    claim = s.rest.call("GET", f"/api/v1/namespaces/{s.namespace}/persistentvolumeclaims/nuget-cache-claim")
    assert claim["spec"]["resources"]["requests"]["storage"] == "10Gi"
    assert s.rest.call("GET", f"/api/v1/persistentvolumes/{volume}")["spec"]["hostPath"]["path"] == "/tmp/nuget-cache"
    s.stop()
    s.start()
    [again] = s.queue(duration=0.1)
    s.expect_finished([again])
    assert s.rest.call("GET", f"/api/v1/persistentvolumes/{volume}")["metadata"]["uid"], "created once, never changed"
    s.rest.call("DELETE", f"/api/v1/persistentvolumes/{volume}")


@pytest.mark.parametrize("text,words", [
    (CUSTOM.replace("  template:", "  backofLimit: 1\n  template:", 1), "backofLimit"),
    (CUSTOM.replace("image:", "imagee:"), "imagee"),
    (CUSTOM + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n", "ConfigMap"),
    (CUSTOM.replace("spec:\n  template", "spec:\n  suspend: true\n  template", 1), "suspend"),
    ("kind: Job\n  bad: [\n", "job.yaml:"), ("", "job.yaml"), (CUSTOM.replace("value: Default", "value: 5"), "job.yaml")],
    ids=["unknown-field", "unknown-container-field", "other-kind", "suspend", "not-yaml", "empty", "number-for-string"])
def test_a_wrong_file_exits_78(system, tmp_path, text, words):
    s = with_file(system, tmp_path, text)
    run = s.run_alone("provisioner")
    out = run.stdout + run.stderr
    assert run.returncode == 78, out
    assert words in out
    assert not s.jobs.rows()


def test_a_missing_namespace_is_made_or_named(system):
    s = system(INITIALIZE_NAMESPACE="false").start()
    [job] = s.queue(duration=0.1)
    wait_until(lambda: "namespace" in s.reasons().get(job, "") or "namespace" in s.log("provisioner"), 15, "the missing namespace is named")
    with pytest.raises(ApiError):
        s.rest.call("GET", f"/api/v1/namespaces/{s.namespace}")
    s.make_namespace()
    s.expect_finished([job], 60)


def test_the_users_own_token_secret(system):
    s = system(AGENT_TOKEN_SECRET="agent-token/pat")
    s.make_namespace()
    s.rest.call("POST", f"/api/v1/namespaces/{s.namespace}/secrets", {"metadata": {"name": "agent-token"}, "stringData": {"pat": "read-pat"}})
    s.start()
    [job] = s.queue(duration=0.1)
    s.expect_finished([job])
    assert [x["metadata"]["name"] for x in s.rest.items(f"/api/v1/namespaces/{s.namespace}/secrets")] == ["agent-token"], "none of ours beside it"
