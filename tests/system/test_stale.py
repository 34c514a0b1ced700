"""Azure DevOps refuses, throttles, breaks: nothing is created and nothing is deleted on an old picture, and everything goes on when it is back."""
import time

import pytest

from tests.system.harness import wait_until

JOBREQUESTS = r"/jobrequests(\?|$)"
SHAPES = [("A", {}), ("B", {}), ("C", {}), ("E0", {}), ("E'", {}), ("F", {}), ("429", {"retry_after": 1}), ("429", {}), ("status", {"status": 500}),
          ("status", {"status": 502}), ("503-bom", {}), ("html-200", {}), ("cut", {}), ("reset", {}), ("short-json", {}), ("wrong-count", {}),
          ("body", {"body": '{"count":0,"value":null}'}), ("body", {"body": ""}), ("body", {"body": "[]"})]


def pool_state(s) -> str:
    pools = s.status().get("pools", [])
    return pools[0]["state"] if pools else ""


def polls(s, shape: str) -> int:
    return sum(1 for c in s.control.get("record")["calls"] if c["shape"] == shape)


@pytest.mark.parametrize("shape,params", SHAPES, ids=[f"{s}{'-'.join([''] + [str(v) for v in p.values()])[:14]}" for s, p in SHAPES])
def test_a_failing_list_creates_and_deletes_nothing(system, shape, params):
    s = system().start()
    [busy] = s.queue(duration=3)
    wait_until(lambda: s.ado_jobs()[busy]["received"], 15, "a job runs")
    s.control.post("faults", shape=shape, path=JOBREQUESTS, **params)
    new = s.queue(n=3, duration=0.1)
    wait_until(lambda: polls(s, shape) >= 2, 30, "two failed polls")
    assert [r["name"] for r in s.jobs.rows()] == [f"agent-job-linux-{busy}"], "created on an old picture"
    assert len(s.units()) == 1, "deleted on an old picture"
    s.control.delete("faults")
    s.expect_finished([busy, *new], 30)
    s.expect_clean(30)
    s.expect_one_unit_each([busy, *new])


def test_a_failing_pool_does_not_slow_another(system):
    s = system(pools=("good=12", "bad=13")).start()
    s.control.post("faults", shape="hang", path="pools/13/")
    ids = []
    for _ in range(5):
        ids += s.queue("good", duration=0.05)
        wait_until(lambda: s.finished(ids[-1:]), 5, "a job of the good pool")
    gaps = [c["time"] for c in s.control.get("record")["calls"] if "pools/12/jobrequests" in c["path"]]
    assert max(b - a for a, b in zip(gaps, gaps[1:])) < 1.5, "the good pool was polled late"


def test_a_throttled_reply_with_status_200_is_honoured(system):
    s = system().start()
    wait_until(lambda: any("jobrequests" in c["path"] for c in s.control.get("record")["calls"]), 10, "a poll")
    s.control.post("faults", shape="rate-200", path=JOBREQUESTS, retry_after=2, times=1)
    wait_until(lambda: polls(s, "rate-200"), 10, "the throttled reply")
    wait_until(lambda: [c for c in s.control.get("record")["calls"] if "jobrequests" in c["path"]][-1]["shape"] == "", 10, "the poll after it")
    calls = [c for c in s.control.get("record")["calls"] if "jobrequests" in c["path"]]
    at = next(i for i, c in enumerate(calls) if c["shape"] == "rate-200")
    assert calls[at + 1]["time"] - calls[at]["time"] >= 1.9, "asked again before Retry-After was over"


def test_the_pool_comes_later(system):
    """A pool that does not exist yet is told as such, and served once it does."""
    s = system(pools=("linux",), AGENT_POOLS="linux,later").start()
    [first] = s.queue("linux", duration=0.1)
    s.expect_finished([first])
    s.control.post("pools", name="later")
    [second] = s.queue("later", duration=0.1)
    s.expect_finished([second], 40)
    s.expect_clean()


def test_a_renamed_pool_is_not_served_under_its_old_name(system):
    s = system().start()
    [first] = s.queue(duration=0.1)
    s.expect_finished([first])
    s.control.post("pools/linux", delete=True)
    s.control.post("pools", name="linux", id=77)
    [second] = s.queue("linux", duration=0.1)
    s.expect_finished([second], 40)


def test_a_new_token_is_read_without_a_restart(system, tmp_path):
    token = tmp_path / "pat"
    token.write_text("old-pat\n")
    s = system(ORG_PAT_FILE=str(token))
    del s.env["ORG_PAT"]
    s.start()
    [job] = s.queue(duration=0.1)
    time.sleep(0.5)
    assert not s.jobs.rows(), "the old token is refused"
    token.write_text("pat\n")
    s.expect_finished([job], 40)
    s.expect_clean()
