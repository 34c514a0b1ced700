"""The Job that a unit is: every default is in the object, and what a job file says is what kubectl would have made of it."""
import base64
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from tests.system.harness import REAL, wait_until

real_only = pytest.mark.skipif(not REAL, reason="needs a real API server")
OURS = "ado-orchestrator.io/"

RICH = r"""# what people write
apiVersion: batch/v1
kind: Job
metadata:
  name: rich
  labels: {team: build, "yes": "on", version: "1.10"}
  annotations:
    note: |
      two lines
        and an indent
    folded: >-
      one
      line
    empty: ""
spec:
  activeDeadlineSeconds: 86400
  ttlSecondsAfterFinished: 7200
  podReplacementPolicy: TerminatingOrFailed
  template:
    metadata:
      labels: {team: build}
      annotations: {sidecar.istio.io/inject: "false"}
    spec:
      restartPolicy: Never
      serviceAccountName: builder
      automountServiceAccountToken: true
      priorityClassName: ""
      terminationGracePeriodSeconds: 0x1E
      hostAliases: [{ip: 10.1.2.3, hostnames: [cache.example, 'registry.example']}]
      dnsConfig: {options: [{name: ndots, value: "1"}]}
      imagePullSecrets: [{name: regcred}]
      nodeSelector: {kubernetes.io/arch: amd64}
      tolerations:
      - {key: ci, operator: Exists, effect: NoSchedule}
      - {key: spot, operator: Equal, value: "true", effect: NoExecute, tolerationSeconds: 30}
      affinity:
        nodeAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
          - weight: 1
            preference: {matchExpressions: [{key: zone, operator: In, values: [a, b]}]}
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {team: build}}}
      securityContext: {fsGroup: 1000, runAsUser: 1000, supplementalGroups: [1, 2], sysctls: [{name: net.ipv4.ping_group_range, value: 0 2147483647}]}
      initContainers:
      - name: prepare
        image: "registry.example/prepare:1"
        command: [sh, -c, "echo \"caf\u00e9 $(HOME)\"; : '\t'"]
        volumeMounts: [{name: work, mountPath: /w}]
      - name: sidecar
        image: registry.example/dind:1
        restartPolicy: Always
        securityContext: {privileged: true}
      containers:
      - name: agent
        image: registry.example/agent@sha256:0123456789012345678901234567890123456789012345678901234567890123
        imagePullPolicy: Always
        args: &args ["--flag=yes", "on", "1.0", "~", "null"]
        env:
        - {name: PLAIN, value: "0123"}
        - {name: MULTI, value: "a\nb"}
        - {name: UMLAUT, value: "gr\u00fc\u00df \U0001F600"}
        - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
        - {name: CPU, valueFrom: {resourceFieldRef: {containerName: agent, resource: limits.cpu, divisor: 1m}}}
        - {name: OPTIONAL, valueFrom: {secretKeyRef: {name: s, key: k, optional: true}}}
        - {name: AZP_TOKEN, valueFrom: {secretKeyRef: {name: own, key: pat}}}
        - {name: EMPTY}
        envFrom: [{configMapRef: {name: cm, optional: true}, prefix: CM_}]
        resources: {requests: {cpu: 0.5, memory: 1.5Gi, ephemeral-storage: 1e9}, limits: {cpu: 2, memory: 2147483648}}
        ports: [{containerPort: 0o17620, name: debug}]
        lifecycle: {preStop: {exec: {command: ["sleep", "5"]}}}
        startupProbe: {httpGet: {path: /, port: debug}, failureThreshold: 30}
        livenessProbe: {tcpSocket: {port: 8080}, periodSeconds: 10}
        volumeMounts:
        - {name: work, mountPath: /work, subPathExpr: $(NODE)}
        - {name: socket, mountPath: /var/run/docker.sock, readOnly: true}
        terminationMessagePath: /dev/log
      - name: helper
        image: registry.example/helper:1
        args: *args
        stdin: true
        tty: no
      volumes:
      - {name: work, emptyDir: {sizeLimit: 10Gi, medium: Memory}}
      - {name: socket, hostPath: {path: /var/run/docker.sock, type: Socket}}
      - name: all
        projected:
          defaultMode: 0440
          sources:
          - {serviceAccountToken: {path: token, expirationSeconds: 3600, audience: x}}
          - {downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}
          - {configMap: {name: cm, optional: true, items: [{key: a, path: b, mode: 0644}]}}
      - name: ephemeral
        ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}
  backoffLimit: 0
  completions: 1
  parallelism: 1
"""


def kubectl() -> str:
    cached = pathlib.Path(os.environ.get("CLUSTER_CACHE", pathlib.Path.home() / ".cache/ado-orchestrator/cluster-1.36.3")) / "bin/kubectl"
    return str(cached) if cached.exists() else shutil.which("kubectl") or ""


def server_side(job: dict) -> dict:
    """Without what the server and its controllers give each object of its own."""
    job = json.loads(json.dumps(job))
    job.pop("status", None)
    for key in ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "name", "namespace"):
        job["metadata"].pop(key, None)
    job["spec"].pop("selector", None)
    job["spec"].pop("suspend", None)
    for meta in (job["metadata"], job["spec"]["template"]["metadata"]):
        meta.pop("creationTimestamp", None)
        for kind in ("labels", "annotations"):
            meta[kind] = {k: v for k, v in (meta.get(kind) or {}).items() if not k.startswith(OURS) and "batch.kubernetes.io" not in k
                          and k not in ("controller-uid", "job-name", "app.kubernetes.io/managed-by")}
    return job


def without_our_env(job: dict) -> dict:
    for container in job["spec"]["template"]["spec"]["containers"]:
        container["env"] = [e for e in container.get("env", []) if e["name"] not in ("AZP_URL", "AZP_POOL", "AZP_AGENT_NAME", "ADO_ORCHESTRATOR_INSTANCE")]
    return job


@real_only
@pytest.mark.skipif(not kubectl(), reason="needs kubectl")
def test_a_rich_job_file_reaches_the_server_as_from_kubectl(system, tmp_path):
    (tmp_path / "job.yaml").write_text(RICH)
    s = system(JOB_DEFINITION_FILE=str(tmp_path / "job.yaml"))
    del s.env["JOB_IMAGE"]
    s.make_namespace()
    made = subprocess.run([kubectl(), "--kubeconfig", str(s.stage.kubeconfig), "-n", s.namespace, "create", "-f", str(tmp_path / "job.yaml"), "-o", "json"],
                          capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    s.start()
    [job] = s.queue(duration=0.1)
    ours = wait_until(lambda: [u["object"] for u in s.units() if u["object"]["metadata"]["name"] == f"rich-linux-{job}"], 20, "its unit")[0]
    theirs = server_side(json.loads(made.stdout))
    for container in theirs["spec"]["template"]["spec"]["containers"]:
        container.setdefault("env", [])
    assert without_our_env(server_side(ours)) == theirs
    assert "warning" not in s.log("provisioner"), "nothing of it is overridden"


def env_of(container: dict) -> dict:
    return {e["name"]: e.get("value", e.get("valueFrom")) for e in container["env"]}


def test_the_default_job(system):
    s = system(JOB_DOCKER_SOCKET_PATH="/var/run/docker.sock", INSTANCE="audit").start()
    [job] = s.queue(duration=0.1, demands=["Agent.OS -equals Linux"])
    unit = wait_until(lambda: [u["object"] for u in s.jobs.rows()], 20, "a unit")[0]
    spec, name = unit["spec"], f"agent-job-linux-{job}"
    pod = spec["template"]["spec"]
    [container] = pod["containers"]
    assert unit["metadata"]["name"] == name
    assert (spec["backoffLimit"], spec["completions"], spec["parallelism"]) == (0, 1, 1)
    assert spec["ttlSecondsAfterFinished"] > 2 and "activeDeadlineSeconds" not in spec
    assert pod["restartPolicy"] == "Never" and pod["automountServiceAccountToken"] is False and pod["terminationGracePeriodSeconds"] == 60
    assert pod["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["image"] == "registry.example/agent:1" and container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert pod["volumes"] == [{"name": "docker-socket", "hostPath": {"path": "/var/run/docker.sock", "type": "Socket"}}]
    assert container["volumeMounts"] == [{"name": "docker-socket", "mountPath": "/var/run/docker.sock"}]
    env = env_of(container)
    token = env.pop("AZP_TOKEN")["secretKeyRef"]
    assert token == {"name": "ado-orchestrator-audit-token", "key": "token"}
    assert env == {"AZP_URL": s.stage.ado, "AZP_POOL": "linux", "AZP_AGENT_NAME": name, "ADO_ORCHESTRATOR_INSTANCE": "audit"}
    eviction = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "karpenter.sh/do-not-disrupt": "true"}
    assert spec["template"]["metadata"]["annotations"].items() >= eviction.items()
    for meta in (unit["metadata"], spec["template"]["metadata"]):
        assert meta["labels"].items() >= {"app.kubernetes.io/managed-by": "ado-orchestrator", OURS + "instance": "audit", OURS + "pool-id": "12",
                                          OURS + "template": "default"}.items()
        notes = meta["annotations"]
        assert (notes[OURS + "pool"], notes[OURS + "request-id"], notes[OURS + "attempt"]) == ("linux", str(job), "1")
        assert len(notes[OURS + "template-hash"]) == 16 and "Agent.OS -equals Linux" in notes[OURS + "demands"] and notes[OURS + "queue-time"].endswith("Z")
    secret = s.rest.call("GET", f"/api/v1/namespaces/{s.namespace}/secrets/{token['name']}")
    assert list(secret["data"]) == ["token"] and secret["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "ado-orchestrator"
    s.expect_finished([job])
    s.expect_clean()


def test_the_secret_follows_the_pat(system, tmp_path):
    token = tmp_path / "pat"
    token.write_text("pat")
    s = system(ORG_PAT_FILE=str(token), INSTANCE="audit")
    del s.env["ORG_PAT"]
    s.start()

    def held():
        path = f"/api/v1/namespaces/{s.namespace}/secrets"
        return [base64.b64decode(x["data"]["token"]).decode() for x in s.rest.items(path) if x["metadata"]["name"] == "ado-orchestrator-audit-token"]
    wait_until(lambda: held() == ["pat"], 15, "the Secret is made")
    token.write_text("read-pat\n")
    wait_until(lambda: held() == ["read-pat"], 30, "the Secret follows the file")
    s.stop("provisioner")
    token.write_text("pat")
    s.start("provisioner")
    wait_until(lambda: held() == ["pat"], 15, "and a restart")
