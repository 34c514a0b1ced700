"""make demo: the stand-ins, the three real processes, 20 jobs in two pools; live progress, a summary, and nothing left behind.
With --kubeconfig FILE the Jobs go to that real cluster (in a namespace of its own); agents are simulated either way."""
from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

from .demo_view import Progress, quantile
from .kubeclient import ApiError
from .procs import end, spawn
from .restclient import Recorder, Rest
from .stage import Stage

LINUX, WINDOWS = "linux", "windows-build"
BURSTS = [(0.0, LINUX, 6, 1.5), (0.0, WINDOWS, 2, 2.5), (2.5, LINUX, 4, 1.0), (3.0, WINDOWS, 3, 1.5), (6.0, LINUX, 3, 1.0), (6.0, WINDOWS, 2, 1.0)]
ROLES = ("reaper", "provisioner", "watcher")
JOBS = sum(n for _, _, n, _ in BURSTS)


class Failed(Exception):
    """One sentence for people."""


class Demo:
    def __init__(self, build: pathlib.Path, kubeconfig: str | None):
        self.build, self.real = build, kubeconfig
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="ado-demo-"))
        self.namespace = f"ado-demo-{uuid.uuid4().hex[:6]}"
        self.processes: dict[str, subprocess.Popen] = {}
        self.stage: Stage | None = None
        self.recorder: Recorder | None = None
        self.progress = Progress()

    def start(self) -> None:
        self.stage = Stage(self.dir, (LINUX, WINDOWS), self.real, self.namespace)
        self.control, self.rest = self.stage.control, Rest(self.stage.kubeconfig)
        self.control.post("kubelet/behaviour", start_delay=0.6, register_delay=0.4, exit_delay=0.2)
        try:
            self.recorder = Recorder(self.rest, f"/apis/batch/v1/namespaces/{self.namespace}/jobs").start()
        except (ApiError, OSError) as e:
            raise Failed(f"the API server {self.rest.server} does not answer as it should: {e}") from None
        run = self.dir / "run"
        run.mkdir()
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.dir), "ORG_URL": self.stage.ado, "ORG_PAT": "pat", "AGENT_POOLS": f"{LINUX},{WINDOWS}",
                    "JOB_IMAGE": "registry.example/agent:1", "JOB_NAMESPACE": self.namespace, "KUBECONFIG": str(self.stage.kubeconfig), "RUN_DIR": str(run),
                    "POLLING_DELAY": "500", "AGENTS_DELAY": "2", "JOB_RETENTION": "2", "FAILED_JOB_RETENTION": "2", "IDLE_GRACE": "5", "MAXIMUM_AGENT_COUNT": "5"}
        for role in ROLES:
            with (self.dir / f"{role}.log").open("wb") as out:
                self.processes[role] = spawn([str(self.build / f"azp-{role}")], self.env, out)
        print(f"Azure DevOps (stand-in)  {self.stage.ado}\nKubernetes ({'real' if self.real else 'stand-in'})".ljust(25)
              + f"  {self.rest.server}, namespace {self.namespace}\nlogs".ljust(25) + f"  {self.dir}\n", flush=True)

    # ---- what is going on ----
    def status(self) -> dict:
        out = subprocess.run([str(self.build / "azpctl"), "status", "--json"], env=self.env, capture_output=True, text=True, timeout=10).stdout
        return json.loads(out) if out.startswith("{") else {}

    def jobs(self) -> list[dict]:
        return self.control.get("jobs")["jobs"]

    def leftovers(self) -> dict[str, int]:
        """Counted at the servers, not by the product."""
        pods = self.rest.items(f"/api/v1/namespaces/{self.namespace}/pods")
        return {"Jobs": len(self.recorder.live()), "pods": len(pods), "agents": sum("ADO_ORCHESTRATOR_PLACEHOLDER" not in a["capabilities"] for a in self.control.get("agents")["agents"])}

    def check_alive(self) -> None:
        for role, process in self.processes.items():
            if process.poll() is not None:
                raise Failed(f"azp-{role} ended with code {process.returncode}")

    # ---- the play ----
    def run(self) -> None:
        began, bursts, limit = time.monotonic(), list(BURSTS), 240.0 if self.real else 90.0
        while True:
            now = time.monotonic() - began
            while bursts and bursts[0][0] <= now:
                _, pool, n, duration = bursts.pop(0)
                self.control.post("jobs", pool=pool, n=n, duration=duration, name=f"demo-{pool}")
            self.check_alive()
            jobs = self.jobs()
            self.progress.show(now, (LINUX, WINDOWS), jobs, self.status())
            if not bursts and all(j["result"] for j in jobs) and not any(self.leftovers().values()):
                return
            if now > limit:
                raise Failed(f"not finished within {limit:g} s: {sum(bool(j['result']) for j in jobs)} of {JOBS} jobs done, left over: {self.leftovers()}")
            time.sleep(0.25)

    def summary(self) -> None:
        self.progress.finish()
        jobs, kubelet = self.jobs(), self.control.get("kubelet")
        waits = sorted(j["received"] - j["queued"] for j in jobs)
        started, made, left = kubelet["stats"].get("registered", 0), len(self.recorder.rows()), sum(self.leftovers().values())
        print(f"\njobs             {len(jobs)}, {sum(j['result'] == 'succeeded' for j in jobs)} succeeded")
        print(f"wait             p50 {quantile(waits, 0.5):.1f} s, p95 {quantile(waits, 0.95):.1f} s, max {waits[-1]:.1f} s (a container takes 1 s to start here)")
        print(f"agents started   {started}\nKubernetes Jobs  {made}\nleftovers: {left}", flush=True)
        if left or started != len(jobs) or made != len(jobs) or kubelet["killed_busy"] or any(j["result"] != "succeeded" for j in jobs):
            raise Failed("the figures above are not as they should be")

    def end(self, keep: bool) -> None:
        for s in (signal.SIGINT, signal.SIGTERM):        # a second Ctrl-C does not stop the tidying up
            signal.signal(s, signal.SIG_IGN)
        if self.recorder:
            self.recorder.stop()
        for process in self.processes.values():
            end(process, signal.SIGTERM, 5)
        if self.stage and self.real:
            self._remove_namespace()
        if self.stage:
            self.stage.close()
        if not keep:
            shutil.rmtree(self.dir, ignore_errors=True)

    def _remove_namespace(self) -> None:
        path = f"/api/v1/namespaces/{self.namespace}"
        try:
            self.rest.call("DELETE", path)
            for _ in range(300):
                self.rest.call("GET", path)
                time.sleep(0.2)
            print(f"namespace {self.namespace} is still being removed by the cluster")
        except ApiError as e:
            if e.code != 404:
                print(f"namespace {self.namespace} could not be removed: {e}")
        except OSError as e:
            print(f"namespace {self.namespace} could not be removed: {e}")


def arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(prog="python -m tests.sim.demo", description=__doc__)
    p.add_argument("--build", default="build", help="directory of the binaries")
    p.add_argument("--kubeconfig", help="a real cluster for the Jobs")
    return p.parse_args()


def main() -> int:
    args = arguments()
    build = pathlib.Path(args.build).resolve()
    missing = [b for b in [*(f"azp-{r}" for r in ROLES), "azpctl"] if not (build / b).exists()]
    if missing:
        print(f"demo: {', '.join(missing)} not found in {build}: run make first", file=sys.stderr)
        return 1
    if args.kubeconfig and not os.path.exists(args.kubeconfig):
        print(f"demo: KUBECONFIG {args.kubeconfig} does not exist", file=sys.stderr)
        return 1
    for s in (signal.SIGINT, signal.SIGTERM):            # also where the shell that started us ignores them
        signal.signal(s, signal.default_int_handler)
    demo, code = Demo(build, args.kubeconfig), 1
    try:
        demo.start()
        demo.run()
        demo.summary()
        code = 0
    except Failed as e:
        print(f"\ndemo failed: {e}\nlogs: {demo.dir}", file=sys.stderr)
        for log in sorted(demo.dir.glob("*er.log")):
            print(f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-5:]), file=sys.stderr)
    except KeyboardInterrupt:
        print("\ndemo: stopped", file=sys.stderr)
        code = 130
    finally:
        demo.end(keep=code == 1)
    return code


if __name__ == "__main__":
    sys.exit(main())
