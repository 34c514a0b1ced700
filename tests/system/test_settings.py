"""Wrong settings: exit 78 and one sentence that names the setting."""
import re

import pytest

ROLE = "provisioner"


@pytest.mark.parametrize("changes,words", [
    ({"ORG_URL": None}, "ORG_URL"), ({"ORG_URL": "dev.azure.com/x"}, "ORG_URL"), ({"ORG_URL": "http://dev.azure.com/x"}, "ORG_URL"), ({"ORG_URL": "ftp://x/y"}, "ORG_URL"),
    ({"ORG_PAT": None}, "ORG_PAT"), ({"ORG_PAT": ""}, "ORG_PAT"), ({"ORG_PAT": "a b"}, "ORG_PAT"), ({"ORG_PAT_FILE": "/nonexistent"}, "ORG_PAT"),
    ({"AGENT_POOLS": ""}, "AGENT_POOLS"), ({"AGENT_POOLS": " , "}, "AGENT_POOLS"), ({"AGENT_POOLS": None}, "AGENT_POOLS"), ({"AGENT_POOLS": "a,a"}, "AGENT_POOLS"),
    ({"JOB_IMAGE": None}, "JOB_IMAGE"), ({"JOB_DEFINITION_FILE": "/nonexistent.yaml"}, "JOB_DEFINITION_FILE"),
    ({"POLLING_DELAY": "199"}, "POLLING_DELAY"), ({"POLLING_DELAY": "fast"}, "POLLING_DELAY"), ({"POLLING_DELAY": "-1"}, "POLLING_DELAY"),
    ({"JOB_RETENTION": "soon"}, "JOB_RETENTION"), ({"MINIMUM_AGENT_COUNT": "-1"}, "MINIMUM_AGENT_COUNT"), ({"MINIMUM_AGENT_COUNT": "1.5"}, "MINIMUM_AGENT_COUNT"),
    ({"JOB_PREFIX": "Agent_"}, "JOB_PREFIX"), ({"JOB_NAMESPACE": "Not Valid"}, "JOB_NAMESPACE"), ({"RUN_ONCE": "maybe"}, "RUN_ONCE"),
    ({"HOST_TYPE": "docker"}, "HOST_TYPE"), ({"JOB_OS": "beos"}, "JOB_OS"), ({"LOG_LEVEL": "loud"}, "LOG_LEVEL"), ({"CA_FILE": "/nonexistent"}, "CA_FILE"),
    ({"KUBECONFIG": "/nonexistent"}, "KUBECONFIG"), ({"CONFIG_FILE": "/nonexistent"}, "CONFIG_FILE"), ({"RUN_DIR": "/proc/nonexistent"}, "RUN_DIR"),
    ({"RUN_DIR": "/tmp/" + "x" * 120}, "RUN_DIR")], ids=lambda v: "-".join(f"{k}={str(x)[:20]}" for k, x in v.items()) if isinstance(v, dict) else None)
def test_a_bad_setting_exits_78_with_its_name(system, changes, words):
    run = system().run_alone(ROLE, **changes)
    text = run.stdout + run.stderr
    assert run.returncode == 78, text
    assert words.lower() in text.lower()
    assert "pat" != text.strip() and "Traceback" not in text


def test_tolerated_settings(system):
    """A trailing slash, a newline at the end of the token."""
    s = system()
    s.env |= {"ORG_URL": s.env["ORG_URL"] + "/", "ORG_PAT": "pat\n", "AGENT_POOLS": " linux , "}
    s.start()
    [job] = s.queue(duration=0.1)
    s.expect_finished([job])
    s.expect_clean()


def test_config_file_with_an_unknown_key(system, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("org_url: https://dev.azure.com/x\npoling_delay: 500\n")
    run = system().run_alone(ROLE, CONFIG_FILE=str(file))
    text = run.stdout + run.stderr
    assert run.returncode == 78 and re.search(r"config\.yaml:2:\d+", text) and "polling_delay" in text


def test_config_file_with_two_pools(system, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("""
pools:
- name: linux
  job_retention: 1
  templates:
  - name: gpu
    job_image: registry.example/gpu:1
    capabilities: {cuda: "12"}
  - name: plain
    job_image: registry.example/plain:1
    capabilities: [git]
- name: other
  job_image: registry.example/other:1
""")
    s = system(pools=("linux", "other"), CONFIG_FILE=str(file))
    del s.env["AGENT_POOLS"], s.env["JOB_IMAGE"]
    s.control.post("kubelet/rules", match="gpu:1", capabilities={"cuda": "12"})
    s.control.post("kubelet/rules", match="plain:1", capabilities={"git": "2"})
    s.start()
    gpu, plain, other = s.queue(demands=["cuda"], duration=0.1), s.queue(demands=["git"], duration=0.1), s.queue("other", duration=0.1)
    [nowhere] = s.queue(demands=["fpga"])
    s.expect_finished(gpu + plain + other, 30)
    images = {r["object"]["metadata"]["annotations"]["ado-orchestrator.io/request-id"]: r["object"]["spec"]["template"]["spec"]["containers"][0]["image"]
              for r in s.jobs.rows()}
    assert images == {str(gpu[0]): "registry.example/gpu:1", str(plain[0]): "registry.example/plain:1", str(other[0]): "registry.example/other:1"}
    assert "fpga" in s.reasons()[nowhere]


def test_check_prints_the_configuration_without_secrets(system):
    s = system(ORG_PAT="pat-that-nobody-may-see")
    s.control.post("settings", pats={"pat-that-nobody-may-see": "manage"})
    s.make_namespace()
    for role in ("watcher", "provisioner", "reaper"):
        run = s.run_alone(role, "--check")
        assert run.returncode == 0, run.stdout + run.stderr
        assert "nobody-may-see" not in run.stdout + run.stderr
        assert "linux" in run.stdout


def test_secrets_stay_out_of_logs_arguments_and_units(system):
    s = system(ORG_PAT="pat-that-nobody-may-see", LOG_LEVEL="debug")
    s.control.post("settings", pats={"pat-that-nobody-may-see": "manage"})
    s.start()
    [job] = s.queue(duration=0.1)
    s.expect_finished([job])
    assert "nobody-may-see" not in "".join(s.log(r) for r in ("watcher", "provisioner", "reaper"))
    assert "nobody-may-see" not in str([r["object"] for r in s.jobs.rows()]) + str(s.pods())
