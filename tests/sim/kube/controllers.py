"""The controllers that act on the store: Jobs make pods and follow them, finished Jobs are removed after their TTL, pods follow their owner,
namespaces empty themselves. Each reacts to a change after a short delay, as the real ones do through their queues."""
from __future__ import annotations

import random
import time

from ..dates import kube_time
from .admission import QUOTAS
from .api import SUFFIX, Api, merge
from .status import KubeError
from .store import JOBS, NAMESPACES, PODS, RESOURCES, Change, Item, Resource

EVENTS = RESOURCES["", "events"]


class Controllers:
    def __init__(self, api: Api):
        self.api, self.store = api, api.store
        self.delay = 0.005             # from a change to the controller's answer
        self.job_controller = True     # off: Jobs never get pods
        self.namespace_hold = False    # namespaces stay Terminating
        self.children: dict[str, set[str]] = {}      # Job uid -> names of its pods
        self.store.listeners.append(self._on_change)

    def _on_change(self, resource: Resource, change: Change) -> None:
        meta = change.item.obj["metadata"]
        if resource is JOBS:
            if change.type == "ADDED" and self.job_controller:
                self.store.soon(self.delay, self._make_pod, meta["namespace"], meta["name"], meta["uid"])
            elif change.type == "DELETED":
                self.store.soon(self.delay, self._collect, meta["namespace"], meta["uid"])
        elif resource is PODS:
            for owner in meta.get("ownerReferences") or ():
                if owner["kind"] == "Job":
                    self.store.soon(self.delay, self._follow, meta["namespace"], owner["name"], owner["uid"], change.item)
        elif resource is NAMESPACES and meta.get("deletionTimestamp") and change.type == "MODIFIED":
            self.store.soon(self.delay, self._empty, meta["name"])

    def _job(self, ns: str, name: str, uid: str) -> Item | None:
        job = self.store.get(JOBS, ns, name)
        return job if job and job.obj["metadata"]["uid"] == uid else None

    # ---- the Job controller ----
    def _make_pod(self, ns: str, name: str, uid: str) -> None:
        job = self._job(ns, name, uid)
        if job is None or job.obj["spec"].get("suspend"):
            return
        template, labels = job.obj["spec"]["template"], {"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": name,
                                                         "controller-uid": uid, "job-name": name}
        meta = template.get("metadata") or {}
        pod = {"metadata": {"name": f"{name[:57]}-" + "".join(random.choices(SUFFIX, k=5)), "generateName": f"{name}-",
                            "labels": {**(meta.get("labels") or {}), **labels}, "annotations": dict(meta.get("annotations") or {}),
                            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid, "controller": True, "blockOwnerDeletion": True}]},
               "spec": template["spec"]}
        try:
            made = self.api.create(PODS, ns, pod, {})[1]
        except KubeError as e:
            self._event(ns, job, "FailedCreate", f"Error creating: {e.message}")
            self.store.soon(1.0, self._make_pod, ns, name, uid)
            return
        self.children.setdefault(uid, set()).add(made["metadata"]["name"])
        self._status(job, {"active": 1, "ready": 0, "startTime": kube_time(time.time())})

    def _status(self, job: Item, status: dict) -> None:
        self.store.update(JOBS, job, {**job.obj, "metadata": dict(job.obj["metadata"]), "status": status})

    def _event(self, ns: str, job: Item, reason: str, message: str) -> None:
        meta = job.obj["metadata"]
        try:
            self.api.create(EVENTS, ns, {"metadata": {"name": f"{meta['name']}.{time.time_ns():x}"}, "reason": reason, "message": message, "type": "Warning",
                                         "involvedObject": {"kind": "Job", "namespace": ns, "name": meta["name"], "uid": meta["uid"]},
                                         "source": {"component": "job-controller"}, "count": 1}, {})
        except KubeError:
            pass

    def _follow(self, ns: str, name: str, uid: str, pod: Item) -> None:
        job = self._job(ns, name, uid)
        if job is None or any(c["type"] in ("Complete", "Failed") for c in job.obj.get("status", {}).get("conditions", ())):
            return
        live = self.store.get(PODS, ns, pod.obj["metadata"]["name"])
        status = dict(job.obj.get("status") or {})
        phase = live.obj["status"].get("phase") if live else pod.obj["status"].get("phase")
        if phase == "Succeeded":
            return self._finish(job, status, "SuccessCriteriaMet", "Complete", "CompletionsReached", "Reached expected number of succeeded pods")
        if phase == "Failed" or live is None or live.obj["metadata"].get("deletionTimestamp"):
            return self._finish(job, status, "FailureTarget", "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
        ready = int(any(s.get("ready") for s in live.obj["status"].get("containerStatuses") or ()))
        if status.get("ready") != ready or status.get("active") != 1:
            self._status(job, {**status, "active": 1, "ready": ready})

    def _finish(self, job: Item, status: dict, first: str, last: str, reason: str, message: str) -> None:
        now = kube_time(time.time())
        status = {k: v for k, v in status.items() if k not in ("active", "ready")} | {"succeeded" if last == "Complete" else "failed": 1, "ready": 0}
        conditions = [{"type": t, "status": "True", "reason": reason, "message": message, "lastProbeTime": now, "lastTransitionTime": now} for t in (first, last)]
        self._status(job, {**status, "conditions": conditions[:1]})
        job = self.store.get(JOBS, job.obj["metadata"]["namespace"], job.obj["metadata"]["name"])
        self._status(job, {**status, "conditions": conditions} | ({"completionTime": now} if last == "Complete" else {}))
        ttl = job.obj["spec"].get("ttlSecondsAfterFinished")
        if ttl is not None:
            meta = job.obj["metadata"]
            self.store.soon(ttl + 0.5, self._expire, meta["namespace"], meta["name"], meta["uid"])

    def _expire(self, ns: str, name: str, uid: str) -> None:
        job = self._job(ns, name, uid)
        if job:
            self.api.remove(JOBS, job)

    # ---- garbage collection, namespaces ----
    def _collect(self, ns: str, uid: str) -> None:
        for name in self.children.pop(uid, ()):
            pod = self.store.get(PODS, ns, name)
            if pod and any(o["uid"] == uid for o in pod.obj["metadata"].get("ownerReferences") or ()):
                self.api.remove(PODS, pod)

    def _empty(self, ns: str) -> None:
        for resource in RESOURCES.values():
            for item in self.store.all(resource, ns) if resource.namespaced else ():
                self.api.remove(resource, item)
        left = any(self.store.all(r, ns) for r in RESOURCES.values() if r.namespaced)
        item = self.store.get(NAMESPACES, "", ns)
        if item and (left or self.namespace_hold):
            self.store.soon(0.2, self._empty, ns)
        elif item:
            self.store.remove(NAMESPACES, item)

    def add_quota(self, ns: str, hard: dict, name: str = "quota") -> None:
        self.api.create(QUOTAS, ns, {"metadata": {"name": name}, "spec": {"hard": hard}}, {})
