"""The Azure DevOps stand-in by itself: is it the service we think it is?"""
import base64
import json
import re
import time
import urllib.error
import urllib.request

import pytest

from tests.sim.ado.demands import satisfies, version
from tests.sim.dates import ado_date
from tests.sim.serve import ControlError

POOL = "/_apis/distributedtask/pools/12"


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


def ask(stage, path, verb="GET", body=None, pat="pat", **headers):
    """(status, headers, body text)"""
    if pat is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(f"any:{pat}".encode()).decode()
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(stage.ado + path, data, {"Content-Type": "application/json", **headers}, method=verb)
    opener = urllib.request.build_opener(NoRedirect, urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as r:
            return r.status, r.headers, r.read().decode("utf-8")
    except urllib.error.HTTPError as e:
        return e.code, e.headers, e.read().decode("utf-8")


def rows(stage, query=""):
    return json.loads(ask(stage, f"{POOL}/jobrequests{query}")[2])["value"]


def test_pools_by_name_and_id(stage):
    s = stage("linux=12", "windows=13")
    assert [p["id"] for p in json.loads(ask(s, "/_apis/distributedtask/pools?poolName=linux")[2])["value"]] == [12]
    assert json.loads(ask(s, "/_apis/distributedtask/pools?poolName=nosuch")[2]) == {"count": 0, "value": []}
    assert json.loads(ask(s, "/_APIS/DistributedTask/Pools/13")[2])["name"] == "windows"
    assert ask(s, "/_apis/distributedtask/pools/99")[0] == 404
    status, headers, text = ask(s, "/_apis/nosuch")
    assert status == 404 and headers["Content-Type"].startswith("text/plain") and "controller" in text


def test_lifecycle_of_a_job(stage):
    s = stage()
    one, two = s.control.post("jobs", pool="linux", n=2, demands=["kubectl", "Agent.Version -gtVersion 2.1"], duration=0.1)["ids"]
    assert {r["requestId"] for r in rows(s, "?completedRequestCount=0")} == {one, two}
    s.control.post("agents", pool="linux", name="other", capabilities={"java": "1"}, auto=True)
    assert not any(r.get("reservedAgent") for r in rows(s))
    s.control.post("agents", pool="linux", name="a1", capabilities={"KubeCtl": "x"}, auto=True, once=False)
    done = {}
    for _ in range(100):
        done = {r["requestId"]: r.get("result") for r in rows(s)}
        if all(done.values()):
            break
        time.sleep(0.05)
    assert done == {one: "succeeded", two: "succeeded"}
    assert rows(s, "?completedRequestCount=0") == []
    assert [r["requestId"] for r in rows(s, "?completedRequestCount=1")] == [two]
    row = json.loads(ask(s, f"{POOL}/jobrequests/{one}")[2])
    assert row["reservedAgent"]["name"] == "a1" and row["queueTime"][:19] <= row["receiveTime"][:19] <= row["finishTime"][:19]


def test_once_agent_gets_no_second_job_unless_told(stage):
    s = stage()
    ids = s.control.post("jobs", pool="linux", n=2)["ids"]
    agent = s.control.post("agents", pool="linux", name="a1")["id"]
    assert s.control.get(f"agents/{agent}/job?wait=5")["request"] == ids[0]
    with pytest.raises(ControlError) as busy:
        s.control.delete(f"agents/{agent}")
    assert busy.value.status == 400
    assert ask(s, f"{POOL}/agents/{agent}?api-version=7.0", "DELETE")[0] == 400
    s.control.post("settings", assign_to_leaving=True, lock_seconds=0.3)
    s.control.post(f"agents/{agent}/finish")
    second = s.control.get(f"jobs/{ids[1]}")
    assert second["assigned"] and not second["received"], "assigned to an agent that is on its way out"
    for _ in range(100):
        if s.control.get(f"jobs/{ids[1]}")["result"]:
            break
        time.sleep(0.05)
    assert s.control.get(f"jobs/{ids[1]}")["result"] == "abandoned"


def test_agents_add_conflict_change_delete(stage):
    s = stage()
    agents = f"{POOL}/agents?api-version=7.0"
    status, _, text = ask(s, agents, "POST", {"name": "tmpl", "version": "99.9", "systemCapabilities": {"kubectl": ""}})
    id = json.loads(text)["id"]
    assert status == 200 and json.loads(text)["status"] == "offline"
    status, _, text = ask(s, agents, "POST", {"name": "TMPL"})
    assert status == 409 and json.loads(text)["typeKey"] == "TaskAgentExistsException"
    one = f"{POOL}/agents/{id}?api-version=7.0"
    assert json.loads(ask(s, one, "PATCH", {"id": id, "enabled": False})[2])["enabled"] is False
    assert [a["id"] for a in json.loads(ask(s, f"{POOL}/agents?demands=kubectl,Agent.Version%20-gtVersion%202.0")[2])["value"]] == []
    assert "systemCapabilities" not in json.loads(ask(s, f"{POOL}/agents")[2])["value"][0]
    assert json.loads(ask(s, f"{POOL}/agents?includeCapabilities=true")[2])["value"][0]["systemCapabilities"] == {"kubectl": ""}
    assert [ask(s, one, "DELETE")[0] for _ in range(2)] == [200, 404]


def test_writes_need_a_version_and_the_right_scope(stage):
    s = stage()
    for query, key in (("", "VssVersionNotSpecifiedException"), ("?api-version=9.9", "VssVersionOutOfRangeException"),
                       ("?api-version=7.2", "VssInvalidPreviewVersionException")):
        status, _, text = ask(s, f"{POOL}/agents{query}", "POST", {"name": "x"})
        assert (status, json.loads(text)["typeKey"]) == (400, key)
    assert ask(s, f"{POOL}/agents?api-version=7.0", "POST", {"name": "x"}, pat="read-pat")[0] == 403
    assert ask(s, f"{POOL}/agents", "POST", {"name": "x"}, Accept="application/json;api-version=7.0")[0] == 200


def test_refused_credentials(stage):
    s = stage()
    path = "/_apis/distributedtask/pools"
    assert ask(s, path, pat="wrong")[0] == 203
    assert ask(s, path, pat=None)[0] == 302
    status, headers, text = ask(s, path, pat="wrong", **{"X-TFS-FedAuthRedirect": "Suppress"})
    assert status == 401 and "TF400813" in text and len(headers.get_all("WWW-Authenticate")) == 3


@pytest.mark.parametrize("shape,status,kind", [("A", 203, "text/html"), ("B", 302, "text/html"), ("C", 401, "application/json"), ("D", 401, "application/json"),
                                               ("E", 401, "application/json"), ("E'", 401, "text/html"), ("E0", 401, ""), ("F", 403, "application/json"),
                                               ("G", 404, "application/json"), ("404-text", 404, "text/plain"), ("429", 429, "application/json"),
                                               ("503-bom", 503, "application/json"), ("503-offline", 503, "text/html"), ("html-200", 200, "text/html"),
                                               ("rate-200", 200, "application/json")])
def test_shapes(stage, shape, status, kind):
    s = stage()
    s.control.post("faults", shape=shape, path="pools", times=1)
    got, headers, text = ask(s, "/_apis/distributedtask/pools")
    assert got == status and (headers.get("Content-Type") or "").startswith(kind)
    assert (shape == "503-bom") == text.startswith("\ufeff")
    assert (shape in ("rate-200",)) == ("Retry-After" in headers)
    assert ask(s, "/_apis/distributedtask/pools")[0] == 200, "once only"


def test_broken_deliveries(stage):
    s = stage()
    for shape in ("cut", "reset", "cut-reset"):
        s.control.post("faults", shape=shape, times=1)
        with pytest.raises((OSError, urllib.error.URLError, Exception)) as broken:
            ask(s, "/_apis/distributedtask/pools")
        assert not isinstance(broken.value, AssertionError)
    s.control.post("faults", shape="wrong-count", times=1)
    reply = json.loads(ask(s, "/_apis/distributedtask/pools")[2])
    assert reply["count"] != len(reply["value"])


def test_a_refused_write_does_nothing_and_a_lost_reply_does(stage):
    s = stage()
    path = f"{POOL}/agents?api-version=7.0"
    s.control.post("faults", shape="status", status=500, verb="POST", times=1)
    assert ask(s, path, "POST", {"name": "x"})[0] == 500 and s.control.get("agents")["agents"] == []
    s.control.post("faults", shape="reset", verb="POST", times=1)
    with pytest.raises(OSError):
        ask(s, path, "POST", {"name": "x"})
    assert len(s.control.get("agents")["agents"]) == 1


def test_top_is_capped_and_has_no_matched_agents(stage):
    s = stage()
    s.control.post("jobs", pool="linux", n=250)
    s.control.post("agents", pool="linux", name="off", online=False)
    reply = ask(s, f"{POOL}/jobrequests?$top=1000")
    page = json.loads(reply[2])["value"]
    assert len(page) == 200 and not any("matchedAgents" in r or "matchesAllAgentsInPool" in r for r in page)
    rest = json.loads(ask(s, f"{POOL}/jobrequests?$top=1000&continuationToken={reply[1]['x-ms-continuationtoken']}")[2])["value"]
    assert len(rest) == 50 and not {r["requestId"] for r in rest} & {r["requestId"] for r in page}
    assert all(r.get("matchesAllAgentsInPool") for r in rows(s))


def test_servers_that_ignore_completed_request_count(stage):
    s = stage()
    s.control.post("history", pool="linux", n=30)
    s.control.post("jobs", pool="linux", n=2)
    assert len(rows(s, "?completedRequestCount=0")) == 2
    s.control.post("settings", ignore_completed_count=True)
    assert len(rows(s, "?completedRequestCount=0")) == 32


def test_queue_time_failure_without_a_matching_agent(stage):
    s = stage()
    s.control.post("settings", require_match=True)
    bad = s.control.post("jobs", pool="linux", demands=["cuda"])["ids"][0]
    assert s.control.get(f"jobs/{bad}")["result"] == "failed"
    s.control.post("agents", pool="linux", name="placeholder", online=False, capabilities={"cuda": "12"})
    good = s.control.post("jobs", pool="linux", demands=["cuda"])["ids"][0]
    assert s.control.get(f"jobs/{good}")["result"] == "", "an offline agent counts"


def test_cancel(stage):
    s = stage()
    waiting = s.control.post("jobs", pool="linux")["ids"][0]
    s.control.post(f"jobs/{waiting}/cancel")
    assert s.control.get(f"jobs/{waiting}")["result"] == "canceled" and rows(s, "?completedRequestCount=0") == []


def test_large_lists_are_fast(stage):
    s = stage()
    s.control.post("history", pool="linux", n=10_000)
    s.control.post("jobs", pool="linux", n=5_000)
    rows(s)
    began = time.monotonic()
    status, _, text = ask(s, f"{POOL}/jobrequests")
    spent = time.monotonic() - began
    assert text.count('"planId"') == 15_000
    assert spent < 2.0, f"{spent:.2f} s for a list that is only joined"


def test_dates():
    t = 1772352902.5
    assert [ado_date(t, n) for n in (0, 1, 7)] == ["2026-03-01T08:15:02Z", "2026-03-01T08:15:02.5Z", "2026-03-01T08:15:02.5Z"]
    assert re.fullmatch(r"2026-03-01T08:15:02\.503333\d?Z", ado_date(1772352902.5033334, 7))
    assert ado_date(1772352902.0, 7) == "2026-03-01T08:15:02Z"


@pytest.mark.parametrize("demand,capability,want", [
    ("git", {"git": ""}, True), ("Git", {"git": "1"}, True), ("git", {}, False), ("a -equals B", {"a": "b"}, True), ("a -equals b", {"a": "bc"}, False),
    ("v -gtVersion 2.1", {"v": "2.1"}, True), ("v -gtVersion 2.10", {"v": "2.9"}, False), ("v -gtVersion 2.1", {"v": "2.1.3-beta"}, True),
    ("v -gtVersion 2.1", {}, False), ("v -unknown 1", {"v": "1"}, False)])
def test_demands(demand, capability, want):
    assert satisfies(demand, capability) is want


def test_versions_need_two_parts():
    assert version("3") is None and version("3.1") < version("3.1.0")
