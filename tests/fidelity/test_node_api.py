"""Microsoft's Node client reads job requests from the stand-in."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).with_name("jobrequests.js")
ONLINE, SUCCEEDED = 2, 0         # the client's enums


def node(stage) -> dict:
    run = subprocess.run(["node", str(SCRIPT), stage.ado, "pat", "12"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.fixture(autouse=True)
def needs_node():
    if not shutil.which("node"):
        pytest.skip("node is not installed")
    if not (pathlib.Path(os.environ.get("NODE_PATH", "")) / "azure-devops-node-api").is_dir():
        pytest.skip("azure-devops-node-api is not installed")


def test_job_requests(stage):
    agent = stage.control.post("agents", pool="linux", name="a1")["id"]
    running, waiting = stage.control.post("jobs", pool="linux", n=2, demands=["Agent.Version -gtVersion 2.1"], duration=600)["ids"]
    got = node(stage)
    assert got["pools"] == ["linux", "windows"]
    assert [(a["name"], a["status"], a["capabilities"]["Agent.Name"]) for a in got["agents"]] == [("a1", ONLINE, "a1")]
    rows = {r["id"]: r for r in got["requests"]}
    assert rows[running]["agent"] == "a1" and rows[running]["received"] and rows[running]["queued"]
    assert not rows[waiting]["received"] and rows[waiting]["demands"] == ["Agent.Version -gtVersion 2.1"]
    assert got["one"]["id"] == max(running, waiting)
    stage.control.post(f"agents/{agent}/finish")
    assert next(r for r in node(stage)["requests"] if r["id"] == running)["result"] == SUCCEEDED
