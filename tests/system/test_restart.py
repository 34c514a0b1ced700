"""Any process may die at any moment: exactly one unit per request, counted from the API server's own events, and everything converges."""
import random

import pytest

from tests.system.harness import ROLES, wait_until


@pytest.mark.parametrize("role", ROLES)
def test_kill_during_a_burst(system, role):
    s = system().start()
    ids = s.queue(n=60, duration=0.5)
    dice = random.Random(role)
    for _ in range(6):
        done = sum(bool(j["result"]) for j in s.ado_jobs().values())
        wait_until(lambda: sum(bool(j["result"]) for j in s.ado_jobs().values()) >= min(60, done + dice.randint(0, 6)), 20, "progress")
        s.kill(role)
        s.start(role)
    s.expect_finished(ids, 60)
    s.expect_clean(30)
    s.expect_one_unit_each(ids)


def test_kill_all_three_at_once(system):
    s = system().start()
    ids = s.queue(n=40, duration=0.5)
    for goal in (1, 15, 30):
        wait_until(lambda: sum(bool(j["received"]) for j in s.ado_jobs().values()) >= goal, 20, f"{goal} received")
        for role in ROLES:
            s.kill(role)
        s.start()
    s.expect_finished(ids, 60)
    s.expect_clean(30)
    s.expect_one_unit_each(ids)


@pytest.mark.parametrize("role", ROLES)
def test_orderly_restart(system, role):
    s = system().start()
    first = s.queue(n=5, duration=0.3)
    wait_until(lambda: any(j["received"] for j in s.ado_jobs().values()), 15, "a job runs")
    assert s.stop(role) == {role: 0}
    second = s.queue(n=5, duration=0.3)
    s.start(role)
    s.expect_finished(first + second, 40)
    s.expect_clean(30)
    s.expect_one_unit_each(first + second)


def test_without_a_reaper_jobs_still_run(system):
    s = system().start("provisioner", "watcher")
    ids = s.queue(n=5, duration=0.2)
    s.expect_finished(ids)
    assert len(s.units()) == 5, "nobody deletes"
    s.start("reaper")
    s.expect_clean()
    s.expect_one_unit_each(ids)


def test_without_a_watcher_nothing_is_created_or_deleted(system):
    s = system(JOB_RETENTION="600").start()
    ids = s.queue(n=3, duration=0.2)
    s.expect_finished(ids)
    s.kill("watcher")
    more = s.queue(n=3, duration=0.2)
    wait_until(lambda: "watcher" in s.ctl("status").stdout, 10, "azpctl says that one is down")
    assert len(s.jobs.rows()) == 3 == len(s.units())
    s.start("watcher")
    s.expect_finished(more)
    s.expect_one_unit_each(ids + more)


def test_agent_disabled_half_way_is_enabled_or_removed(system):
    """A reaper that died between disable and delete leaves a disabled agent: a busy one must be enabled again."""
    s = system().start()
    [job] = s.queue(duration=600)
    wait_until(lambda: s.ado_jobs()[job]["received"], 15, "job received")
    s.kill("reaper")
    [agent] = s.agents()
    s.control.post(f"agents/{agent['id']}/enabled", enabled=False)
    s.start("reaper")
    wait_until(lambda: s.agents()[0]["enabled"], 20, "enabled again")
    assert s.ado_jobs()[job]["result"] == "" and s.kubelet()["killed_busy"] == []
