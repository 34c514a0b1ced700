"""Bad input through the real programs: files that cannot be read, and servers that answer with anything but what was asked for. Each is a clear error or a
clean recovery, and a job that was queued meanwhile is served."""
import json
import re
import socket
import threading
import urllib.parse

import pytest
import yaml

from tests.system.harness import REAL, wait_until

DEEP = b"[" * 5000
BOMB = b"".join(b"%c: &%c [%s]\n" % (c, c, b", ".join([b"*%c" % (c - 1) if c > 97 else b"x"] * 9)) for c in range(97, 105))
FILES = {"truncated": (b"kind: {a: [", r":[12]:\d+: "), "deep": (DEEP, r":1:\d+: nested too deeply"), "bomb": (BOMB, r":\d+:\d+: too many values"),
         "latin1": (b"kind: caf\xe9\n", r":1:\d+: byte 0xe9 is not UTF-8"), "utf16": ("kind: Job\n".encode("utf-16"), "UTF-16"), "nul": (b"kind: a\0b\n", r":1:\d+: "),
         "oversized": (b"#" * (1 << 20) + b"\n", "larger than 1 MiB"), "twice": (b"kind: a\nkind: b\n", r':2:1: key "kind" is here a second time'),
         "empty": (b"", ""), "html": (b"<!DOCTYPE html><html><body>404</body></html>", "")}


@pytest.mark.parametrize("setting", ["CONFIG_FILE", "JOB_DEFINITION_FILE", "KUBECONFIG"])
@pytest.mark.parametrize("what", FILES)
def test_a_file_that_cannot_be_read(system, tmp_path, setting, what):
    content, words = FILES[what]
    file = tmp_path / "bad.yaml"
    file.write_bytes(content)
    run = system().run_alone("provisioner", **{setting: str(file)})
    assert run.returncode == 78, run.stdout + run.stderr
    text = run.stderr.replace('\\"', '"')
    assert str(file) in text and re.search(words, text), text
    assert len(run.stderr) < 2000 and all(" " <= c or c == "\n" for c in run.stderr)


class Front:
    """A TCP door before a server. While .bytes is set each connection gets those bytes as its answer and is closed; the others are passed through."""

    def __init__(self, port: int):
        self.port, self.bytes, self.answered, self.pairs = port, None, 0, []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def spoil(self, answer: bytes | None) -> None:
        """Connections that are open are cut, so that the next word is the new one."""
        self.bytes = answer
        pairs, self.pairs = self.pairs, []
        for sock in (s for pair in pairs for s in pair):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self) -> None:
        while True:
            client, _ = self.server.accept()
            threading.Thread(target=self._spoiled if self.bytes is not None else self._pass, args=(client,), daemon=True).start()

    def _spoiled(self, client: socket.socket) -> None:
        answer = self.bytes
        with client:
            client.settimeout(5)
            try:
                if client.recv(65536):
                    self.answered += 1                  # before: the other end may hang up in the middle
                    client.sendall(answer)
            except OSError:
                pass

    def _pass(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self.port))
        self.pairs.append((client, server))
        threading.Thread(target=self._copy, args=(server, client), daemon=True).start()
        self._copy(client, server)

    @staticmethod
    def _copy(a: socket.socket, b: socket.socket) -> None:
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        for sock in (a, b):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def reply(body: bytes, status: str = "200 OK", kind: str = "application/json", length: int | None = None, more: str = "") -> bytes:
    return (f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body) if length is None else length}\r\n{more}Connection: close\r\n\r\n").encode() + body


STATUS = json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 503, "reason": "ServiceUnavailable", "message": "wait"}).encode()
ROW = b'{"kind":"List","metadata":{"resourceVersion":"1"},"items":[{"metadata":{"name":"%s"}}]}'
ANSWERS = {
    "html": reply(b"<!DOCTYPE html><html><body>Please accept our terms of use</body></html>", kind="text/html"),
    "empty-401": reply(b"", "401 Unauthorized"),
    "bom": reply(b"\xef\xbb\xbf" + STATUS, "503 Service Unavailable"),
    "text": reply(b"upstream connect error or disconnect/reset before headers", kind="text/plain"),
    "truncated": reply(b'{"kind":"List","metadata":{"resourceVersion":"7"},"items":[{"metadata":{"na'),
    "cut": reply(b'{"kind":"List","items":[', length=4000),
    "deep": reply(b'{"kind":"List","items":[' + DEEP),
    "oversized-row": reply(ROW % (b"x" * (9 << 20))),
    "not-utf8": reply(ROW % b"caf\xe9\xff"),
    "null": reply(b'{"kind":"List","metadata":null,"items":null}'), "array": reply(b"[]"), "nothing": reply(b""), "number": reply(b"1e999"),
    "binary": b"\0\x01\x02\xff" * 500, "gzip-that-is-none": reply(STATUS, more="Content-Encoding: gzip\r\n"),
    "endless-headers": b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 400_000 + b"\r\n\r\n",
}


OF_KUBERNETES = ["html", "empty-401", "bom", "text", "truncated", "deep", "not-utf8", "array", "binary"]
OF_ADO = ["text", "deep", "oversized-row", "not-utf8", "binary", "endless-headers"]           # tests/system/test_stale.py has the others


def fronted_cluster(s, tmp_path) -> Front:
    config = yaml.safe_load(open(s.stage.kubeconfig))
    cluster = config["clusters"][0]["cluster"]
    front = Front(urllib.parse.urlsplit(cluster["server"]).port)
    cluster["server"] = front.url
    file = tmp_path / "front.kubeconfig"
    file.write_text(yaml.safe_dump(config))
    s.env["KUBECONFIG"] = str(file)
    return front


@pytest.mark.skipif(bool(REAL), reason="the door speaks no TLS")
@pytest.mark.parametrize("what", OF_KUBERNETES)
def test_the_kubernetes_api_talks_nonsense(system, tmp_path, what):
    """At the start and in the middle."""
    s = system()
    front = fronted_cluster(s, tmp_path)
    front.spoil(ANSWERS[what])
    [early] = s.queue(duration=0.1)
    s.start()
    wait_until(lambda: front.answered >= 3, 15, "three answers of the kind")
    assert sorted(s.alive()) == ["provisioner", "reaper", "watcher"] and not s.jobs.rows()
    front.spoil(None)
    s.expect_finished([early], 45)
    [busy] = s.queue(duration=4)
    wait_until(lambda: s.ado_jobs()[busy]["received"], 15, "a job runs")
    seen = front.answered
    front.spoil(ANSWERS[what])
    late = s.queue(n=2, duration=0.1)
    wait_until(lambda: front.answered >= seen + 3, 15, "three more")
    front.spoil(None)
    s.expect_finished([busy, *late], 60)
    s.expect_clean(40)
    s.expect_one_unit_each([early, busy, *late])
    assert sorted(s.alive()) == ["provisioner", "reaper", "watcher"]


@pytest.mark.parametrize("what", OF_ADO)
def test_azure_devops_talks_nonsense(system, what):
    s = system()
    url = urllib.parse.urlsplit(s.stage.ado)
    front = Front(url.port)
    s.env["ORG_URL"] = front.url + url.path
    front.spoil(ANSWERS[what])
    [early] = s.queue(duration=0.1)
    s.start()
    wait_until(lambda: front.answered >= 2, 15, "two answers of the kind")
    wait_until(lambda: (p := s.status().get("pools")) and p[0]["state"] != "ok" and p[0]["reason"], 10, "the pool says what is wrong")
    front.spoil(None)
    s.expect_finished([early], 45)
    seen = front.answered
    front.spoil(ANSWERS[what])
    late = s.queue(n=2, duration=0.1)
    wait_until(lambda: front.answered >= seen + 2, 15, "two more")
    assert len(s.jobs.rows()) == 1, "nothing is made on an old picture"
    front.spoil(None)
    s.expect_finished(late, 60)
    s.expect_clean(40)
    s.expect_one_unit_each([early, *late])
