"""What the reaper takes away, and what it leaves alone."""
from tests.system.harness import wait_until

HOLD = "ado-orchestrator.io/hold"


def annotate(s, unit: dict, value: str | None) -> None:
    s.rest.call("PATCH", f"/apis/batch/v1/namespaces/{s.namespace}/jobs/{unit['object']['metadata']['name']}", {"metadata": {"annotations": {HOLD: value}}},
                "application/merge-patch+json")


def test_an_agent_that_does_not_leave(system):
    s = system(AGENT_EXIT_GRACE="1")
    s.control.post("kubelet/behaviour", exit_delay=600)
    s.start()
    [job] = s.queue(duration=0.3)
    s.expect_finished([job])
    wait_until(lambda: not s.units(), 20, "unit deleted")
    assert 'msg="agent disabled"' in s.log("reaper") and "reason=leaving" in s.log("reaper")
    s.expect_clean()


def test_dry_run_changes_nothing(system):
    s = system(REAPER_DRY_RUN="1").start()
    [job] = s.queue(duration=0.2)
    s.expect_finished([job])
    wait_until(lambda: 'would="delete unit"' in s.log("reaper"), 20, "it says what it would do")
    assert len(s.units()) == 1 and "dry run" in s.ctl("status").stdout
    s.stop("reaper")
    s.start("reaper", REAPER_DRY_RUN="0")
    s.expect_clean()


def test_a_held_unit_stays(system):
    s = system().start()
    [job] = s.queue(duration=0.5)
    wait_until(s.units, 10, "our unit")
    annotate(s, s.units()[0], "looking into it")
    s.expect_finished([job])
    more = s.queue(duration=0.2)
    s.expect_finished(more)
    wait_until(lambda: "unit deleted" in s.log("reaper"), 20, "the other one goes")
    [held] = wait_until(lambda: s.units() if len(s.units()) == 1 else [], 10, "only the held one is left")
    annotate(s, held, None)
    s.expect_clean()


def test_a_unit_whose_agent_never_comes(system):
    s = system(REGISTRATION_DEADLINE="10s")
    s.control.post("kubelet/rules", match="linux", trouble="no-register", times=1)
    s.start()
    [job] = s.queue(duration=0.2)
    s.expect_finished([job], 60)
    s.expect_clean()
    assert "reason=registration-deadline" in s.log("reaper")
    assert len(s.jobs.rows()) == 2, "one that never came and one that did the work"


def test_an_image_that_cannot_be_named(system):
    s = system()
    s.control.post("kubelet/rules", match="linux", trouble="image-name", times=1)
    s.start()
    [job] = s.queue(duration=0.2)
    s.expect_finished([job], 60)
    s.expect_clean()
    assert "reason=image-name" in s.log("reaper")


def test_a_job_longer_than_allowed(system):
    s = system(MAX_JOB_DURATION="2s").start()
    [job] = s.queue(duration=600)
    wait_until(lambda: s.ado_jobs()[job]["received"], 15, "job received")
    wait_until(lambda: "reason=overdue" in s.log("reaper"), 20, "unit deleted")
    wait_until(lambda: not s.units(), 20, "nothing is left")
    assert len(s.jobs.rows()) >= 1


def test_counters_tell_why(system):
    s = system().start()
    ids = s.queue(n=3, duration=0.2)
    s.expect_finished(ids)
    s.expect_clean()
    counters = s.status()["processes"]["reaper"]["counters"]
    assert counters["reaped_ended"] == 3 and counters["under_way"] == 0 and counters["races"] == 0
