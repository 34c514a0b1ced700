"""Child processes that cannot outlive us: each in its own process group, killed by the kernel when its parent dies."""
from __future__ import annotations

import ctypes
import os
import signal
import subprocess

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _child(parent: int) -> None:
    os.setsid()
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:         # the parent died before the prctl
        os.kill(os.getpid(), signal.SIGKILL)


def spawn(argv: list[str], env: dict | None = None, out=None, cwd: str | None = None) -> subprocess.Popen:
    parent = os.getpid()
    return subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=cwd, preexec_fn=lambda: _child(parent))


def end(process: subprocess.Popen, sig: int = signal.SIGTERM, grace: float = 5.0) -> int:
    """Signals the process group, kills it after the grace; the exit code."""
    if process.poll() is None:
        _signal(process, sig)
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            _signal(process, signal.SIGKILL)
    return process.wait()


def _signal(process: subprocess.Popen, sig: int) -> None:
    try:
        os.killpg(process.pid, sig)
    except ProcessLookupError:
        pass
