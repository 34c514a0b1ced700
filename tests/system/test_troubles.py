"""Units that do not start: the reason is visible, nothing is lost, the job runs when the cause is gone."""
import pytest

from tests.system.harness import wait_until


def reason_of(s, job: int, *words: str):
    """Waits until the reason of a request has one of the words."""
    return wait_until(lambda: next((t for t in [s.reasons().get(job, "")] if any(w in t for w in words)), ""), 20, f"a reason with {words}")


@pytest.mark.parametrize("trouble,words", [("image-pull", ("image-pull",)), ("image-name", ("image-name",)), ("config-error", ("container-config",)),
                                           ("crash", ("crash",)), ("oom", ("oom",)), ("evicted", ("evicted",)), ("unschedulable", ("unschedulable",))])
def test_the_reason_is_visible_and_the_job_runs_when_it_is_gone(system, trouble, words):
    s = system().start()
    s.control.post("kubelet/rules", match="linux", trouble=trouble, recover_after=4.0 if trouble == "unschedulable" else 0)
    [job] = s.queue(duration=0.1)
    reason_of(s, job, *words)
    s.control.delete("kubelet/rules")
    s.expect_finished([job], 60)
    s.expect_clean(60)


def test_an_image_pull_error_shows_the_clusters_words(system):
    s = system(JOB_IMAGE="registry.example/agent:trouble-image-pull").start()
    [job] = s.queue()
    assert "not found" in reason_of(s, job, "image-pull")


def test_a_quota_holds_units_back_and_lets_them_in_one_by_one(system):
    s = system()
    s.quota(count__jobs_batch="2")
    s.start()
    ids = s.queue(n=6, duration=0.3)
    reason_of(s, ids[-1], "quota")
    wait_until(lambda: len(s.units()) == 2, 10, "two units")
    s.expect_finished(ids, 60)
    s.expect_clean()
    s.expect_one_unit_each(ids)


@pytest.mark.sim_only
def test_missing_rights_are_named(system):
    s = system()
    s.make_namespace()
    s.control.post("kube/deny", verb="create", resource="jobs")
    s.start()
    [job] = s.queue(duration=0.1)
    assert "jobs" in reason_of(s, job, "rbac")
    s.control.delete("kube/deny")
    s.expect_finished([job], 60)
    s.expect_clean()


@pytest.mark.sim_only
@pytest.mark.parametrize("shape", ["429-text", "status", "504", "reset", "done-504", "hang", "html", "cut", "webhook"])
def test_a_create_that_fails_makes_one_unit_in_the_end(system, shape):
    """Also when the API server made the Job but the reply was lost."""
    s = system().start()
    wait_until(lambda: s.status().get("pools"), 10, "running")
    s.control.post("kube/faults", shape=shape, verb="POST", path=r"/jobs(\?|$)(?!.*dryRun)", times=3)
    ids = s.queue(n=6, duration=0.1)
    s.expect_finished(ids, 90)
    s.expect_clean(60)
    s.expect_one_unit_each(ids)


@pytest.mark.sim_only
@pytest.mark.parametrize("how", ["eof", "abort", "410"])
def test_watches_that_end_lose_nothing(system, how):
    s = system().start()
    ids = s.queue(n=20, duration=0.2)
    for _ in range(5):
        s.control.post("kube/watches", end=how)
        s.control.post("kube/compact")
        before = len([i for i in ids if s.ado_jobs()[i]["result"]])
        wait_until(lambda: len([i for i in ids if s.ado_jobs()[i]["result"]]) > before or s.finished(ids), 10, "progress")
    s.expect_finished(ids, 30)
    s.expect_clean()
    s.expect_one_unit_each(ids)


@pytest.mark.sim_only
@pytest.mark.parametrize("shape", ["410-event", "410-http", "429-text", "status"])
def test_watches_that_are_refused_lose_nothing(system, shape):
    s = system()
    s.control.post("kube/faults", shape=shape, verb="GET", path=r"watch=", times=4)
    s.start()
    ids = s.queue(n=5, duration=0.2)
    s.expect_finished(ids, 60)
    s.expect_clean(60)
    s.expect_one_unit_each(ids)


@pytest.mark.sim_only
@pytest.mark.parametrize("skew", [-7200.0, 7200.0])
def test_the_servers_clock_may_be_wrong(system, skew):
    """Retention of a unit that we saw end is reckoned by our own clock, whatever the API server takes for the time."""
    s = system(JOB_RETENTION="3")
    s.control.post("kube/settings", date_skew=skew)
    s.start()
    ids = s.queue(n=2, duration=0.1)
    s.expect_finished(ids)
    s.expect_clean()
    last = max(j["finished"] for j in s.ado_jobs().values())
    kept = [row["deleted"] - last for row in s.jobs.rows()]
    assert len(kept) == 2 and all(2.5 < k < 10 for k in kept), kept


def test_an_agent_that_never_registers_is_replaced(system):
    s = system(REGISTRATION_DEADLINE="10").start()
    s.control.post("kubelet/rules", match="linux", trouble="no-register", times=1)
    [job] = s.queue(duration=0.1)
    s.expect_finished([job], 60)
    s.expect_clean()
    assert s.units_by_request()[job] == 2


def test_an_agent_that_stays_after_its_job_is_removed(system):
    s = system(AGENT_EXIT_GRACE="1").start()
    s.control.post("kubelet/rules", match="linux", trouble="hang")
    [job] = s.queue(duration=0.1)
    s.expect_finished([job])
    wait_until(lambda: not s.units(), 30, "its unit deleted")
    assert s.kubelet()["killed_busy"] == []


def test_a_busy_unit_is_left_alone(system):
    """Longer than every grace and retention: a running job is nobody's business."""
    s = system(AGENT_EXIT_GRACE="0", IDLE_GRACE="0", JOB_RETENTION="0").start()
    ids = s.queue(n=3, duration=4)
    s.expect_finished(ids)
    s.expect_clean()
    s.expect_one_unit_each(ids)


def test_an_agent_that_dies_under_its_job(system):
    """The service abandons the job; the unit is kept for its retention and goes; nothing is made again for it."""
    s = system()
    s.control.post("settings", lock_seconds=1.0)
    s.start()
    s.control.post("kubelet/rules", match="linux", trouble="crash-in-job")
    [job] = s.queue(duration=0.2)
    wait_until(lambda: s.finished([job], "abandoned"), 20, "abandoned")
    wait_until(lambda: not s.units(), 20, "unit deleted")
    s.expect_one_unit_each([job])


def test_a_foreign_agent_takes_a_job(system):
    """It is served once, by whoever was first; our unit for it goes when it is not needed."""
    s = system(IDLE_GRACE="1").start()
    s.control.post("kubelet/behaviour", register_delay=1.0)
    [job] = s.queue(duration=0.2)
    wait_until(s.units, 10, "our unit")
    s.control.post("agents", pool="linux", name="vm-1", auto=True, once=False)
    s.expect_finished([job])
    assert s.ado_jobs()[job]["agent"] == "vm-1"
    wait_until(lambda: not s.units(), 30, "the surplus unit deleted")
    wait_until(lambda: [a["name"] for a in s.agents()] == ["vm-1"], 10, "only the foreign agent is left")
    assert s.kubelet()["killed_busy"] == []


def test_a_second_job_for_a_leaving_agent_gets_a_unit_of_its_own(system):
    s = system()
    s.control.post("settings", assign_to_leaving=True, lock_seconds=2.0)
    s.control.post("kubelet/behaviour", exit_delay=0.5)
    s.start()
    first = s.queue(duration=0.3)
    wait_until(lambda: s.ado_jobs()[first[0]]["received"], 15, "the first runs")
    second = s.queue(duration=0.3)
    wait_until(lambda: all(s.ado_jobs()[i]["result"] for i in first + second), 60, "both ended")
    assert s.finished(first)
