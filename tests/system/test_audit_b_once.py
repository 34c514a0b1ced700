"""RUN_ONCE: what one round leaves behind, what it says, and that it ends whatever happens to one of the three."""
import time

import pytest

from tests.system.harness import ROLES, wait_until


def codes(s, roles=ROLES, deadline=30):
    return {role: s.wait_exit(role, deadline) for role in roles}


ALL_WELL = {"watcher": 0, "provisioner": 0, "reaper": 0}


def test_what_cannot_be_made_is_reported_and_the_round_is_complete(system):
    s = system(RUN_ONCE="1", MAXIMUM_AGENT_COUNT="2")
    s.control.post("kubelet/rules", match="linux", trouble="pending")
    s.queue(n=5)
    s.start()
    assert codes(s) == ALL_WELL
    assert len(s.units()) == 2
    told = [line for line in s.log("provisioner").splitlines() if "request waits" in line and "code=limit" in line]
    assert len(told) == 3 and all("MAXIMUM_AGENT_COUNT" in line for line in told)


def test_a_refused_unit_is_reported(system):
    s = system(RUN_ONCE="1")
    s.quota(count__jobs_batch="1")
    s.control.post("kubelet/rules", match="linux", trouble="pending")
    s.queue(n=2)
    s.start()
    assert codes(s) == ALL_WELL
    assert len(s.units()) == 1
    assert s.log("provisioner").count("code=quota") >= 1 and "exceeded quota" in s.log("provisioner")


def test_a_missing_pool_is_no_complete_round(system):
    """Nor does it keep the other pool's jobs waiting."""
    s = system(pools=("linux", "other"), RUN_ONCE="1", RUN_ONCE_DEADLINE="8")
    s.env["AGENT_POOLS"] = "linux,nowhere"
    ids = s.queue(n=2, duration=0.1)
    s.start()
    got = codes(s)
    assert got["watcher"] == 1 and got["provisioner"] == 1 and got["reaper"] == 1
    assert "nowhere" in s.log("watcher")
    s.expect_finished(ids)


def test_a_refused_token_ends_the_round_at_once(system):
    s = system(RUN_ONCE="1", ORG_PAT="wrong")
    s.start()
    assert all(code != 0 for code in codes(s, deadline=20).values())
    assert "ORG_PAT" in s.log("watcher")


@pytest.mark.parametrize("victim", ROLES)
def test_one_is_killed_during_the_round(system, victim):
    """The others end by the overall deadline; what was made stays made, once; the next round finishes the work."""
    s = system(RUN_ONCE="1", RUN_ONCE_DEADLINE="6", JOB_RETENTION="0")
    s.control.post("kubelet/rules", match="linux", trouble="pending")
    s.control.post("faults", shape="delay", seconds=1, path="jobrequests")
    ids = s.queue(n=3)
    s.start()
    wait_until(lambda: any("jobrequests" in str(c) for c in s.control.get("record")["calls"]), 10, "the round is under way")
    s.kill(victim)
    rest = [r for r in ROLES if r != victim]
    began = time.monotonic()
    got = codes(s, rest)
    assert time.monotonic() - began < 20, "the deadline and a moment"
    assert got["watcher" if victim != "watcher" else "provisioner"] != 0
    s.control.call("DELETE", "faults")
    s.start()
    assert codes(s) == ALL_WELL
    s.expect_one_unit_each(ids)


def test_units_clean_up_after_themselves(system):
    """Nobody runs between two rounds of a cron job: the Job's own TTL is JOB_RETENTION, without the hour that a running reaper is given."""
    s = system(RUN_ONCE="1", FAILED_JOB_RETENTION="10m", JOB_RETENTION="2m")
    [job] = s.queue(duration=0.1)
    s.start()
    assert codes(s) == ALL_WELL
    [row] = s.jobs.rows()
    assert row["object"]["spec"]["ttlSecondsAfterFinished"] == 120
    s.expect_finished([job])


def live_jobs(s):
    return s.rest.items(f"/apis/batch/v1/namespaces/{s.namespace}/jobs")


def test_ages_come_from_the_objects(system):
    """A later reaper, that never saw the unit end, deletes it when its own stamps are older than the retention, and not before."""
    s = system(RUN_ONCE="1", JOB_RETENTION="3")
    [job] = s.queue(duration=0.1)
    s.start()
    assert codes(s) == ALL_WELL
    s.expect_finished([job])
    done = wait_until(lambda: [j for j in live_jobs(s) if j.get("status", {}).get("completionTime")], 20, "the Job is complete")
    assert len(done) == 1
    s.start(JOB_RETENTION="1h")
    assert codes(s) == ALL_WELL
    assert len(live_jobs(s)) == 1, "younger than its retention"
    time.sleep(3.5)                     # it must become old; nothing tells of that
    s.start()
    assert codes(s) == ALL_WELL
    wait_until(lambda: not live_jobs(s), 10, "the old unit is deleted")
    assert len(s.jobs.rows()) == 1, "and no other was made"
