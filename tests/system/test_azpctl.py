"""What a person asks."""
import json

import pytest

from tests.system.harness import wait_until


def rows(text):
    """First column -> the cells of its line."""
    return {cells[0]: cells for cells in (line.split() for line in text.splitlines()) if cells}


def test_nothing_runs(system):
    s = system()
    result = s.ctl("status")
    assert (result.returncode, result.stdout) == (69, "")
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == ["watcher", "provisioner", "reaper"]
    assert s.ctl("ping", "watcher").returncode == 69
    assert s.ctl("explain", "1").returncode == 69
    assert json.loads(s.ctl("status", "--json").stdout)["processes"]["reaper"]["up"] is False


@pytest.mark.parametrize("words", [(), ("stauts",), ("status", "now"), ("explain",), ("explain", "x"), ("explain", "0"), ("ping", "azpctl"), ("--colour",),
                                   ("ping", "--json"), ("--run-dir",)])
def test_usage(system, words):
    result = system().ctl(*words)
    assert result.returncode == 64
    assert "azpctl --help" in result.stderr


def test_status_explain_ping(system):
    s = system(MAXIMUM_AGENT_COUNT=1).start()
    s.control.post("kubelet/rules", match="linux", trouble="pending")
    first, second = s.queue(n=2)
    wait_until(lambda: s.ctl("ping").returncode == 0, 10, "all three answer")
    reasons = wait_until(lambda: set(s.reasons()) == {second} and s.reasons(), 15, "one waits for the limit")
    line = wait_until(lambda: (r := rows(s.ctl("status").stdout).get("linux")) and r[1:4] == ["2", "0", "1"] and r, 10, "2 queued, 0 running, 1 pending")
    assert line[7] == "1", "the limit"
    brief, whole = s.ctl("status", "--brief").stdout, s.ctl("status").stdout
    assert str(second) in rows(brief) and "UNIT" not in rows(brief) and "UNIT" in rows(whole)
    [unit] = [u["name"] for u in s.units()]
    told = s.ctl("explain", str(first))
    assert told.returncode == 0 and f"Request {first} of pool linux" in told.stdout and unit in told.stdout
    assert reasons[second].partition(" ")[2] in s.ctl("explain", str(second)).stdout
    nobody = s.ctl("explain", "999999")
    assert nobody.returncode == 1 and "No process knows request 999999" in nobody.stdout
    assert {"watcher", "provisioner", "reaper"} == set(s.status()["pools"][0]["ages_ms"])

    s.kill("reaper")
    result = s.ctl("status")
    assert result.returncode == 1 and "linux" in rows(result.stdout)
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == ["reaper"]
    assert s.ctl("ping", "reaper").returncode == 69 and s.ctl("ping", "watcher").returncode == 0 and s.ctl("ping").returncode == 1
    s.kill("provisioner")
    assert "The watcher" in s.ctl("explain", str(first)).stdout or f"Request {first}" in s.ctl("explain", str(first)).stdout


def test_foreign_names_do_not_reach_the_terminal(system):
    s = system().start()
    s.control.post("kubelet/rules", match="linux", trouble="pending")
    s.queue(name="evil\x1b]0;pwned\x07\u202e name")
    status = wait_until(lambda: (t := s.ctl("status").stdout) and "evil" in t and t, 15, "the name in status")
    assert "\x1b" not in status and "\x07" not in status and "\u202e" not in status
    assert "evil]0;pwned name" in status
