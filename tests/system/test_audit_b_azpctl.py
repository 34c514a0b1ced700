"""azpctl as a person sees it: 80 columns, hostile names, many jobs, processes that are down; and as a program does: --json."""
import time
import unicodedata

from tests.system.harness import wait_until

HOSTILE = "evil\x1b]0;pwned\x07\u202e\u2028\u200bname " + "\U0001f600" * 5 + "x" * 300


def width(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def test_five_hundred_wait(system):
    s = system(pools=("linux", "gpu-pool"), MAXIMUM_AGENT_COUNT="2").start()
    s.control.post("kubelet/rules", match="gpu", trouble="image-pull")
    [bad] = s.queue("gpu-pool", name=HOSTILE)
    time.sleep(1)                       # Azure DevOps cuts some of its times to whole seconds
    ids = s.queue(n=500, duration=600)
    wait_until(lambda: len(s.reasons()) == 499, 30, "498 wait for the limit, one for its image")
    wait_until(lambda: s.status()["pools"][0]["running"] == 2, 15, "two run")
    text = s.ctl("status", "--brief").stdout
    lines = text.splitlines()
    head = lines[0]
    assert all(width(line) <= 80 for line in lines[:3]), "the table of pools"
    assert len(lines) < 32, "the pools stay on the screen"
    assert all(c.isprintable() or c == "\n" for c in text)
    assert "... and 479 more that wait:" in text and "479  linux: limit: MAXIMUM_AGENT_COUNT of pool linux is reached (2)" in text
    [row] = [line for line in lines if line.startswith(str(bad))]
    assert "image-pull: " in row and "…" in row
    column = next(line for line in lines if line.startswith("REQUEST")).index("WHY")
    assert width(row[:row.index("image-pull:")]) == column, "emoji take two cells"
    assert head.split() == ["POOL", "QUEUED", "RUNNING", "PEND", "START", "BUSY", "ENDED", "LIMIT", "SEEN", "STATE"]
    status = s.status()
    times = [r["queued_ms"] for r in status["requests"]]
    assert {r["id"] for r in status["requests"]} == {bad, *ids} and times == sorted(times), "oldest first, all of them"
    assert set(status) == {"processes", "pools", "requests", "units"}
    assert set(status["requests"][0]) >= {"id", "pool", "state", "unit", "code", "reason", "queued_ms", "definition", "url"}


def test_explain_in_each_state(system):
    s = system(MAXIMUM_AGENT_COUNT="2").start()
    s.control.post("kubelet/rules", match="linux", trouble="image-pull", times=1)
    [pulling] = s.queue()
    wait_until(lambda: "image-pull" in s.reasons().get(pulling, ""), 15, "the image cannot be pulled")
    [running] = s.queue(duration=600)
    wait_until(lambda: s.ado_jobs()[running]["received"] or s.ado_jobs()[pulling]["received"], 15, "one runs")
    running, pulling = (running, pulling) if s.ado_jobs()[running]["received"] else (pulling, running)
    [limited] = s.queue()
    wait_until(lambda: "limit" in s.reasons().get(limited, ""), 15, "one waits for the limit")
    wait_until(lambda: "has it." in s.ctl("explain", str(running)).stdout, 10, "the runner is known")
    assert "What to do: Wait, or raise the limit that is named." in s.ctl("explain", str(limited)).stdout
    told = wait_until(lambda: "(image-pull)" in (t := s.ctl("explain", str(pulling)).stdout) and t, 15, "its unit, made for either, cannot pull")
    assert "What to do: Mend the image's name" in told and "pending" in told
    s.control.post(f"jobs/{limited}/cancel")
    wait_until(lambda: "It has ended: canceled" in s.ctl("explain", str(limited)).stdout, 15, "the end is told")
    s.kill("provisioner")
    told = s.ctl("explain", str(running))
    assert "the provisioner, which does not answer, knows which" in told.stdout and "not one of our units" not in told.stdout
    assert told.stderr.startswith("provisioner: cannot reach")
    brief = s.ctl("status", "--brief")
    assert brief.returncode == 1 and "The provisioner does not answer: why a job waits is not known." in brief.stdout
    s.kill("reaper")
    assert s.ctl("status").returncode == 1 and s.ctl("ping").returncode == 1 and s.ctl("explain", "424242").returncode == 1
    s.kill("watcher")
    assert [s.ctl(*words).returncode for words in (("status",), ("ping",), ("explain", "1"))] == [69, 69, 69]
