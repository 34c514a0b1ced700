"""Pod statuses as a kubelet and a scheduler write them."""
from __future__ import annotations

import time

from .dates import kube_time


def now() -> str:
    return kube_time(time.time())


def condition(type: str, status: str, reason: str = "", message: str = "") -> dict:
    c = {"type": type, "status": status, "lastTransitionTime": now()}
    return c | ({"reason": reason} if reason else {}) | ({"message": message} if message else {})


def _containers(pod: dict, state: dict, ready: bool = False) -> list[dict]:
    return [{"name": c["name"], "image": c["image"], "imageID": "", "ready": ready, "restartCount": 0, "started": ready, "state": state, "lastState": {}}
            for c in pod["spec"]["containers"]]


def unschedulable() -> dict:
    return {"phase": "Pending", "conditions": [condition("PodScheduled", "False", "Unschedulable",
                                                         "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available.")]}


def waiting(pod: dict, reason: str, message: str) -> dict:
    return {"phase": "Pending", "startTime": now(), "containerStatuses": _containers(pod, {"waiting": {"reason": reason, "message": message}}),
            "conditions": [condition("PodScheduled", "True"), condition("ContainersReady", "False", "ContainersNotReady"), condition("Ready", "False", "ContainersNotReady")]}


def running(pod: dict, started: str) -> dict:
    return {"phase": "Running", "startTime": started, "containerStatuses": _containers(pod, {"running": {"startedAt": started}}, True),
            "conditions": [condition("PodScheduled", "True"), condition("ContainersReady", "True"), condition("Ready", "True")]}


def ended(pod: dict, started: str, code: int, reason: str = "", message: str = "") -> dict:
    state = {"terminated": {"exitCode": code, "reason": reason or ("Completed" if code == 0 else "Error"), "startedAt": started, "finishedAt": now()}}
    if message:
        state["terminated"]["message"] = message
    return {"phase": "Succeeded" if code == 0 else "Failed", "containerStatuses": _containers(pod, state),
            "conditions": [condition("PodScheduled", "True"), condition("Ready", "False", "PodCompleted")]}


def evicted(pod: dict, started: str) -> dict:
    return ended(pod, started, 137, "ContainerStatusUnknown") | {
        "phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: ephemeral-storage.",
        "conditions": [condition("PodScheduled", "True"), condition("DisruptionTarget", "True", "TerminationByKubelet", "The node was low on resource: ephemeral-storage.")]}
