"""What every scenario stands on: a fresh control plane, the stand-ins with the fake kubelets on it, and the three processes."""
from __future__ import annotations

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time

from tests.sim.kubeclient import ApiError
from tests.sim.procs import end, spawn
from tests.sim.restclient import Rest
from tests.sim.stage import ROOT, Stage

from .audit import Audit, Write

ROLES = ("reaper", "provisioner", "watcher")
NAMESPACE = "bench"
PREFIX = "agent-job-"
CONTROL_PLANE = ROOT / "tests/cluster/control-plane"
SETTINGS = {"PORT": os.environ.get("PORT", "29443"), "ETCD_PORT": os.environ.get("ETCD_PORT", "27790"),
            "KCM_FLAGS": "--kube-api-qps=500 --kube-api-burst=1000", "JOB_SYNCS": "20"}
JOB_CONTROLLER = SETTINGS["KCM_FLAGS"] + f" --concurrent-job-syncs={SETTINGS['JOB_SYNCS']}"


class Missing(Exception):
    """A tool is not there: the scenario cannot run."""


class Timeout(Exception):
    pass


def build_directory() -> pathlib.Path:
    return ROOT / os.environ.get("BUILD", "build")


def cluster_programs() -> str:
    built = subprocess.run([ROOT / "tests/cluster/build", "control-plane"], stdout=subprocess.PIPE, text=True)
    if built.returncode:
        raise Missing("the programs of a control plane could not be built")
    return built.stdout.strip()


@contextlib.contextmanager
def control_plane(directory: pathlib.Path):
    """Its kubeconfig and its audit log."""
    bin, home = cluster_programs(), directory / "cluster"
    (directory / "audit.log").unlink(missing_ok=True)
    env = {**os.environ, **SETTINGS, "APISERVER_FLAGS": Audit.flags(directory)}
    try:
        if subprocess.run([CONTROL_PLANE, "up", home, bin], env=env).returncode:
            raise Timeout(f"no control plane on port {SETTINGS['PORT']} (PORT and ETCD_PORT choose others)")
        yield str(home / "kubeconfig"), Audit(directory / "audit.log")
    finally:
        subprocess.run([CONTROL_PLANE, "down", home], env=env, start_new_session=True)      # also when Ctrl-C comes again


def wait_until(condition, deadline: float, what: str, every: float = 0.2):
    until = time.monotonic() + deadline
    while not (value := condition()):
        if time.monotonic() > until:
            raise Timeout(f"not within {deadline:g} s: {what}")
        time.sleep(every)
    return value


class Rig(contextlib.AbstractContextManager):
    def __init__(self, directory: pathlib.Path, pools=("linux",), **env: str):
        self.dir, self.pools, self.stack = directory, pools, contextlib.ExitStack()
        with contextlib.ExitStack() as building:
            kubeconfig, self.audit = building.enter_context(control_plane(directory))
            self.stage = building.enter_context(contextlib.closing(Stage(directory, pools, kubeconfig, NAMESPACE)))
            self.control, self.rest = self.stage.control, Rest(kubeconfig)
            self.stack = building.pop_all()
        run = directory / "run"
        run.mkdir(exist_ok=True)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(directory), "ORG_URL": self.stage.ado, "ORG_PAT": "pat", "AGENT_POOLS": ",".join(pools),
                    "JOB_IMAGE": "registry.example/agent:1", "JOB_NAMESPACE": NAMESPACE, "JOB_PREFIX": PREFIX, "KUBECONFIG": kubeconfig,
                    "RUN_DIR": str(run)} | {k: str(v) for k, v in env.items()}
        self.processes: dict[str, subprocess.Popen] = {}

    def __exit__(self, *_) -> None:
        for process in self.processes.values():
            end(process, signal.SIGTERM, 5)
        self.stack.close()

    # ---- our processes ----
    def start(self, *roles: str) -> "Rig":
        for role in roles or ROLES:
            with (self.dir / f"{role}.log").open("ab") as out:
                self.processes[role] = spawn([str(build_directory() / f"azp-{role}")], self.env, out)
        return self

    def kill(self, role: str) -> None:
        end(self.processes.pop(role), signal.SIGKILL)

    @property
    def pids(self) -> dict[str, int]:
        for role, process in self.processes.items():
            if process.poll() is not None:
                raise RuntimeError(f"the {role} ended with code {process.returncode}: see {self.dir}/{role}.log")
        return {role: process.pid for role, process in self.processes.items()}

    # ---- Azure DevOps ----
    def queue(self, n: int, pool: str = "", **more) -> list[int]:
        return self.control.post("jobs", pool=pool or self.pools[0], n=n, **more)["ids"]

    def jobs(self) -> dict[int, dict]:
        return {j["id"]: j for j in self.control.get("jobs")["jobs"]}

    def polls(self, since: float) -> list[dict]:
        return [c for c in self.control.get(f"record?since={since}")["calls"] if "/jobrequests?" in c["path"].lower() and c["status"] == 200]

    def wait_finished(self, ids: list[int], deadline: float) -> None:
        """Asks for the summary only: a list of thousands of jobs would slow the stand-in."""
        wait_until(lambda: self.control.get("summary")["queued"] + self.control.get("summary")["running"] == 0, deadline, f"{len(ids)} jobs done", 0.5)

    def warm_up(self, n: int = 10) -> None:
        """Everything is connected, listed and has been used once."""
        wait_until(lambda: self.control.get("summary")["calls"].get("GET 200"), 30, "the first poll")
        self.wait_finished(self.queue(n, duration=0.1), 60)

    # ---- Kubernetes ----
    def count(self, kind: str) -> int:
        listed = self.rest.call("GET", f"{'/apis/batch/v1' if kind == 'jobs' else '/api/v1'}/namespaces/{NAMESPACE}/{kind}?limit=1")
        return len(listed["items"]) + int(listed["metadata"].get("remainingItemCount", 0))

    def post_job(self, body: dict) -> dict:
        return self.rest.call("POST", f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs", body)

    def unit_of(self, request: int) -> dict | None:
        """The Job made for a request."""
        for write in reversed(self.audit.writes):
            if write.verb == "create" and write.resource == "jobs" and write.code == 201 and request_of(write) == request:
                try:
                    return self.rest.call("GET", f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs/{write.name}")
                except ApiError:
                    return None
        return None

    def clean(self) -> bool:
        """No Job, no pod, no agent is left."""
        agents = [a for a in self.control.get("agents")["agents"] if "ADO_ORCHESTRATOR_PLACEHOLDER" not in a["capabilities"]]
        return not agents and not self.count("jobs") and not self.count("pods")

    def killed_busy(self) -> list[dict]:
        return self.control.get("kubelet")["killed_busy"]


def request_of(write: Write) -> int:
    """The request in a unit's name, PREFIX POOL-REQUEST[-ATTEMPT]; 0 = in no name of ours."""
    found = re.fullmatch(re.escape(PREFIX) + r"[a-z0-9-]*?-(\d{4,})(-\d{1,3})?", write.name)
    return int(found[1]) if found else 0
