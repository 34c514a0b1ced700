"""Starts `python -m tests.sim` as a child and talks to it: what the demo, the system tests and the bench stand on."""
from __future__ import annotations

import json
import os
import pathlib
import sys
import time

from .procs import end, spawn
from .serve import ControlClient

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Stage:
    """The stand-ins in their own process: .ado (URL of the organisation), .kubeconfig, .control (script them)."""

    def __init__(self, directory: pathlib.Path, pools=(), kubeconfig: str | None = None, namespace: str = "", arguments=()):
        self.directory = pathlib.Path(directory)
        ready = self.directory / "stage.json"
        ready.unlink(missing_ok=True)
        argv = [sys.executable, "-m", "tests.sim", "--ado-port", "0", "--kube-port", "0", "--ready-file", str(ready), *arguments]
        argv += [a for p in pools for a in ("--pool", p)] + (["--namespace", namespace] if namespace else [])
        argv += ["--kubeconfig", kubeconfig] if kubeconfig else ["--write-kubeconfig", str(self.directory / "kubeconfig")]
        self.log = self.directory / "stage.log"
        with self.log.open("wb") as out:
            self.process = spawn(argv, {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, out, str(ROOT))
        self.info = self._wait_ready(ready)
        self.ado, self.kubeconfig = self.info["ado"], self.info["kubeconfig"]
        self.control = ControlClient(self.info["control"])

    def _wait_ready(self, ready: pathlib.Path) -> dict:
        end_at = time.monotonic() + 30
        while time.monotonic() < end_at:
            if self.process.poll() is not None:
                raise RuntimeError(f"the stand-ins ended with code {self.process.returncode}: {self.log.read_text()[-2000:]}")
            try:
                return json.loads(ready.read_text())
            except (FileNotFoundError, json.JSONDecodeError):
                time.sleep(0.02)
        raise RuntimeError("the stand-ins did not start within 30 s")

    def close(self) -> None:
        end(self.process)
