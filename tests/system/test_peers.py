"""One process replaced alone: a watcher and a reaper in Python, written from protocol/README.md, around the real provisioner."""
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest

from tests.sim.stage import ROOT
from tests.system.harness import REQUEST_ID, wait_until
from tests.system.peers.frames import dial, encode
from tests.system.peers.reaper import Reaper
from tests.system.peers.watcher import Watcher


def row(request, **more):
    return {"id": request, "queued_ms": int(time.time() * 1000), "definition": "by hand", **more}


@pytest.fixture
def trio(system):
    """The real provisioner between a watcher that reads from a list and a reaper that only listens."""
    s = system().start("provisioner")
    reaper = Reaper(s.env["RUN_DIR"])
    pool = {"pool": "linux", "pool_id": 12, "requests": [], "agents": []}
    watcher = Watcher(s.env["RUN_DIR"], [pool], targets=("provisioner",)).start()
    wait_until(lambda: reaper.told and watcher.heard, 10, "both know who leads")
    yield s, pool, watcher, reaper
    watcher.stop()
    reaper.stop()


def units(s):
    """request -> metadata of its Job"""
    return {int(u["object"]["metadata"]["annotations"][REQUEST_ID]): u["object"]["metadata"] for u in s.units()}


def requests_of_units(s):
    return sorted(units(s))


def test_a_watcher_from_a_list(trio):
    s, pool, watcher, reaper = trio
    pool["requests"] = [row(101), row(102), row(103, demands=["Agent.Name -equals somebody-else"])]
    wait_until(lambda: requests_of_units(s) == [101, 102], 20, "a unit for each request that one can serve")
    wait_until(lambda: s.reasons().get(103), 10, "why 103 waits")
    pool["requests"].append(row(104))
    watcher.poke()
    wait_until(lambda: requests_of_units(s) == [101, 102, 104], 20, "a unit for the delta")
    assert reaper.wait_for(lambda who, name, fields: name == "leader")[2] == {"leading": True}
    assert not [entry for entry in reaper.told if entry[1] == "retire"]


def test_a_reaper_that_only_listens(trio):
    s, pool, watcher, reaper = trio
    s.control.post("kubelet/rules", match="linux", trouble="pending")
    pool["requests"] = [row(201), row(202)]
    wait_until(lambda: requests_of_units(s) == [201, 202], 20, "two units")
    by_request = units(s)
    del pool["requests"][0]
    watcher.poke()
    _, _, order = reaper.wait_for(lambda who, name, fields: name == "retire")
    assert (order["unit"], order["uid"]) == (by_request[201]["name"], by_request[201]["uid"])
    words = "its image is not there"
    reaper.say("trouble", unit=by_request[202]["name"], uid=by_request[202]["uid"], cause="image-pull", message=words)
    wait_until(lambda: words in s.ctl("explain", "202").stdout, 10, "the reaper's words in azpctl explain")
    assert {u["name"] for u in s.units()} >= {by_request[201]["name"], by_request[202]["name"]}, "the provisioner never deletes"


def test_the_watcher_comes_back(trio):
    s, pool, watcher, _ = trio
    pool["requests"] = [row(301)]
    wait_until(lambda: requests_of_units(s) == [301], 20, "one unit")
    watcher.stop()
    again = Watcher(s.env["RUN_DIR"], [pool], targets=("provisioner",)).start()
    pool["requests"] = [row(301), row(302)]
    wait_until(lambda: requests_of_units(s) == [301, 302], 20, "the second unit")
    s.expect_one_unit_each([301, 302])
    again.stop()


def test_the_example_of_the_readme(system):
    s = system().start("provisioner")
    wait_until(lambda: s.ctl("ping", "provisioner").returncode == 0, 10, "provisioner up")
    code = (ROOT / "protocol/README.md").read_text().split("```python\n")[1].split("```")[0]
    ran = subprocess.run([sys.executable, "-c", code], env=s.env, capture_output=True, text=True, timeout=20)
    assert ran.returncode == 0, ran.stderr
    hello, told = ran.stdout.splitlines()
    assert "'role': 'provisioner'" in hello and "'t': 7, 'leading': True" in told


def closes(sock, deadline=10):
    sock.settimeout(deadline)
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def raw(s, role="provisioner"):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(f"{s.env['RUN_DIR']}/{role}/socket")
    return sock


HOSTILE = {
    "too long": b"\xff\xff\xff\xff",
    "a huge map": struct.pack(">I", 5) + b"\xdf\xff\xff\xff\xff",
    "another version": encode("hello", version=9, role="watcher"),
    "another role": encode("hello", version=1, role="provisioner"),
    "no hello": encode("poll"),
    "not allowed": encode("hello", version=1, role="watcher") + encode("retire", unit="u", uid="u", reason="r"),
    "a delta first": encode("hello", version=1, role="watcher")
    + encode("requests", pool="linux", pool_id=12, full=False, set=1, last=True, began_ns=0, stale=False, delay_ms=1),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_bytes_close_one_connection(trio, what):
    s, pool, _, _ = trio
    sock = raw(s)
    sock.sendall(HOSTILE[what])
    assert closes(sock)
    pool["requests"] = [row(401)]
    wait_until(lambda: requests_of_units(s) == [401], 20, "work goes on")


def test_a_flood_and_a_peer_that_stalls(trio):
    s, pool, _, _ = trio
    stalled = raw(s)
    stalled.sendall(encode("hello", version=1, role="azpctl") + struct.pack(">I", 1000) + b"half")
    done = threading.Event()

    def flood():
        peer = dial(s.env["RUN_DIR"], "provisioner", "azpctl")
        peer.sock.settimeout(None)
        frames = encode("status") * 200
        try:
            while not done.is_set():
                peer.sock.sendall(frames)          # and reads nothing
        except OSError:
            pass
    threads = [threading.Thread(target=flood, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    pool["requests"] = [row(n) for n in range(500, 520)]
    wait_until(lambda: len(s.units()) == 20, 20, "20 units while four peers flood")
    assert s.ctl("ping", "provisioner").returncode == 0
    done.set()
    assert s.alive() == ["provisioner"]
