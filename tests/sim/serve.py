"""Starting aiohttp applications on a port, and the plain-JSON client that the tests, the demo and the kubelet share."""
from __future__ import annotations

import inspect
import json
import urllib.error
import urllib.request

from aiohttp import web


async def listen(app: web.Application, port: int, host: str = "127.0.0.1", ssl_context=None) -> tuple[web.AppRunner, int]:
    """The runner and the port (port 0: the system chooses). No graceful wait for long polls and watches at shutdown."""
    newer = "shutdown_timeout" in inspect.signature(web.BaseRunner.__init__).parameters      # aiohttp 3.9 moved it from the site to the runner
    quick = {"shutdown_timeout": 0.2}
    runner = web.AppRunner(app, access_log=None, **({"handler_cancellation": True, **quick} if newer else {}))
    await runner.setup()
    site = web.TCPSite(runner, host, port, ssl_context=ssl_context, backlog=1024, reuse_address=True, **({} if newer else quick))
    await site.start()
    return runner, site._server.sockets[0].getsockname()[1]


class ControlError(Exception):
    def __init__(self, status: int, text: str):
        super().__init__(f"{status}: {text}")
        self.status = status


class ControlClient:
    """Blocking calls to /control of a stand-in."""

    def __init__(self, url: str):
        self.url = url.rstrip("/") + "/control"
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(self, verb: str, path: str, body=None, timeout: float = 60):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.url}/{path}", data, {"Content-Type": "application/json"}, method=verb)
        try:
            with self.opener.open(request, timeout=timeout) as reply:
                return json.loads(reply.read() or b"{}")
        except urllib.error.HTTPError as e:
            raise ControlError(e.code, e.read().decode(errors="replace")) from None

    def get(self, path: str):
        return self.call("GET", path)

    def post(self, path: str, /, **body):
        return self.call("POST", path, body)

    def delete(self, path: str):
        return self.call("DELETE", path)
