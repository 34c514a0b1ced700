"""Scripts the Kubernetes stand-in, under /control/kube of the ADO stand-in's port."""
from __future__ import annotations

from aiohttp import web

from .shapes import SHAPES
from .status import KubeError
from .store import RESOURCES

HELP = """\
kube      POST /control/kube/faults {"shape","verb"?,"path"?,"times"?,...}; GET, DELETE. shapes: %s
          POST /control/kube/settings {"bookmark_every","date_skew","latency","token","job_controller","controller_delay","namespace_hold"}
          POST /control/kube/deny {"verb","resource"} (RBAC); DELETE /control/kube/deny   POST /control/kube/quota {"namespace","hard":{"count/jobs.batch":"2"}}
          POST /control/kube/compact             older versions and continue tokens are gone (410)
          POST /control/kube/watches {"end":"eof"|"abort"|"410"}     ends every open watch
          GET /control/kube/record?since=T   DELETE /control/kube/record   GET /control/kube/counts   GET /control/kube/created (every Job ever)
"""


class KubeControl:
    def __init__(self, server):
        self.server = server
        self.made: list[dict] = []     # every Job ever created, from the store itself
        server.store.listeners.append(self._on_change)

    def _on_change(self, resource, change) -> None:
        if resource.plural == "jobs" and change.type == "ADDED":
            meta = change.item.obj["metadata"]
            self.made.append({k: meta.get(k) for k in ("name", "namespace", "uid", "labels", "annotations")})

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/control/kube").strip("/")
        p = await request.json() if request.can_read_body else {}
        try:
            do = getattr(self, f"{request.method.lower()}_{path}", None)
            if do is None:
                return web.Response(text=help_text())
            return web.json_response(do(p, request.query) or {})
        except (KubeError, KeyError, ValueError, TypeError) as e:
            return web.json_response({"error": f"{type(e).__name__}: {e}"}, status=400)

    def post_faults(self, p, q):
        self.server.faults.add(p)

    def get_faults(self, p, q):
        return {"faults": [vars(f) for f in self.server.faults.rules]}

    def delete_faults(self, p, q):
        self.server.faults.clear()

    def post_settings(self, p, q):
        s, c = self.server, self.server.controllers
        for name, value in p.items():
            if name == "controller_delay":
                c.delay = value
            else:
                target = c if hasattr(c, name) else s
                if not hasattr(target, name):
                    raise ValueError(f"no setting {name}")
                setattr(target, name, value)

    def post_deny(self, p, q):
        self.server.api.denies.append(p)

    def delete_deny(self, p, q):
        self.server.api.denies.clear()

    def post_quota(self, p, q):
        self.server.controllers.add_quota(p["namespace"], p["hard"], p.get("name", "quota"))

    def post_compact(self, p, q):
        self.server.store.compact()

    def post_watches(self, p, q):
        return {"ended": self.server.end_watches(p.get("end", "eof"))}

    def get_record(self, p, q):
        return {"calls": self.server.record.since(float(q.get("since", 0)))}

    def delete_record(self, p, q):
        self.server.record.calls.clear()

    def get_counts(self, p, q):
        return {f"{r.plural}.{r.group}" if r.group else r.plural: len(self.server.store.tables[r].items) for r in RESOURCES.values()}

    def get_created(self, p, q):
        return {"jobs": self.made}


def help_text() -> str:
    return HELP % " ".join(sorted(SHAPES))
