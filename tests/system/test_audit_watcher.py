"""The real watcher, heard by a reaper that only listens: what it asks of the service, how often, and what it tells."""
import time

import pytest

from tests.system.harness import wait_until
from tests.system.peers.reaper import Reaper


@pytest.fixture
def watched(system):
    """make(pools=..., settings) -> (system, reaper); the watcher is started by the test."""
    reapers = []

    def make(**more):
        s = system(**more)
        reapers.append(Reaper(s.env["RUN_DIR"]))
        return s, reapers[-1]
    yield make
    for reaper in reapers:
        reaper.stop()


def told(reaper, name="requests"):
    return [fields for _, kind, fields in list(reaper.told) if kind == name]


def calls(s, part: str) -> list[dict]:
    return [c for c in s.control.get("record")["calls"] if part in c["path"]]


def gaps(times: list[float]) -> list[float]:
    return [b - a for a, b in zip(times, times[1:])]


def cpu_ms(pid: int) -> float:
    words = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) * 10


def test_a_server_that_sends_all_it_has(watched):
    """5,000 unfinished and 10,000 finished requests in one pool, completedRequestCount ignored: one full set, then only what changed."""
    s, reaper = watched(POLLING_DELAY="200")
    s.control.post("history", pool="linux", n=10000)
    s.control.post("settings", ignore_completed_count=True)
    ids = s.queue(n=5000, demands=["Agent.OS -equals Linux"])
    s.start("watcher")
    wait_until(lambda: sum(len(f.get("rows", [])) for f in told(reaper)) >= 5000, 40, "the full set")
    parts = [f for f in told(reaper) if f["full"]]
    assert {f["set"] for f in parts} == {parts[0]["set"]} and parts[-1]["last"], "one full set, in parts"
    assert sorted(r["id"] for f in parts for r in f["rows"]) == ids
    polls = len(calls(s, "jobrequests"))
    wait_until(lambda: len(calls(s, "jobrequests")) >= polls + 2, 20, "two more polls")
    before, used = len(calls(s, "jobrequests")), cpu_ms(s.processes["watcher"].pid)
    [new] = s.queue()
    wait_until(lambda: any(r["id"] == new for f in told(reaper) for r in f.get("rows", [])), 20, "the new one")
    wait_until(lambda: len(calls(s, "jobrequests")) >= before + 4, 30, "four more polls")
    used = cpu_ms(s.processes["watcher"].pid) - used
    after = [f for f in told(reaper) if f["set"] > parts[0]["set"]]
    assert [r["id"] for f in after for r in f.get("rows", [])] == [new] and not any(f["full"] for f in after)
    assert used / (len(calls(s, "jobrequests")) - before) < 120, "rows that did not change are not parsed again"


def test_a_poll_is_one_call_and_agents_come_seldom(watched):
    s, reaper = watched(POLLING_DELAY="200", AGENTS_DELAY="3")
    s.start("watcher")
    wait_until(lambda: len(calls(s, "jobrequests")) >= 20, 30, "twenty polls")
    record = s.control.get("record")["calls"]
    assert len([c for c in record if "poolName" in c["path"]]) == 1, "the pool is resolved once"
    agents, polls = calls(s, "/agents"), calls(s, "jobrequests")
    assert 2 <= len(agents) <= 3 and agents[0]["time"] - polls[0]["time"] < 1, "at the start, then slowly"
    assert len(record) == 1 + len(agents) + len(polls)
    assert min(gaps([c["time"] for c in polls])) > 0.19, "POLLING_DELAY lies between the rounds"
    assert told(reaper, "agents")


EMPTY = '{"count":0,"value":[]}'


def test_a_budget_that_runs_out_is_stretched(watched):
    s, _ = watched()
    headers = [["X-RateLimit-Resource", "Core"], ["X-RateLimit-Limit", "200"], ["X-RateLimit-Remaining", "10"], ["X-RateLimit-Reset", str(int(time.time()) + 22)]]
    s.control.post("faults", shape="status", path="jobrequests", status=200, body=EMPTY, type="application/json", headers=headers)
    s.start("watcher")
    wait_until(lambda: len(calls(s, "jobrequests")) >= 3, 20, "three polls")
    assert min(gaps([c["time"] for c in calls(s, "jobrequests")][:3])) > 1.2, "0.2 s without those headers"


def test_a_delay_that_the_service_tells_is_kept(watched):
    s, reaper = watched()
    s.control.post("faults", shape="status", path="jobrequests", status=200, body=EMPTY, type="application/json", headers=[["X-RateLimit-Delay", "1.5"]])
    s.start("watcher")
    wait_until(lambda: len(calls(s, "jobrequests")) >= 3, 20, "three polls")
    assert min(gaps([c["time"] for c in calls(s, "jobrequests")][:3])) > 1.45
    assert told(reaper)[-1]["delay_ms"] >= 1400, "peers are told of the pace: the picture is not stale"


@pytest.mark.parametrize("fault", [{"shape": "429"}, {"shape": "status", "status": 503}, {"shape": "cut"}, {"shape": "status", "status": 500, "headers": [["Retry-After", "2"]]}],
                         ids=["429", "503", "cut", "500-retry-after"])
def test_trouble_is_asked_about_less_and_less(watched, fault):
    s, reaper = watched()
    s.queue(n=5)
    s.control.post("faults", path="jobrequests", **fault)
    s.start("watcher")
    wait_until(lambda: len(calls(s, "jobrequests")) >= 4, 60, "four polls")
    seen = gaps([c["time"] for c in calls(s, "jobrequests")])
    assert seen[2] > 0.4, seen
    if "headers" in fault:
        assert min(seen) > 1.9
    assert all(f["stale"] and f["reason"] and not f.get("rows") for f in told(reaper)), "never an empty queue"


def test_the_picture_goes_stale_with_its_reason_and_comes_back_as_it_was(watched):
    s, reaper = watched()
    ids = s.queue(n=3)
    s.start("watcher")
    wait_until(lambda: any(f["full"] for f in told(reaper)), 10, "a picture")
    s.control.post("faults", path="jobrequests", shape="C")
    wait_until(lambda: told(reaper)[-1]["stale"], 10, "stale")
    assert "ORG_PAT" in told(reaper)[-1]["reason"] and "401" in told(reaper)[-1]["reason"]
    [more] = s.queue()
    s.control.delete("faults")
    wait_until(lambda: not told(reaper)[-1]["stale"] and any(r["id"] == more for f in told(reaper) for r in f.get("rows", [])), 40, "fresh again")
    assert [f["full"] for f in told(reaper)].count(True) == 1
    assert sorted(r["id"] for f in told(reaper) for r in f.get("rows", [])) == ids + [more]


def test_a_pool_that_is_another_now(watched):
    """404: resolved again by its exact name; the picture of the new one is told whole, under its id."""
    s, reaper = watched(pools=("linux=12",))
    s.queue(n=2)
    s.start("watcher")
    wait_until(lambda: any(f["full"] for f in told(reaper)), 10, "a picture")
    s.control.post("pools/linux", delete=True)
    wait_until(lambda: told(reaper)[-1]["stale"] and "linux" in told(reaper)[-1]["reason"], 10, "its absence is told")
    s.control.post("pools", name="Linux", id=76)
    wait_until(lambda: "Linux" in told(reaper)[-1].get("reason", ""), 60, "a name that is only similar is named, not taken")
    s.control.post("pools", name="linux", id=77)
    ids = s.queue("linux", n=3)
    wait_until(lambda: any(f["full"] and f["pool_id"] == 77 for f in told(reaper)), 90, "the new one's picture")
    assert sorted(r["id"] for f in told(reaper) if f["pool_id"] == 77 for r in f.get("rows", [])) == ids


@pytest.mark.parametrize("fault", [{"shape": "status", "status": 500}, {"shape": "cut"}, {"shape": "slow"}, {"shape": "F"}], ids=lambda f: f["shape"])
def test_a_pool_that_fails_does_not_slow_the_others(watched, fault):
    s, reaper = watched(pools=("good=12", "bad=13"))
    s.queue("bad", n=50)
    s.control.post("faults", path="pools/13/", **fault)
    s.start("watcher")
    wait_until(lambda: len(calls(s, "pools/12/jobrequests")) >= 20, 20, "twenty polls of the good pool")
    seen = [c["time"] for c in calls(s, "pools/12/jobrequests")]
    assert max(gaps(seen)) < 0.8 and seen[19] - seen[0] < 8, gaps(seen)
    assert not any(f["stale"] for f in told(reaper) if f["pool"] == "good")
