"""What a kubelet reads from a pod: its agent container and that container's environment."""
from __future__ import annotations

import base64
import time

from .kubeclient import ApiError

AGENT_CONTAINER = "ado-orchestrator.io/agent-container"
SECRET_LIFE = 1.0                      # seconds a Secret is not asked for again


class ConfigError(Exception):
    """CreateContainerConfigError."""


def agent_container(pod: dict) -> dict:
    wanted = (pod["metadata"].get("annotations") or {}).get(AGENT_CONTAINER)
    return next((c for c in pod["spec"]["containers"] if c["name"] == wanted), pod["spec"]["containers"][0])


class Environment:
    def __init__(self, kubelet, pod: dict, container: dict):
        self.kubelet, self.pod, self.container = kubelet, pod, container
        self.ns = pod["metadata"]["namespace"]

    async def resolve(self) -> dict[str, str]:
        env: dict[str, str] = {}
        for e in self.container.get("env") or []:
            source = e.get("valueFrom") or {}
            if "secretKeyRef" in source:
                ref = source["secretKeyRef"]
                value = await self._secret(ref["name"], ref["key"], ref.get("optional", False))
            elif "fieldRef" in source:
                value = {"metadata.name": self.pod["metadata"]["name"], "metadata.namespace": self.ns, "metadata.uid": self.pod["metadata"]["uid"]}.get(
                    source["fieldRef"]["fieldPath"], "")
            else:
                value = e.get("value") or ""
            if value is not None:
                env[e["name"]] = value
        if "AZP_TOKEN" not in env and env.get("AZP_TOKEN_FILE"):
            env["AZP_TOKEN"] = await self._file(env["AZP_TOKEN_FILE"])
        return env

    async def _secret(self, name: str, key: str, optional: bool) -> str | None:
        data = await self._secret_data(name)
        if data is None or key not in data:
            if optional:
                return None
            raise ConfigError(f'secret "{name}" not found' if data is None else f"couldn't find key {key} in Secret {self.ns}/{name}")
        return base64.b64decode(data[key]).decode()

    async def _secret_data(self, name: str) -> dict | None:
        cached = self.kubelet.secrets.get((self.ns, name))
        if cached and time.monotonic() - cached[0] < SECRET_LIFE:
            return cached[1]
        try:
            data = (await self.kubelet.kube.call("GET", f"/api/v1/namespaces/{self.ns}/secrets/{name}")).get("data") or {}
        except ApiError as e:
            if e.code != 404:
                raise
            data = None
        self.kubelet.secrets[self.ns, name] = (time.monotonic(), data)
        return data

    async def _file(self, path: str) -> str:
        """A file that a Secret volume puts into the container."""
        for mount in self.container.get("volumeMounts") or []:
            if not path.startswith(mount["mountPath"].rstrip("/") + "/") and path != mount["mountPath"]:
                continue
            volume = next((v for v in self.pod["spec"].get("volumes") or [] if v["name"] == mount["name"]), {})
            if "secret" not in volume:
                continue
            tail = mount.get("subPath") or path[len(mount["mountPath"].rstrip("/")) + 1:]
            key = next((i["key"] for i in volume["secret"].get("items") or [] if i["path"] == tail), tail)
            return await self._secret(volume["secret"]["secretName"], key, False) or ""
        return ""
