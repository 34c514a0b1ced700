"""The product on the stand-ins (or on a real API server: SYSTEM_KUBECONFIG=FILE), one namespace and one RUN_DIR per test. Everything waits for a state,
never for a time."""
from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import time
import uuid
from collections import Counter

from tests.sim.kubeclient import ApiError
from tests.sim.procs import end, spawn
from tests.sim.restclient import Recorder, Rest
from tests.sim.stage import ROOT, Stage

BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
if not BUILD.is_absolute():
    BUILD = ROOT / BUILD
REAL = os.environ.get("SYSTEM_KUBECONFIG")
ROLES = ("reaper", "provisioner", "watcher")
PLACEHOLDER = "ADO_ORCHESTRATOR_PLACEHOLDER"
REQUEST_ID = "ado-orchestrator.io/request-id"
SLOW = float(os.environ.get("SYSTEM_SLOW", "4" if REAL else "1"))       # deadlines grow with the slowness of what is tested


class Timeout(AssertionError):
    pass


def wait_until(condition, deadline: float = 15.0, what: str = "", every: float = 0.05):
    """Polls until condition() is true and returns its value; AssertionError with the last value otherwise."""
    until = time.monotonic() + deadline * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise Timeout(f"not within {deadline * SLOW:g} s: {what or getattr(condition, '__name__', 'condition')}: last value {value!r}")
        time.sleep(every)


class System:
    def __init__(self, directory: pathlib.Path, pools=("linux",), arguments=(), **env: str):
        self.dir = pathlib.Path(directory)
        self.namespace = f"t-{uuid.uuid4().hex[:8]}"
        self.pools = list(pools)
        self.stage = Stage(self.dir, [p if "=" in p else p for p in pools], REAL, self.namespace, arguments)
        self.control = self.stage.control
        self.rest = Rest(self.stage.kubeconfig)
        self.jobs = Recorder(self.rest, f"/apis/batch/v1/namespaces/{self.namespace}/jobs").start()
        self.env = self._environment() | {k: str(v) for k, v in env.items()}
        self.processes: dict[str, subprocess.Popen] = {}
        self.starts: Counter = Counter()

    def _environment(self) -> dict[str, str]:
        run = self.dir / "run"
        run.mkdir(exist_ok=True)
        return {"PATH": os.environ["PATH"], "HOME": str(self.dir), "ORG_URL": self.stage.ado, "ORG_PAT": "pat",
                "AGENT_POOLS": ",".join(p.partition("=")[0] for p in self.pools), "JOB_IMAGE": "registry.example/agent:1", "JOB_NAMESPACE": self.namespace,
                "KUBECONFIG": str(self.stage.kubeconfig), "RUN_DIR": str(run), "POLLING_DELAY": "200", "AGENTS_DELAY": "1", "JOB_RETENTION": "1",
                "FAILED_JOB_RETENTION": "2", "LOG_LEVEL": os.environ.get("SYSTEM_LOG_LEVEL", "info")} | {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}

    # ---- processes ----
    def start(self, *roles: str, **env: str) -> "System":
        for role in roles or ROLES:
            self.starts[role] += 1
            with (self.dir / f"{role}.log").open("ab") as out:
                self.processes[role] = spawn([str(BUILD / f"azp-{role}")], self.env | {k: str(v) for k, v in env.items()}, out)
        return self

    def kill(self, role: str) -> None:
        end(self.processes.pop(role), signal.SIGKILL)

    def stop(self, *roles: str) -> dict[str, int]:
        """SIGTERM; the exit codes."""
        return {role: end(self.processes.pop(role), signal.SIGTERM, 10 * SLOW) for role in roles or list(self.processes)}

    def wait_exit(self, role: str, deadline: float = 30.0) -> int:
        return self.processes[role].wait(deadline * SLOW)

    def alive(self) -> list[str]:
        return [r for r, p in self.processes.items() if p.poll() is None]

    def run_alone(self, role: str, *arguments: str, **env: str | None) -> subprocess.CompletedProcess:
        """One process to its end, for start-up errors."""
        merged = {k: v for k, v in {**self.env, **env}.items() if v is not None}
        return subprocess.run([str(BUILD / f"azp-{role}"), *arguments], env=merged, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30 * SLOW)

    def log(self, role: str) -> str:
        path = self.dir / f"{role}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    # ---- azpctl ----
    def ctl(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([str(BUILD / "azpctl"), *arguments], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20 * SLOW)

    def status(self) -> dict:
        """{} while nothing answers."""
        out = self.ctl("status", "--json").stdout
        return json.loads(out) if out.strip().startswith("{") else {}

    def reasons(self) -> dict[int, str]:
        """request -> "code reason", of those that wait."""
        return {r["id"]: f"{r.get('code', '')} {r.get('reason', '')}".strip() for r in self.status().get("requests", []) if r.get("reason") or r.get("code")}

    # ---- Azure DevOps ----
    def queue(self, pool: str = "linux", n: int = 1, **more) -> list[int]:
        return self.control.post("jobs", pool=pool, n=n, **more)["ids"]

    def ado_jobs(self) -> dict[int, dict]:
        return {j["id"]: j for j in self.control.get("jobs")["jobs"]}

    def finished(self, ids, result: str = "succeeded") -> bool:
        jobs = self.ado_jobs()
        return all(jobs[i]["result"] == result for i in ids)

    def agents(self) -> list[dict]:
        """Without our placeholders: those are meant to stay."""
        return [a for a in self.control.get("agents")["agents"] if PLACEHOLDER not in a["capabilities"]]

    def placeholders(self) -> list[dict]:
        return [a for a in self.control.get("agents")["agents"] if PLACEHOLDER in a["capabilities"]]

    # ---- Kubernetes ----
    def kubelet(self) -> dict:
        return self.control.get("kubelet")

    def units(self) -> list[dict]:
        """Jobs that are there now."""
        return self.jobs.live()

    def units_by_request(self) -> Counter:
        """How many Jobs were ever made for each request, from the API server's own events."""
        made: Counter = Counter()
        for row in self.jobs.rows():
            request = (row["object"]["metadata"].get("annotations") or {}).get(REQUEST_ID)
            made[int(request) if request else 0] += 1
        return made

    def pods(self) -> list[dict]:
        return self.rest.items(f"/api/v1/namespaces/{self.namespace}/pods")

    def make_namespace(self) -> None:
        try:
            self.rest.call("POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        except ApiError as e:
            if e.code != 409:
                raise

    def quota(self, **hard: str) -> None:
        self.make_namespace()
        body = {"metadata": {"name": "quota"}, "spec": {"hard": {k.replace("__", "/").replace("_", "."): v for k, v in hard.items()}}}
        self.rest.call("POST", f"/api/v1/namespaces/{self.namespace}/resourcequotas", body)
        if REAL:        # the quota counts only once its controller has seen it
            wait_until(lambda: self.rest.call("GET", f"/api/v1/namespaces/{self.namespace}/resourcequotas/quota").get("status", {}).get("hard"), 10, "quota in force")

    # ---- common ends ----
    def expect_finished(self, ids, deadline: float = 20.0) -> None:
        wait_until(lambda: self.finished(ids), deadline, f"{len(ids)} jobs done")

    def expect_clean(self, deadline: float = 20.0) -> None:
        """No Job, no pod, no agent is left; nothing busy was ever killed."""
        wait_until(lambda: not self.units(), deadline, "all Jobs deleted")
        wait_until(lambda: not self.pods(), deadline, "all pods deleted")
        wait_until(lambda: not self.agents(), deadline, "all agents unregistered")
        assert self.kubelet()["killed_busy"] == []

    def expect_one_unit_each(self, ids) -> None:
        """As many units as jobs, from the API server's own record. A unit may serve another's request: then the one it was made for gets a second, the other none."""
        made = self.units_by_request()
        assert sum(made.values()) == len(set(ids)), made
        assert set(made) <= set(ids) | {0}, "units for requests that were never queued"

    def close(self) -> None:
        self.jobs.stop()
        for process in self.processes.values():
            end(process, signal.SIGTERM, 3)
        if REAL:
            try:
                self.rest.call("DELETE", f"/api/v1/namespaces/{self.namespace}")
            except ApiError:
                pass
        self.stage.close()
