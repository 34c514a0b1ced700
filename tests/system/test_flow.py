"""From a queued job to an agent and back to nothing."""
from tests.system.harness import wait_until


def test_one_job_end_to_end(system):
    s = system().start()
    [job] = s.queue(duration=0.3)
    s.expect_finished([job])
    s.expect_clean()
    s.expect_one_unit_each([job])
    assert s.ado_jobs()[job]["agent"].startswith("agent-job-linux")
    assert s.stop() == {"reaper": 0, "provisioner": 0, "watcher": 0}


def test_a_burst_of_100(system):
    s = system().start()
    ids = s.queue(n=100, duration=0.2)
    s.expect_finished(ids, 40)
    s.expect_clean(40)
    s.expect_one_unit_each(ids)
    assert s.kubelet()["stats"]["registered"] == 100


def test_two_pools(system):
    s = system(pools=("linux", "Windows Build (x64)")).start()
    linux, windows = s.queue("linux", 3, duration=0.2), s.queue("Windows Build (x64)", 3, duration=0.2)
    s.expect_finished(linux + windows)
    jobs = s.ado_jobs()
    assert {jobs[i]["pool"] for i in linux} == {"linux"} and {jobs[i]["pool"] for i in windows} == {"Windows Build (x64)"}
    s.expect_clean()
    s.expect_one_unit_each(linux + windows)


def test_images_that_register_under_their_host_name(system):
    s = system().start()
    s.control.post("kubelet/behaviour", use_hostname=True)
    ids = s.queue(n=5, duration=0.3)
    s.expect_finished(ids)
    s.expect_clean()
    s.expect_one_unit_each(ids)
    assert all(j["agent"] == j["host"] for j in s.ado_jobs().values())


def test_a_failed_job_is_still_one_unit(system):
    s = system().start()
    [job] = s.queue(duration=0.2, outcome="failed")
    wait_until(lambda: s.finished([job], "failed"), 15, "job failed")
    s.expect_clean()
    s.expect_one_unit_each([job])


def test_cancelled_before_its_container_starts(system):
    s = system().start()
    s.control.post("kubelet/rules", match="linux", trouble="pending")
    [job] = s.queue()
    wait_until(s.units, 10, "its Job")
    s.control.post(f"jobs/{job}/cancel")
    wait_until(lambda: not s.units(), 10, "Job deleted")
    s.expect_clean()
    s.expect_one_unit_each([job])


def test_cancelled_while_it_runs(system):
    s = system().start()
    [job] = s.queue(duration=600)
    wait_until(lambda: s.ado_jobs()[job]["received"], 15, "job received")
    s.control.post(f"jobs/{job}/cancel")
    s.expect_clean()
    assert s.kubelet()["stats"]["jobs"] == 1


def test_servers_that_ignore_completed_request_count(system):
    s = system()
    s.control.post("history", pool="linux", n=500)
    s.control.post("settings", ignore_completed_count=True)
    s.start()
    ids = s.queue(n=3, duration=0.2)
    s.expect_finished(ids)
    s.expect_clean()
    s.expect_one_unit_each(ids)


def test_retention_keeps_an_ended_unit(system):
    s = system(JOB_RETENTION="3").start()
    [job] = s.queue(duration=0.1)
    s.expect_finished([job])
    finished = s.ado_jobs()[job]["finished"]
    wait_until(lambda: not s.units(), 15, "Job deleted")
    [row] = s.jobs.rows()
    assert row["deleted"] - finished >= 2.5, "deleted before its retention was over"
    s.expect_clean()


def test_a_demand_of_the_image_reaches_the_agent(system, tmp_path):
    """Capabilities of a template come from its environment: here a job file."""
    file = tmp_path / "job.yaml"
    file.write_text("""
apiVersion: batch/v1
kind: Job
metadata: {name: tools}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: agent
        image: registry.example/agent:1
        env:
        - {name: kubectl, value: "1.36"}
""")
    s = system(JOB_DEFINITION_FILE=str(file)).start()
    [job] = s.queue(duration=0.1, demands=["kubectl -equals 1.36"])
    s.expect_finished([job])
    s.expect_clean()
    assert s.ado_jobs()[job]["agent"].startswith("tools")


def test_a_slow_confirmation_makes_no_second_unit(system):
    """A request that has left the list is asked for by id before it counts as gone; until the answer, its ended unit still stands for it."""
    s = system(POLLING_DELAY="1000", AGENTS_DELAY="60").start()       # no poll falls into the short life of the agent
    s.control.post("faults", shape="delay", verb="GET", path=r"jobrequests/\d+", delay=1.5)
    ids = s.queue(n=5, duration=0.05)
    s.expect_finished(ids)
    s.expect_clean()
    s.expect_one_unit_each(ids)
