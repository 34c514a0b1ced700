"""What was set up at the start and is gone later comes back; what seed.txt prints works as it is printed."""
import json
import pathlib
import time

import pytest

from tests.sim.podspec import SECRET_LIFE
from tests.system.harness import ROOT, wait_until

SEED = ROOT.parent / "shared" / "reference" / "seed.txt"


def test_the_tokens_secret_is_deleted(system):
    """Found out by the first unit that misses it, which the next attempt replaces."""
    s = system(JOB_RETENTION="0").start()
    [first] = s.queue(duration=0.1)
    s.expect_finished([first])
    [secret] = [x["metadata"]["name"] for x in s.rest.items(f"/api/v1/namespaces/{s.namespace}/secrets")]
    s.rest.call("DELETE", f"/api/v1/namespaces/{s.namespace}/secrets/{secret}")
    time.sleep(SECRET_LIFE)             # the kubelet, like a real one, keeps a Secret for a moment
    [second] = s.queue(duration=0.1)
    wait_until(lambda: "container-config" in s.reasons().get(second, ""), 15, "the unit misses it")
    wait_until(lambda: secret in [x["metadata"]["name"] for x in s.rest.items(f"/api/v1/namespaces/{s.namespace}/secrets")], 60, "the Secret is there again")
    s.expect_finished([second], 60)
    s.expect_clean()


def samples():
    """The two job files of seed.txt, byte for byte."""
    text = SEED.read_text()
    job = text[text.index("apiVersion: batch/v1\nkind: Job"):text.index("Running Serverless")]
    return {"job": job, "volumes": text[text.rindex("apiVersion: batch/v1"):text.index("Other examples of commonly")]}


@pytest.mark.skipif(not SEED.exists(), reason="seed.txt is not beside the checkout")
@pytest.mark.parametrize("which", ["job", "volumes"])
def test_the_samples_as_printed(system, tmp_path, which):
    file = tmp_path / "job.yaml"
    file.write_text(samples()[which])
    s = system(JOB_DEFINITION_FILE=str(file))
    del s.env["JOB_IMAGE"]
    s.control.post("settings", pats={"xxxqhugutbqvpoxxxicdab2ojaipkw6kexxxau57bybmvksp5jpq": "manage", "pat": "manage"})
    assert s.run_alone("provisioner", "--check").returncode == 0
    s.start()
    ids = s.queue(n=2, duration=0.1)
    s.expect_finished(ids)
    spec = s.jobs.rows()[0]["object"]["spec"]["template"]["spec"]
    assert spec["restartPolicy"] == "Never"
    if which == "volumes":
        assert spec["volumes"][0]["persistentVolumeClaim"]["claimName"] == "nuget-cache-claim"
        claim = s.rest.call("GET", f"/api/v1/namespaces/{s.namespace}/persistentvolumeclaims/nuget-cache-claim")
        assert claim["spec"]["volumeMode"] == "Filesystem" and claim["spec"]["storageClassName"] == "slow"
        assert s.rest.call("GET", "/api/v1/persistentvolumes/nuget-cache")["spec"]["hostPath"]["path"] == "/tmp/nuget-cache"
    s.expect_clean()
    s.expect_one_unit_each(ids)
    if which == "volumes":
        s.rest.call("DELETE", "/api/v1/persistentvolumes/nuget-cache")


def test_every_variable_of_the_seed(system, tmp_path):
    """POLLING_DELAY, JOB_PREFIX, JOB_DOCKER_SOCKET_PATH, AGENT_POOLS, JOB_IMAGE, JOB_NAMESPACE, ORG_URL and ORG_PAT as a user of the original sets them."""
    s = system(pools=("Pool1", "Pool2"), AGENT_POOLS="Pool1,Pool2", JOB_PREFIX="ci-", JOB_DOCKER_SOCKET_PATH="/var/run/docker.sock", POLLING_DELAY="2000",
               JOB_IMAGE="ghcr.io/akanieski/ado-pipelines-linux:latest").start()
    one, two = s.queue("Pool1", duration=0.1), s.queue("Pool2", duration=0.1)
    s.expect_finished(one + two)
    polls = [c["time"] for c in s.control.get("record")["calls"] if "jobrequests?" in c["path"] or c["path"].endswith("/jobrequests")]
    assert len(polls) >= 2
    names = sorted(r["name"] for r in s.jobs.rows())
    assert [(n[:8], n.rpartition("-")[2]) for n in names] == [("ci-pool1", str(one[0])), ("ci-pool2", str(two[0]))]
    for row in s.jobs.rows():
        pod = row["object"]["spec"]["template"]["spec"]
        assert row["object"]["metadata"]["namespace"] == s.namespace
        [container] = pod["containers"]
        env = {e["name"]: e.get("value", e.get("valueFrom")) for e in container["env"]}
        assert container["image"] == "ghcr.io/akanieski/ado-pipelines-linux:latest"
        assert env["AZP_URL"] == s.env["ORG_URL"] and env["AZP_POOL"] in ("Pool1", "Pool2") and "secretKeyRef" in env["AZP_TOKEN"]
        assert [m["mountPath"] for m in container["volumeMounts"]] == ["/var/run/docker.sock"]
        assert pod["volumes"][0]["hostPath"]["path"] == "/var/run/docker.sock"
        assert '"pat"' not in json.dumps(row["object"]), "the token is in the Secret only"
    s.expect_clean()


def test_the_file_and_the_environment(system, tmp_path):
    """Template over pool over environment over the file's top level; AGENT_POOLS beside a file selects among its pools."""
    file = tmp_path / "config.yaml"
    file.write_text("job_prefix: file-\njob_image: registry.example/top:1\npools:\n- name: a\n  templates:\n  - {name: t, job_image: 'registry.example/template:1'}\n"
                    "- name: b\n  job_image: registry.example/pool:1\n- name: c\n- name: d\n")
    s = system(pools=("a", "b", "c", "d"), CONFIG_FILE=str(file), AGENT_POOLS="a,b,c", JOB_IMAGE="registry.example/environment:1").start()
    ids = [s.queue(p, duration=0.1)[0] for p in "abc"]
    s.queue("d")
    s.expect_finished(ids)
    images = {r["object"]["metadata"]["annotations"]["ado-orchestrator.io/pool"]: r["object"]["spec"]["template"]["spec"]["containers"][0]["image"].split("/")[1]
              for r in s.jobs.rows()}
    assert images == {"a": "template:1", "b": "pool:1", "c": "environment:1"}
    assert all(r["name"].startswith("file-") for r in s.jobs.rows())
    assert [p["name"] for p in s.status()["pools"]] == ["a", "b", "c"]


def test_check_prints_what_can_be_loaded_again(system, tmp_path):
    s = system(MAXIMUM_AGENT_COUNT="7", LOG_FORMAT="json")
    s.make_namespace()
    printed = s.run_alone("provisioner", "--check").stdout
    file = pathlib.Path(tmp_path / "printed.yaml")
    file.write_text(printed)
    keep = {k: s.env[k] for k in ("PATH", "HOME", "ORG_PAT")}
    for name in set(s.env) - set(keep):
        del s.env[name]
    again = s.run_alone("provisioner", "--check", CONFIG_FILE=str(file))
    assert again.returncode == 0 and again.stdout == printed, again.stderr
