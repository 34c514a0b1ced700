"""The ADO stand-in as an HTTP server: authentication, versions, faults, the record, then the API; /control beside it."""
from __future__ import annotations

import asyncio
import dataclasses
import uuid
from urllib.parse import unquote

from aiohttp import web

from ..faults import Faults
from ..record import Record
from ..reply import Reply, send
from . import auth, versions
from .api import Api
from .control import Control
from .control_routes import ControlRoutes
from .model import Settings
from .shapes import DELIVERED, SHAPES
from .world import World


class AdoServer:
    def __init__(self, prefix: str = "/contoso-ci", settings: Settings | None = None):
        self.prefix = prefix.rstrip("/")
        self.world = World(settings)
        self.api = Api(self.world)
        self.faults = Faults(SHAPES)
        self.record = Record()
        self.control = Control(self.world, self.faults, self.record)
        self.routes = ControlRoutes(self.control)
        self.mounts: dict[str, object] = {}      # /control/NAME/... handled by others (the Kubernetes stand-in, the kubelet)
        self.app = web.Application(client_max_size=64 << 20)
        self.app.router.add_route("*", "/{path:.*}", self._handle)
        self.app.on_startup.append(self._start_ticking)
        self.app.on_cleanup.append(self._stop_ticking)

    async def _start_ticking(self, _) -> None:
        async def tick():
            while True:
                await asyncio.sleep(0.25)
                self.world.tick()
        self._ticker = asyncio.create_task(tick())

    async def _stop_ticking(self, _) -> None:
        self._ticker.cancel()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path == "/control" or path.startswith("/control/"):
            mount = self.mounts.get(path.split("/")[2] if path.count("/") > 1 else "")
            return await (mount or self.routes.handle)(request)
        reply, shape = await self._reply(request, path)
        self.record.add(request.method, request.raw_path, reply.status, len(reply.body), request.headers.get("User-Agent", ""), shape)
        return await send(request, self._dress(reply, request))

    async def _reply(self, request: web.Request, path: str) -> tuple[Reply, str]:
        body = await request.read()
        fault = self.faults.find(request.method, unquote(request.raw_path))
        if fault is None:
            return self._normal(request, path, body), ""
        reply = self._normal(request, path, body) if fault.shape in DELIVERED else Reply()      # a refused write does nothing
        return SHAPES[fault.shape](reply, fault.params), fault.shape

    def _normal(self, request: web.Request, path: str, body: bytes) -> Reply:
        if not path.lower().startswith(self.prefix.lower() + "/") and path.lower() != self.prefix.lower():
            return SHAPES["G"](None, {"html": True})
        refused = auth.check(request.method, request.headers, self.world.settings)
        refused = refused or versions.check(request.method, request.query, request.headers, self.world.settings.version_ceiling)
        return refused or self.api.handle(request.method, path[len(self.prefix):], request.query, body)

    def _dress(self, reply: Reply, request: web.Request) -> Reply:
        settings = self.world.settings
        squeeze = reply.gzip or (settings.gzip and "gzip" in request.headers.get("Accept-Encoding", "") and len(reply.body) > 500)
        headers = reply.headers + [("ActivityId", str(uuid.uuid4())), ("X-TFS-ProcessId", "2e032b79-a2bc-492d-a5c6-962ae7f2165c"),
                                   ("X-VSS-E2EID", str(uuid.uuid4())), ("P3P", 'CP="CAO DSP COR"')]
        return dataclasses.replace(reply, gzip=squeeze, headers=headers, delay=reply.delay + settings.latency)
