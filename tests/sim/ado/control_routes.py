"""/control/... -> Control. A flat table of (verb, pattern)."""
from __future__ import annotations

import re

from aiohttp import web

from .control import Control, help_text
from .shapes import SHAPES
from .world import Refused


def routes(control: Control):
    c = control
    agent, job = c.any_agent, lambda id: c.world.requests[int(id)]
    fault = lambda f: {k: getattr(f, k) for k in ("shape", "verb", "path", "times", "skip", "every", "params", "seen", "used")}

    def change_pool(name: str, p: dict) -> dict:
        pool = c.world.pool(name)
        if p.get("delete"):
            del c.world.pools[pool.id]
        if p.get("rename"):
            pool.name = p["rename"]
        return {"id": pool.id}

    return [
        ("POST", r"pools", lambda p, q: {"id": c.world.add_pool(**p).id}),
        ("GET", r"pools", lambda p, q: {"pools": [{"id": x.id, "name": x.name, "agents": len(x.agents), "unfinished": len(x.unfinished),
                                                   "finished": len(x.finished)} for x in c.world.pools.values()]}),
        ("POST", r"pools/([^/]+)", lambda p, q, name: change_pool(name, p)),
        ("POST", r"jobs", lambda p, q: c.queue(p)),
        ("GET", r"jobs", lambda p, q: c.list_jobs(q)),
        ("GET", r"jobs/(\d+)", lambda p, q, id: c.show_job(job(id))),
        ("POST", r"jobs/(\d+)/cancel", lambda p, q, id: c.world.cancel(job(id))),
        ("POST", r"jobs/(\d+)/finish", lambda p, q, id: c.world.finish(job(id), p.get("result", ""))),
        ("POST", r"history", lambda p, q: c.world.add_history(c.world.pool(p["pool"]), int(p["n"]))),
        ("POST", r"agents", lambda p, q: c.register(p)),
        ("GET", r"agents", lambda p, q: {"agents": [c.show_agent(a) for a in c.world.agents.values()]}),
        ("GET", r"agents/departed", lambda p, q: {"agents": [c.show_agent(a) for a in c.world.departed]}),
        ("POST", r"agents/batch", lambda p, q: c.batch(p)),
        ("POST", r"agents/(\d+)/finish", lambda p, q, id: c.finish(agent(id), p)),
        ("POST", r"agents/(\d+)/online", lambda p, q, id: c.online(agent(id), bool(p.get("online", True)))),
        ("POST", r"agents/(\d+)/enabled", lambda p, q, id: c.world.set_enabled(agent(id), bool(p.get("enabled", True)))),
        ("DELETE", r"agents/(\d+)", lambda p, q, id: c.remove(agent(id))),
        ("POST", r"faults", lambda p, q: fault(c.faults.add(p))),
        ("GET", r"faults", lambda p, q: {"faults": [fault(f) for f in c.faults.rules]}),
        ("DELETE", r"faults", lambda p, q: c.faults.clear()),
        ("POST", r"settings", lambda p, q: c.set(p)),
        ("GET", r"settings", lambda p, q: c.set({})),
        ("GET", r"record", lambda p, q: {"calls": c.record.since(float(q.get("since", 0)))}),
        ("DELETE", r"record", lambda p, q: c.record.calls.clear()),
        ("GET", r"summary", lambda p, q: c.summary()),
        ("POST", r"reset", lambda p, q: c.reset()),
    ]


class ControlRoutes:
    def __init__(self, control: Control):
        self.control = control
        self.table = routes(control)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/control").strip("/")
        if not path:
            return web.Response(text=help_text())
        try:
            waited = await self._waits(request, path)
            if waited is not None:
                return waited
            body = await request.json() if request.can_read_body else {}
            return web.json_response(self._call(request.method, path, body, request.query) or {})
        except Refused as e:
            return web.json_response({"error": e.message}, status=e.status)
        except (KeyError, ValueError, TypeError) as e:
            return web.json_response({"error": f"{type(e).__name__}: {e}", "shapes": sorted(SHAPES)}, status=400)

    def _call(self, verb: str, path: str, body: dict, query):
        for v, pattern, do in self.table:
            m = re.fullmatch(pattern, path) if v == verb else None
            if m:
                return do(body, query, *m.groups())
        raise Refused(404, "", f"no {verb} /control/{path}; GET /control lists what there is")

    async def _waits(self, request: web.Request, path: str) -> web.StreamResponse | None:
        seconds = float(request.query.get("wait", 30))
        if path == "agents/events":
            return web.json_response(await self.control.wait_events(request.query["owner"], int(request.query.get("after", 0)), seconds))
        m = re.fullmatch(r"agents/(\d+)/job", path)
        if not m:
            return None
        r = await self.control.wait_job(self.control.any_agent(m[1]), seconds)
        if r is None:
            return web.Response(status=204)
        if request.query.get("format") == "text":
            return web.Response(text=f"{r.id} {r.duration} {r.name}\n")
        return web.json_response({"request": r.id, "duration": r.duration, "name": r.name})
