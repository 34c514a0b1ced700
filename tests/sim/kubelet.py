"""A fake node for any API server: pods with our label start, their agent registers in the ADO stand-in under AZP_AGENT_NAME (or the host name), takes one job,
unregisters, exits 0. One process carries thousands of pods. Troubles come by rule or by image name (an image that ends in `trouble-NAME`)."""
from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from dataclasses import dataclass, field

from . import podstatus, troubles
from .agentlink import AgentLink, LinkError
from .kubeclient import ApiError, KubeClient
from .podspec import ConfigError, Environment, agent_container

SELECTOR = "app.kubernetes.io%2Fmanaged-by%3Dado-orchestrator"


@dataclass
class Behaviour:
    """How pods behave; a rule changes some of it for the pods it matches."""
    start_delay: float = 0.1           # created -> container runs
    register_delay: float = 0.05       # container runs -> agent online
    exit_delay: float = 0.02           # job finished -> container ends
    use_hostname: bool = False         # the image ignores AZP_AGENT_NAME
    capabilities: dict = field(default_factory=dict)
    trouble: str = ""
    recover_after: float = 0.0         # the trouble goes away
    result: str = ""                   # of the job, "" = as it was queued
    node: str = ""                     # bind pods to this node: they are then deleted gracefully


@dataclass
class Rule:
    match: str                         # regular expression: searched in "namespace/pod image pool"
    changes: dict
    times: int | None = None
    used: int = 0


class Gone(Exception):
    """The pod is being deleted."""


class Kubelet:
    def __init__(self, kube: KubeClient, link: AgentLink, namespace: str = "", selector: str = SELECTOR):
        self.kube, self.link, self.namespace, self.selector = kube, link, namespace, selector
        self.behaviour = Behaviour()
        self.rules: list[Rule] = []
        self.pods: dict[str, "PodRun"] = {}
        self.stats: Counter = Counter()
        self.killed_busy: list[dict] = []      # a pod that was deleted while its agent had a job: must never happen
        self.secrets: dict = {}

    async def run(self) -> None:
        path = f"/api/v1/namespaces/{self.namespace}/pods" if self.namespace else "/api/v1/pods"
        try:
            await self.kube.follow(path, f"labelSelector={self.selector}", self._on_pod)
        finally:
            for run in self.pods.values():
                run.task.cancel()

    def behaviour_of(self, text: str, image: str) -> Behaviour:
        chosen = dict(vars(self.behaviour))
        m = re.search(r"trouble-([a-z-]+)$", image)
        if m:
            chosen["trouble"] = m[1]
        for rule in self.rules:
            if (rule.times is None or rule.used < rule.times) and re.search(rule.match, text):
                rule.used += 1
                chosen |= rule.changes
                break
        return Behaviour(**chosen)

    def _on_pod(self, type: str, pod: dict) -> None:
        uid = pod["metadata"]["uid"]
        run = self.pods.get(uid)
        if type == "DELETED":
            if run:
                run.delete(gone=True)
                del self.pods[uid]
        elif run is None and pod.get("status", {}).get("phase", "Pending") == "Pending":
            self.pods[uid] = PodRun(self, pod)
        if run and pod["metadata"].get("deletionTimestamp"):
            run.delete(gone=False)


class PodRun:
    """One pod's life, as one task."""

    def __init__(self, kubelet: Kubelet, pod: dict):
        self.kubelet, self.pod = kubelet, pod
        self.name, self.ns = pod["metadata"]["name"], pod["metadata"]["namespace"]
        self.container = agent_container(pod)
        self.agent, self.job = 0, None
        self.gone = False                        # nothing is left to patch
        self.started = podstatus.now()
        kubelet.stats["pods"] += 1
        env = {e["name"]: e.get("value", "") for e in self.container.get("env") or []}
        self.behaviour = kubelet.behaviour_of(f"{self.ns}/{self.name} {self.container['image']} {env.get('AZP_POOL', '')}", self.container["image"])
        self.task = asyncio.create_task(self._live())

    def delete(self, gone: bool) -> None:
        self.gone = self.gone or gone
        if not self.task.done():
            self.task.cancel()

    async def status(self, status: dict) -> None:
        if not self.gone:
            await self.kubelet.kube.patch_status(self.ns, self.name, status)

    async def _live(self) -> None:
        try:
            await self._run()
        except asyncio.CancelledError:
            await asyncio.shield(asyncio.create_task(self._terminate()))
        except ApiError as e:
            if e.code != 404:
                self.kubelet.stats["errors"] += 1
        finally:
            self.kubelet.link.forget(self.agent)

    async def _run(self) -> None:
        b, k = self.behaviour, self.kubelet
        if b.node:
            await k.kube.call("POST", f"/api/v1/namespaces/{self.ns}/pods/{self.name}/binding", {
                "apiVersion": "v1", "kind": "Binding", "metadata": {"name": self.name}, "target": {"apiVersion": "v1", "kind": "Node", "name": b.node}})
        await asyncio.sleep(b.start_delay)
        if b.trouble and await troubles.before_start(self):
            return
        try:
            env = await Environment(k, self.pod, self.container).resolve()
        except ConfigError as e:
            await self.status(podstatus.waiting(self.pod, "CreateContainerConfigError", str(e)))
            return
        self.started = podstatus.now()
        await self.status(podstatus.running(self.pod, self.started))
        k.stats["containers"] += 1
        await asyncio.sleep(b.register_delay)
        if b.trouble and await troubles.before_registration(self):
            return
        try:
            await self._serve(env)
        except LinkError as e:
            await self.status(podstatus.ended(self.pod, self.started, 1, message=str(e)))

    async def _serve(self, env: dict) -> None:
        """The agent: register, one job, unregister, exit."""
        b, k = self.behaviour, self.kubelet
        name = self.name if b.use_hostname else env.get("AZP_AGENT_NAME") or self.name
        self.agent = await k.link.register(pool=env.get("AZP_POOL", "Default"), name=name, host=self.name, token=env.get("AZP_TOKEN", ""),
                                           capabilities={x: v for x, v in env.items() if x != "AZP_TOKEN"} | {"HOSTNAME": self.name} | b.capabilities)
        k.stats["registered"] += 1
        self.job = await k.link.next_event(self.agent)
        stop = asyncio.ensure_future(k.link.next_event(self.agent))
        await asyncio.wait([stop], timeout=self.job["duration"])           # a stop: the run was cancelled
        stop.cancel()
        if b.trouble and await troubles.during_job(self):
            return
        await k.link.finish(self.agent, b.result)
        self.job = None
        k.stats["jobs"] += 1
        await asyncio.sleep(b.exit_delay)
        if b.trouble == "hang":
            await asyncio.sleep(3600)
        await k.link.remove(self.agent)
        self.agent = 0
        await self.status(podstatus.ended(self.pod, self.started, 0))

    async def _terminate(self) -> None:
        """SIGTERM: an idle agent unregisters; one that has a job is lost with it."""
        k = self.kubelet
        if self.agent:
            try:
                await (k.link.offline(self.agent) if self.job or self.behaviour.trouble == "hang" else k.link.remove(self.agent))
            except LinkError:                    # assigned at this moment: it cannot unregister any more
                self.job = self.job or {"request": "assigned"}
                await k.link.offline(self.agent)
            if self.job:
                k.killed_busy.append({"pod": self.name, "request": self.job["request"], "time": time.time()})
        if not self.gone:
            try:
                await k.kube.call("DELETE", f"/api/v1/namespaces/{self.ns}/pods/{self.name}", {"gracePeriodSeconds": 0})
            except ApiError:
                pass
