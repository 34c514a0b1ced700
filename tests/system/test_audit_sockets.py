"""RUN_DIR: each way a socket cannot be had ends with code 78 and one sentence; what a newer or older peer says is understood."""
import os
import pathlib
import socket
import stat
import struct
import subprocess

import msgpack
import pytest

from tests.system.harness import BUILD, ROLES, wait_until
from tests.system.peers.frames import Connection, dial
from tests.system.peers.watcher import Watcher


def outcome(s, role: str, **env) -> str:
    run = s.run_alone(role, **env)
    text = run.stdout + run.stderr
    assert run.returncode == 78, text
    lines = [line for line in text.splitlines() if "RUN_DIR" in line]
    assert len(lines) == 1, text
    return lines[0]


@pytest.mark.parametrize("role", ROLES)
def test_the_path_is_taken_by_a_live_process(system, role):
    s = system().start(role)
    wait_until(lambda: s.ctl("ping", role).returncode == 0, 10, "it listens")
    assert "another process already listens" in outcome(s, role)
    assert s.ctl("ping", role).returncode == 0, "and the first one still does"


@pytest.mark.parametrize("role", ROLES)
def test_what_a_killed_process_left_is_cleared(system, role):
    s = system().start(role)
    path = pathlib.Path(s.env["RUN_DIR"]) / role / "socket"
    wait_until(lambda: s.ctl("ping", role).returncode == 0, 10, "it listens")
    s.kill(role)
    assert path.exists()
    s.start(role)
    wait_until(lambda: s.ctl("ping", role).returncode == 0, 10, "it listens again")
    assert stat.S_IMODE(path.stat().st_mode) == 0o660 and stat.S_IMODE(path.parent.stat().st_mode) == 0o750


def test_paths_that_cannot_be_used(system, tmp_path):
    s = system()
    (tmp_path / "file").write_text("")
    assert "Not a directory" in outcome(s, "watcher", RUN_DIR=str(tmp_path / "file"))
    (tmp_path / "a/watcher").mkdir(parents=True)
    (tmp_path / "a/watcher/socket").write_text("precious")
    assert "is not a socket" in outcome(s, "watcher", RUN_DIR=str(tmp_path / "a"))
    assert (tmp_path / "a/watcher/socket").read_text() == "precious"
    (tmp_path / "b").mkdir()
    (tmp_path / "b/watcher").symlink_to(tmp_path)
    assert "is not a directory" in outcome(s, "watcher", RUN_DIR=str(tmp_path / "b"))
    assert "too long" in outcome(s, "watcher", RUN_DIR=str(tmp_path / ("x" * 100)))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_a_directory_that_cannot_be_written(system, tmp_path):
    s = system()
    home = pathlib.Path("/tmp") / f"azp-{s.namespace}"
    home.mkdir(mode=0o755)
    try:
        binary = home / "azp-watcher"
        binary.write_bytes((BUILD / "azp-watcher").read_bytes())
        binary.chmod(0o755)
        for mode, words in ((0o755, "Permission denied"), (0o777, "belongs to user 0")):
            run = home / oct(mode)
            run.mkdir()
            run.chmod(mode)
            if mode == 0o777:
                (run / "watcher").mkdir(mode=0o750)
            ran = subprocess.run([str(binary)], env=s.env | {"RUN_DIR": str(run)}, capture_output=True, text=True, timeout=20, user=65534, group=65534, extra_groups=[])
            assert ran.returncode == 78 and words in ran.stderr + ran.stdout and "RUN_DIR" in ran.stderr + ran.stdout
    finally:
        subprocess.run(["rm", "-rf", str(home)], check=True)


class Stranger(Connection):
    """Says a hello of its own."""

    def __init__(self, s, **fields):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(f"{s.env['RUN_DIR']}/provisioner/socket")
        self.stream = self.sock.makefile("rb")
        self.send("hello", **fields)


def test_the_next_version_is_spoken_with(system):
    """It knows how to speak with us."""
    s = system().start("provisioner")
    wait_until(lambda: s.ctl("ping", "provisioner").returncode == 0, 10, "it listens")
    peer = Stranger(s, version=2, role="azpctl", build="other", a_key_of_tomorrow=[1, {"x": b"y"}])
    assert peer.receive()[0] == "hello"
    peer.send("status", another_key={"deep": [None, 1.5, "x"]})
    assert peer.receive()[0] == "status_reply"


def test_a_version_too_far_away_is_told_so(system):
    s = system().start("provisioner")
    wait_until(lambda: s.ctl("ping", "provisioner").returncode == 0, 10, "it listens")
    peer = Stranger(s, version=9, role="watcher")
    answers = []
    while (message := peer.receive()) is not None:
        answers.append(message)
    assert ("unsupported", 9) in [(name, fields.get("number")) for name, fields in answers]
    wait_until(lambda: s.log("provisioner").count("version") == 1, 5, "logged once")


def test_unknown_messages_are_answered_and_unknown_keys_skipped(system):
    s = system().start("provisioner")
    wait_until(lambda: s.ctl("ping", "provisioner").returncode == 0, 10, "it listens")
    peer = dial(s.env["RUN_DIR"], "provisioner", "azpctl")
    body = msgpack.packb({"t": 200, "x": 1})
    peer.sock.sendall(struct.pack(">I", len(body)) + body)
    name, fields = peer.receive()
    assert (name, fields["number"]) == ("unsupported", 200)
    peer.send("status")
    assert peer.receive()[0] == "status_reply"
    row = {"id": 7, "queued_ms": 1, "mood": "good"}
    watcher = Watcher(s.env["RUN_DIR"], [{"pool": "linux", "pool_id": 12, "requests": [row], "agents": []}], targets=("provisioner",)).start()
    wait_until(lambda: len(s.units()) == 1, 15, "the row with a key of tomorrow is a request all the same")
    watcher.stop()
