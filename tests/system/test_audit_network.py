"""The ways out: HTTPS with a CA of one's own, an HTTP proxy, a kubeconfig whose credentials come from a program. And where secrets must not be seen."""
import os
import socket
import ssl
import subprocess
import threading

import pytest

from tests.system.harness import REAL, ROLES, wait_until

HOST = "ado.invalid"


def pump(a: socket.socket, b: socket.socket) -> None:
    try:
        while data := a.recv(65536):
            b.sendall(data)
    except (OSError, ssl.SSLError):
        pass
    for s in (a, b):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Relay:
    """Passes connections on to one port of this machine: with TLS in front of it, or as an HTTP proxy that knows CONNECT."""

    def __init__(self, target: int, tls: ssl.SSLContext | None = None, proxy: bool = False, refuse: str = ""):
        self.target, self.tls, self.proxy, self.refuse = target, tls, proxy or bool(refuse), refuse
        self.asked: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn: socket.socket) -> None:
        try:
            if self.proxy:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += conn.recv(4096) or b"\r\n\r\n"
                self.asked.append(head.decode(errors="replace"))
                refuse = self.refuse or ("" if head.startswith(b"CONNECT ") else "405 Method Not Allowed")
                if refuse:
                    conn.sendall(f"HTTP/1.1 {refuse}\r\nContent-Length: 0\r\n\r\n".encode())
                    return conn.close()
                conn.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            if self.tls:
                conn = self.tls.wrap_socket(conn, server_side=True)
            upstream = socket.create_connection(("127.0.0.1", self.target))
        except (OSError, ssl.SSLError):
            return conn.close()
        threading.Thread(target=pump, args=(conn, upstream), daemon=True).start()
        pump(upstream, conn)

    def close(self) -> None:
        self.listener.close()


def certificate(directory, name: str) -> ssl.SSLContext:
    """A CA in ca.pem and a server's context with a certificate of it for `name`."""
    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=directory, check=True, capture_output=True)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=audit-ca")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "tls.key", "-out", "tls.csr", "-subj", f"/CN={name}")
    (directory / "san").write_text(f"subjectAltName=DNS:{name}\n")
    openssl("x509", "-req", "-in", "tls.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "san", "-out", "tls.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "tls.pem", directory / "tls.key")
    return context


@pytest.fixture
def relays():
    made = []

    def make(*args, **more):
        made.append(Relay(*args, **more))
        return made[-1]
    yield make
    for relay in made:
        relay.close()


def port_of(s) -> int:
    return int(s.stage.ado.split(":")[2].split("/")[0])


def test_https_with_a_ca_of_ones_own(system, relays, tmp_path):
    s = system()
    front = relays(port_of(s), tls=certificate(tmp_path, "localhost"))
    s.env |= {"ORG_URL": f"https://localhost:{front.port}/contoso-ci", "CA_FILE": str(tmp_path / "ca.pem")}
    s.start()
    [job] = s.queue(duration=0.1)
    s.expect_finished([job])
    s.expect_clean()


@pytest.mark.parametrize("name,ca", [("localhost", False), ("other.example", True)], ids=["unknown-ca", "another-name"])
def test_a_certificate_that_cannot_be_trusted(system, relays, tmp_path, name, ca):
    s = system()
    front = relays(port_of(s), tls=certificate(tmp_path, name))
    s.env |= {"ORG_URL": f"https://localhost:{front.port}/contoso-ci"} | ({"CA_FILE": str(tmp_path / "ca.pem")} if ca else {})
    s.start()
    s.queue()
    reason = wait_until(lambda: next((p.get("reason", "") for p in s.status().get("pools", []) if "certificate" in p.get("reason", "").lower()), ""), 15, "the reason")
    assert "CA_FILE" in reason or ca, reason
    assert not s.control.get("record")["calls"], "nothing was sent, the token least of all"


def test_through_a_proxy(system, relays, tmp_path):
    s = system()
    front = relays(port_of(s), tls=certificate(tmp_path, HOST))
    proxy = relays(front.port, proxy=True)
    s.env |= {"ORG_URL": f"https://{HOST}/contoso-ci", "CA_FILE": str(tmp_path / "ca.pem"), "HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}",
              "NO_PROXY": "localhost,127.0.0.1"}
    s.start()
    [job] = s.queue(duration=0.1)
    s.expect_finished([job])
    assert {line.split()[1] for line in proxy.asked} == {f"{HOST}:443"}, "and the cluster, which NO_PROXY names, was reached directly"
    assert "Authorization" not in "".join(proxy.asked)


def why_stale(s) -> str:
    return " ".join(p.get("reason", "") for p in s.status().get("pools", []))


def test_a_proxy_that_is_not_there(system, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    s = system(ORG_URL=f"https://{HOST}/contoso-ci", HTTPS_PROXY=f"http://user:hunter2@127.0.0.1:{port}", NO_PROXY="127.0.0.1").start()
    wait_until(lambda: "HTTPS_PROXY" in why_stale(s) and str(port) in why_stale(s), 15, "the proxy is named")
    assert "hunter2" not in why_stale(s) + "".join(s.log(r) for r in ROLES)


def test_a_proxy_that_refuses(system, relays):
    proxy = relays(1, refuse="407 Proxy Authentication Required")
    s = system(ORG_URL=f"https://{HOST}/contoso-ci", HTTPS_PROXY=f"http://user:hunter2@127.0.0.1:{proxy.port}", NO_PROXY="127.0.0.1").start()
    wait_until(lambda: "407" in why_stale(s), 15, "the proxy's answer is told")
    assert "hunter2" not in why_stale(s) + "".join(s.log(r) for r in ROLES)
    assert "Proxy-Authorization: Basic" in proxy.asked[0]


@pytest.mark.skipif(not REAL, reason="needs a real API server")
def test_credentials_from_a_program(system, tmp_path):
    """A kubeconfig exec plugin: asked once, and again when its credential is refused."""
    s = system()
    count, plugin, old = tmp_path / "count", tmp_path / "plugin", open(s.stage.kubeconfig).read()
    plugin.write_text(f"""#!/bin/sh
echo "$AZP_AUDIT $KUBERNETES_EXEC_INFO" >> {count}
token=admintoken; [ "$(grep -c . {count})" -gt 1 ] || token=wrong
printf '{{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{{"token":"%s"}}}}' $token
""")
    plugin.chmod(0o755)
    file = tmp_path / "exec.kubeconfig"
    file.write_text(old.replace("token: admintoken", f"exec: {{apiVersion: client.authentication.k8s.io/v1, command: {plugin}, interactiveMode: Never, "
                                "env: [{name: AZP_AUDIT, value: told}], provideClusterInfo: true}"))
    s.env["KUBECONFIG"] = str(file)
    s.start("provisioner", "watcher")
    [job] = s.queue(duration=0.1)
    s.expect_finished([job])
    lines = count.read_text().splitlines()
    assert len(lines) == 2 and all(line.startswith("told {") and "ExecCredential" in line for line in lines)
    assert "admintoken" not in s.log("provisioner")


def test_secrets_are_nowhere(system, tmp_path):
    secret = "pat-that-nobody-may-see"
    s = system(ORG_PAT=secret, LOG_LEVEL="debug")
    s.control.post("settings", pats={secret: "manage"})
    s.start()
    [job] = s.queue(duration=1)
    wait_until(lambda: s.ado_jobs()[job]["received"], 20, "it runs")
    encoded = ["nobody-may-see", "OnBhdC10aGF0LW5vYm9keS1tYXktc2Vl", "cGF0LXRoYXQtbm9ib2R5LW1heS1zZWU"]      # :PAT and PAT in base64
    seen = {"status": s.ctl("status", "--json").stdout + s.ctl("status").stdout + s.ctl("explain", str(job)).stdout}
    for role in ROLES:
        pid = s.processes[role].pid
        seen |= {f"{role}.log": s.log(role), f"{role} argv": open(f"/proc/{pid}/cmdline").read(), f"{role} environ": open(f"/proc/{pid}/environ").read()}
        assert os.access(f"/proc/{pid}/mem", os.R_OK)
    seen["jobs"] = str([r["object"] for r in s.jobs.rows()]) + str(s.pods())
    assert [where for where, text in seen.items() if any(e in text for e in encoded)] == []
