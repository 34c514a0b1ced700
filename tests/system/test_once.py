"""RUN_ONCE=1: one complete round, then all three exit; never hang."""
import time

from tests.system.harness import ROLES


def codes(s, deadline=30):
    return {role: s.wait_exit(role, deadline) for role in ROLES}


def test_one_round_creates_what_is_needed_and_exits(system):
    s = system(RUN_ONCE="1")
    ids = s.queue(n=5, duration=0.3)
    s.start()
    assert codes(s) == {"watcher": 0, "provisioner": 0, "reaper": 0}
    s.expect_finished(ids)
    s.expect_one_unit_each(ids)


def test_a_second_round_makes_nothing_twice(system):
    s = system(RUN_ONCE="1", JOB_RETENTION="0")
    s.control.post("kubelet/rules", match="linux", trouble="pending")
    ids = s.queue(n=3)
    for _ in range(2):
        s.start()
        assert codes(s) == {"watcher": 0, "provisioner": 0, "reaper": 0}
    s.expect_one_unit_each(ids)
    assert len(s.units()) == 3


def test_an_empty_queue(system):
    s = system(RUN_ONCE="1").start()
    assert codes(s) == {"watcher": 0, "provisioner": 0, "reaper": 0}
    assert s.jobs.rows() == []


def test_a_round_that_cannot_be_completed_fails(system):
    s = system(RUN_ONCE="1", RUN_ONCE_DEADLINE="5")
    s.control.post("faults", shape="status", status=500, path="jobrequests")
    s.start()
    got = codes(s)
    assert got["watcher"] != 0 and got["provisioner"] != 0


def test_a_missing_process_does_not_hang_the_others(system):
    s = system(RUN_ONCE="1", RUN_ONCE_DEADLINE="5")
    began = time.monotonic()
    s.start("provisioner", "reaper")
    assert s.wait_exit("provisioner") != 0 and s.wait_exit("reaper") != 0
    assert time.monotonic() - began < 15
