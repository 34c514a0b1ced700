"""The little of a Kubernetes client that the fake kubelet, the demo and the tests need, over aiohttp: works against the stand-in and a real API server."""
from __future__ import annotations

import asyncio
import base64
import json
import os
import ssl
import tempfile
from typing import AsyncIterator, Callable

import aiohttp
import yaml


class ApiError(Exception):
    def __init__(self, code: int, body: str):
        super().__init__(f"{code}: {body[:300]}")
        self.code, self.body = code, body


def _material(entry: dict, key: str, base: str) -> str | None:
    """The path of a certificate that the kubeconfig names or holds."""
    if entry.get(f"{key}-data"):
        with tempfile.NamedTemporaryFile(delete=False, suffix=".pem") as f:
            f.write(base64.b64decode(entry[f"{key}-data"]))
        return f.name
    return os.path.join(base, entry[key]) if entry.get(key) else None


def identity(path: str) -> tuple[str, dict, ssl.SSLContext | bool]:
    """Server, headers and TLS of a kubeconfig's current context."""
    with open(path) as f:
        config = yaml.safe_load(f)
    find = lambda kind, name: next(e[kind] for e in config[f"{kind}s"] if e["name"] == name)
    context = find("context", config["current-context"])
    cluster, user, base = find("cluster", context["cluster"]), find("user", context["user"]) or {}, os.path.dirname(os.path.abspath(path))
    headers = {"Authorization": f"Bearer {user['token']}"} if user.get("token") else {}
    if not cluster["server"].startswith("https"):
        return cluster["server"], headers, False
    tls = ssl.create_default_context(cafile=_material(cluster, "certificate-authority", base))
    if cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    cert = _material(user, "client-certificate", base)
    if cert:
        tls.load_cert_chain(cert, _material(user, "client-key", base))
    return cluster["server"], headers, tls


def write_kubeconfig(path: str, server: str, namespace: str = "default") -> None:
    """One for the stand-in: plain HTTP on loopback, no credential."""
    with open(path, "w") as f:
        yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "clusters": [{"name": "sim", "cluster": {"server": server}}],
                        "users": [{"name": "sim", "user": {}}],
                        "contexts": [{"name": "sim", "context": {"cluster": "sim", "user": "sim", "namespace": namespace}}], "current-context": "sim"}, f)


class KubeClient:
    def __init__(self, kubeconfig: str, parallel: int = 24):
        self.server, self.headers, self.tls = identity(kubeconfig)
        self.gate = asyncio.Semaphore(parallel)
        self.session: aiohttp.ClientSession | None = None

    async def __aenter__(self):
        self.session = aiohttp.ClientSession(headers=self.headers, connector=aiohttp.TCPConnector(ssl=self.tls, limit=0),
                                             timeout=aiohttp.ClientTimeout(total=30))
        return self

    async def __aexit__(self, *_):
        await self.session.close()

    async def call(self, verb: str, path: str, body=None, content_type: str = "application/json") -> dict:
        """Retries what a busy server refuses; raises ApiError otherwise."""
        data = None if body is None else json.dumps(body)
        for attempt in range(8):
            try:
                async with self.gate, self.session.request(verb, self.server + path, data=data, headers={"Content-Type": content_type}) as r:
                    text = await r.text()
                    if r.status < 300:
                        return json.loads(text) if text.startswith("{") else {}
                    if r.status not in (429, 500, 503, 504) or attempt == 7:
                        raise ApiError(r.status, text)
            except (aiohttp.ClientError, asyncio.TimeoutError) as e:
                if attempt == 7:
                    raise ApiError(0, repr(e)) from None
            await asyncio.sleep(0.2 * 2 ** min(attempt, 4))

    async def patch_status(self, ns: str, pod: str, status: dict) -> dict:
        return await self.call("PATCH", f"/api/v1/namespaces/{ns}/pods/{pod}/status", {"status": status}, "application/merge-patch+json")

    async def follow(self, path: str, query: str, each: Callable[[str, dict], None]) -> None:
        """List and watch for ever: each(type, object), type ADDED, MODIFIED or DELETED; after a relist, what has vanished is told as DELETED."""
        known: dict[str, dict] = {}

        def tell(type: str, obj: dict) -> None:
            uid = obj["metadata"]["uid"]
            if type == "DELETED":
                known.pop(uid, None)
            else:
                known[uid] = obj
            each(type, obj)

        while True:
            try:
                listed = await self.call("GET", f"{path}?{query}")
                uids = {o["metadata"]["uid"] for o in listed["items"]}
                for uid in [u for u in known if u not in uids]:
                    tell("DELETED", known[uid])
                for obj in listed["items"]:
                    tell("MODIFIED" if obj["metadata"]["uid"] in known else "ADDED", obj)
                rv = listed["metadata"]["resourceVersion"]
                while rv:
                    rv = await self._watch(path, query, rv, tell)
            except (aiohttp.ClientError, asyncio.TimeoutError, ApiError, ConnectionError):
                await asyncio.sleep(0.3)

    async def _watch(self, path: str, query: str, rv: str, tell) -> str:
        """The version to go on from; "" = list again."""
        url = f"{self.server}{path}?{query}&watch=1&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion={rv}"
        async with self.session.get(url, timeout=aiohttp.ClientTimeout(total=None, sock_read=330)) as r:
            if r.status != 200:
                return ""
            async for type, obj in lines(r.content):
                if type == "ERROR":
                    return ""
                rv = obj["metadata"]["resourceVersion"]
                if type != "BOOKMARK":
                    tell(type, obj)
        return rv


async def lines(content: aiohttp.StreamReader) -> AsyncIterator[tuple[str, dict]]:
    rest = b""
    async for chunk in content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for text in whole:
            if text.strip():
                event = json.loads(text)
                yield event["type"], event["object"]
