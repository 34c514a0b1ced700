"""The Azure DevOps stand-in for a real node: in this process, over TLS for the pods (with the control plane's certificate) and over plain HTTP for the test."""
from __future__ import annotations

import asyncio
import json
import ssl
import threading
import urllib.request

from aiohttp import web

from tests.sim.ado.server import AdoServer

POD_SIDE, TEST_SIDE = 18443, 18480


class StandIn:
    def __init__(self, certificate: str, key: str, pools: list[str]):
        self.url = f"https://10.244.0.1:{POD_SIDE}/contoso-ci"
        self.server = AdoServer("/contoso-ci")
        self.server.world.rows.base_url = self.url
        for name in pools:
            self.server.world.add_pool(name)
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.tls.load_cert_chain(certificate, key)
        self.ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()
        assert self.ready.wait(10), "the stand-in does not listen"

    async def _serve(self):
        runner = web.AppRunner(self.server.app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "0.0.0.0", POD_SIDE, ssl_context=self.tls).start()
        await web.TCPSite(runner, "127.0.0.1", TEST_SIDE).start()
        self.ready.set()
        await asyncio.Event().wait()

    def call(self, verb: str, path: str, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{TEST_SIDE}/control/{path}", method=verb, data=json.dumps(body).encode() if body is not None else None,
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.load(reply)

    def queue(self, pool: str, n: int = 1, duration: float = 1) -> list[int]:
        return self.call("POST", "jobs", {"pool": pool, "n": n, "duration": duration})["ids"]

    def jobs(self) -> dict[int, dict]:
        return {j["id"]: j for j in self.call("GET", "jobs")["jobs"]}
