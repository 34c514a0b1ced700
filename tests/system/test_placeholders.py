"""Scale to zero: Azure DevOps fails a job when it is queued and no registered agent, offline ones included, satisfies it. So each template keeps one."""
from tests.system.harness import PLACEHOLDER, wait_until
from tests.system.test_lease import QUICK, two

JOB = """
apiVersion: batch/v1
kind: Job
metadata: {{name: {name}}}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: agent
        image: registry.example/agent:1
        env: [{{name: {capability}, value: "12"}}]
"""


def prepare(system, pools=("linux",), **env):
    s = system(pools=pools, **env)
    s.control.post("settings", require_match=True)
    return s


def write_templates(s, *capabilities: str) -> None:
    """One template for each capability; its agents have it."""
    lines = ["pools:", "- name: linux", "  templates:"]
    for c in capabilities:
        file = s.dir / f"{c}.yaml"
        file.write_text(JOB.format(name=f"{c}-", capability=c))
        lines += [f"  - name: {c}", f"    job_definition_file: {file}", f"    capabilities: {{{c}: 12}}"]
    config = s.dir / "config.yaml"
    config.write_text("\n".join(lines) + "\n")
    s.env["CONFIG_FILE"] = str(config)
    s.env.pop("JOB_IMAGE", None)


def with_templates(system, *capabilities: str, **env):
    s = prepare(system, **env)
    write_templates(s, *capabilities)
    return s.start()


def expect_placeholders(s, n: int, deadline: float = 15) -> list[dict]:
    wait_until(lambda: len(s.placeholders()) == n, deadline, f"{n} placeholders")
    return s.placeholders()


def provisioner(s) -> dict:
    return s.status().get("processes", {}).get("provisioner", {})


def kept(s) -> int:
    return provisioner(s).get("counters", {}).get("placeholders", -1)


def notes(s) -> list[str]:
    return [n for n in provisioner(s).get("notes", []) if "placeholder" in n]


def writes(s) -> list[str]:
    """What the provisioner wrote to Azure DevOps."""
    calls = s.control.get("record")["calls"]
    return [f"{c['verb']} {c['status']}" for c in calls if c["verb"] != "GET" and "provisioner" in c["agent"] and "/agents" in c["path"]]


def lists(s) -> int:
    return sum(c["path"].partition("?")[0].endswith("/agents") and c["verb"] == "GET" for c in s.control.get("record")["calls"])


def warnings(s) -> list[str]:
    return [line for line in s.log("provisioner").splitlines() if "level=warn" in line and "scale to zero" in line]


def test_a_job_is_queued_on_an_empty_pool(system):
    s = prepare(system)
    [refused] = s.queue(duration=0.2)
    assert s.finished([refused], "failed"), "the stand-in plays the rule that this is all about"
    s.start()
    [placeholder] = expect_placeholders(s, 1)
    assert placeholder["online"] is False and placeholder["name"].startswith(provisioner(s)["instance"])
    assert placeholder["capabilities"].items() >= {"Agent.OS": "Linux", "Agent.Version": "99.999.9", PLACEHOLDER: "1"}.items()
    ids = s.queue(n=3, duration=0.2, demands=["Agent.Version -gtVersion 4.200.1"])
    s.expect_finished(ids)
    s.expect_clean()
    s.expect_one_unit_each(ids)
    assert [p["id"] for p in s.placeholders()] == [placeholder["id"]]


def test_the_capabilities_of_a_template_decide(system):
    s = with_templates(system, "java")
    expect_placeholders(s, 1)
    [job] = s.queue(demands=["cuda"])
    assert s.finished([job], "failed")
    s.stop("provisioner")
    write_templates(s, "java", "cuda")
    s.start("provisioner")
    expect_placeholders(s, 2)
    [job] = s.queue(demands=["cuda"], duration=0.2)
    s.expect_finished([job])
    s.expect_clean()
    assert s.ado_jobs()[job]["agent"].startswith("cuda-")


def test_deleted_by_hand(system):
    s = with_templates(system, "java", "cuda")
    first, second = expect_placeholders(s, 2)
    s.control.delete(f"agents/{first['id']}")
    found = expect_placeholders(s, 2, 5)
    assert {p["name"] for p in found} == {first["name"], second["name"]}
    assert second["id"] in {p["id"] for p in found}
    assert "registered again" in s.log("provisioner")


def test_capabilities_that_changed_are_replaced(system):
    s = with_templates(system, "java")
    [before] = expect_placeholders(s, 1)
    s.stop("provisioner")
    write_templates(s, "java")
    config = s.dir / "config.yaml"
    config.write_text(config.read_text().replace("{java: 12}", "{java: 17, maven: ''}"))
    s.start("provisioner")
    wait_until(lambda: s.placeholders()[0]["capabilities"].get("java") == "17", 10, "replaced")
    [after] = s.placeholders()
    assert after["id"] == before["id"] and after["name"] == before["name"] and after["capabilities"]["maven"] == ""


def test_a_restart_writes_nothing(system):
    s = with_templates(system, "java", "cuda")
    expect_placeholders(s, 2)
    for _ in range(2):
        s.stop("provisioner")
        s.start("provisioner")
        wait_until(lambda: kept(s) == 2, 10, "both are kept")
    assert writes(s) == ["POST 200", "POST 200"]


def test_a_template_that_left(system):
    s = with_templates(system, "java", "cuda")
    expect_placeholders(s, 2)
    s.control.post("agents", pool="linux", name="elsewhere-placeholder", online=False, capabilities={PLACEHOLDER: "1", "ADO_ORCHESTRATOR_INSTANCE": "other"})
    s.control.post("kubelet/rules", match="java", trouble="pending")
    [job] = s.queue(demands=["java"])
    wait_until(s.units, 10, "its Job")
    s.stop("provisioner")
    write_templates(s, "java")
    s.start("provisioner")
    wait_until(lambda: kept(s) == 1, 10, "the other one is kept")
    [waiting] = s.queue(demands=["cuda"])
    assert not s.ado_jobs()[waiting]["result"], "while a request waits, nothing is taken away"
    wait_until(lambda: s.reasons().get(waiting, "").startswith("no-template"), 10, "it waits with a reason")
    assert len(s.placeholders()) == 3
    s.control.post(f"jobs/{waiting}/cancel")
    s.control.post(f"jobs/{job}/cancel")
    left = expect_placeholders(s, 2)
    assert {p["capabilities"].get("java") for p in left} == {"12", None}
    assert "elsewhere-placeholder" in {p["name"] for p in left}, "another instance's stays"
    assert writes(s) == ["POST 200", "POST 200", "DELETE 200"]


def test_off(system):
    s = with_templates(system, "java", "cuda")
    expect_placeholders(s, 2)
    s.stop("provisioner")
    s.env["PLACEHOLDERS"] = "0"
    s.start("provisioner")
    expect_placeholders(s, 0)
    [job] = s.queue(demands=["java"])
    assert s.finished([job], "failed")


def test_off_from_the_start(system):
    s = prepare(system, PLACEHOLDERS="0").start()
    s.control.post("settings", require_match=False)
    ids = s.queue(n=2, duration=0.2)
    s.expect_finished(ids)
    s.expect_clean()
    assert writes(s) == [] and provisioner(s)["counters"]["ado_calls"] == 0


def test_a_credential_that_may_not_manage_agents(system):
    s = prepare(system, pools=("linux", "other"), ORG_PAT="read-pat").start()
    s.control.post("settings", require_match=False)
    note = wait_until(lambda: notes(s), 15, "a note")
    assert len(note) == 1 and "PLACEHOLDERS=0" in note[0]
    ids = s.queue("linux", n=2, duration=0.2) + s.queue("other", n=2, duration=0.2)
    s.expect_finished(ids)
    s.expect_one_unit_each(ids)
    wait_until(lambda: not s.units(), 20, "all Jobs deleted")
    assert len(warnings(s)) == 1 and s.placeholders() == []
    assert writes(s) == ["POST 403", "POST 403"], "once for each pool"


def test_what_fails_for_a_while_is_tried_again(system):
    s = prepare(system)
    s.control.post("faults", shape="status", verb="POST", path=r"/agents", times=2, status=503)
    s.start()
    expect_placeholders(s, 1)
    wait_until(lambda: not notes(s), 10, "nothing to note")
    assert len(warnings(s)) == 1 and "are kept again" in s.log("provisioner")


def test_a_placeholder_is_no_unit_and_no_agent_to_clean_up(system):
    s = prepare(system, IDLE_GRACE="1").start()
    [placeholder] = expect_placeholders(s, 1)
    [job] = s.queue(duration=0.2)
    s.expect_finished([job])
    s.expect_clean()
    s.control.post(f"agents/{placeholder['id']}/enabled", enabled=False)       # somebody disables it: it still counts for Azure DevOps
    before = lists(s)
    wait_until(lambda: lists(s) >= before + 3, 15, "three more lists of agents")
    status = s.status()
    assert status["units"] == [] and status["pools"][0]["starting"] == status["pools"][0]["busy"] == 0
    assert writes(s) == ["POST 200"]
    assert [p["id"] for p in s.placeholders()] == [placeholder["id"]]


def test_run_once_leaves_its_placeholder(system):
    s = prepare(system, RUN_ONCE="1").start()
    assert [s.wait_exit(role) for role in ("provisioner", "watcher", "reaper")] == [0, 0, 0]
    assert len(s.placeholders()) == 1


def test_only_the_leader_writes_placeholders(system):
    s, a, b = two(system, **QUICK)
    [placeholder] = expect_placeholders(s, 1)
    assert b.status()["counters"]["ado_calls"] == 0
    a.kill()
    wait_until(lambda: b.leads() and b.status()["counters"]["placeholders"] == 1, 20, "the second leads and has seen to it")
    assert [p["id"] for p in s.placeholders()] == [placeholder["id"]] and writes(s) == ["POST 200"]
