"""/control/kubelet: how pods behave, and what the kubelet has seen."""
from __future__ import annotations

from aiohttp import web

from .kubelet import Behaviour, Kubelet, Rule
from .troubles import NAMES

HELP = f"""\
kubelet   GET /control/kubelet                    counts; killed_busy must stay empty
          POST /control/kubelet/rules {{"match":"regex in 'ns/pod image pool'","times"?,"trouble"?,"recover_after"?,"start_delay"?,...}}   DELETE: all rules
          POST /control/kubelet/behaviour {{"start_delay","register_delay","exit_delay","use_hostname","capabilities","node",...}}
          troubles: {' '.join(NAMES)}; also by an image that ends in `trouble-NAME`
"""


class KubeletControl:
    def __init__(self, kubelet: Kubelet):
        self.kubelet = kubelet

    async def handle(self, request: web.Request) -> web.StreamResponse:
        k, path = self.kubelet, request.path.removeprefix("/control/kubelet").strip("/")
        p = await request.json() if request.can_read_body else {}
        unknown = set(p) - set(vars(Behaviour())) - {"match", "times"}
        if unknown or p.get("trouble", "") not in ("", *NAMES):
            return web.json_response({"error": f"unknown: {sorted(unknown) or p['trouble']}"}, status=400)
        if (request.method, path) == ("POST", "rules"):
            k.rules.append(Rule(p.pop("match", ""), {x: v for x, v in p.items() if x != "times"}, p.get("times")))
        elif (request.method, path) == ("DELETE", "rules"):
            k.rules.clear()
        elif (request.method, path) == ("POST", "behaviour"):
            vars(k.behaviour).update(p)
        elif request.method != "GET":
            return web.Response(text=HELP, status=404)
        return web.json_response({"stats": dict(k.stats), "killed_busy": k.killed_busy, "running": sum(not r.task.done() for r in k.pods.values()),
                                  "rules": [vars(r) for r in k.rules], "behaviour": vars(k.behaviour)})
