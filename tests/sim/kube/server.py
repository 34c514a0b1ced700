"""The Kubernetes stand-in as an HTTP server: routes, discovery, faults, the record."""
from __future__ import annotations

import dataclasses
import json
import time
from urllib.parse import unquote

from aiohttp import web

from ..dates import http_date
from ..faults import Faults
from ..record import Record
from ..reply import Reply, dumps, send
from . import watch
from .admission import check_rights, denied
from .api import Api, reply
from .control import KubeControl
from .controllers import Controllers
from .shapes import DELIVERED, SHAPES, of_error
from .status import KubeError, bad_request, expired, route_missing
from .store import PODS, RESOURCES, Resource, Store

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "GET": "get"}


@dataclasses.dataclass
class Target:
    resource: Resource
    ns: str | None
    name: str = ""
    sub: str = ""


def parse(path: str) -> Target | None:
    """/api/v1/[namespaces/NS/]RESOURCE[/NAME[/SUB]] or /apis/GROUP/VERSION/..."""
    parts = [p for p in path.split("/") if p]
    if parts[:2] == ["api", "v1"]:
        group, rest = "", parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 2:
        group, rest = parts[1], parts[3:]
        if parts[2] != "v1":
            return None
    else:
        return None
    ns = None
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        ns, rest = rest[1], rest[2:]
    resource = RESOURCES.get((group, rest[0])) if rest else None
    if resource is None or len(rest) > 3 or (resource.namespaced and ns is None and len(rest) > 1):
        return None
    return Target(resource, ns if resource.namespaced else "", *rest[1:])


class KubeServer:
    def __init__(self):
        self.store = Store()
        self.api = Api(self.store)
        self.controllers = Controllers(self.api)
        self.faults = Faults(SHAPES)
        self.record = Record()
        self.bookmark_every, self.date_skew, self.latency, self.token = 60.0, 0.0, 0.0, ""
        self.control = KubeControl(self)
        self.app = web.Application(client_max_size=3 << 20)
        self.app.router.add_route("*", "/{path:.*}", self._handle)

    def end_watches(self, how: str) -> int:
        n = 0
        for table in self.store.tables.values():
            for watcher in list(table.watchers):
                if how == "410":
                    watcher.say(watch.error_line(expired("too old resource version")))
                watcher.stop("abort" if how == "abort" else "eof")
                n += 1
        return n

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        fault = self.faults.find(request.method, unquote(request.raw_path))
        answer = Reply() if fault and fault.shape not in DELIVERED else self._answer(request, body)
        if fault:
            answer = SHAPES[fault.shape](answer if isinstance(answer, Reply) else Reply(), fault.params)
        status = answer.status if isinstance(answer, Reply) else 200
        self.record.add(request.method, request.raw_path, status, 0, request.headers.get("User-Agent", ""), fault.shape if fault else "")
        date = [("Date", http_date(time.time() + self.date_skew))] if self.date_skew else []
        if isinstance(answer, watch.Watcher):
            return await watch.stream(request, self.store, answer, float(request.query.get("timeoutSeconds") or 1800), self.bookmark_every, date)
        return await send(request, dataclasses.replace(answer, headers=answer.headers + date, delay=answer.delay + self.latency))

    def _answer(self, request: web.Request, body: bytes) -> Reply | watch.Watcher:
        try:
            if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
                raise KubeError(401, "Unauthorized", "Unauthorized")
            special = self._special(request.method, request.path, body)
            return special or self._call(request, body)
        except KubeError as e:
            return of_error(e)
        except (ValueError, TypeError, AttributeError) as e:
            return of_error(bad_request(f"the request cannot be understood: {e}"))

    def _special(self, verb: str, path: str, body: bytes) -> Reply | None:
        path = path.rstrip("/")
        if path in ("/readyz", "/livez", "/healthz"):
            return Reply(200, b"ok", "text/plain; charset=utf-8")
        if path == "/version":
            return reply(200, {"major": "1", "minor": "36", "gitVersion": "v1.36.3", "platform": "linux/amd64"}, [])
        if path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" and verb == "POST":
            review = json.loads(body)
            wanted = review["spec"].get("resourceAttributes") or {}
            plural = wanted.get("resource", "") + (f"/{wanted['subresource']}" if wanted.get("subresource") else "")
            return reply(201, review | {"status": {"allowed": not denied(self.api.denies, wanted.get("verb", ""), plural)}}, [])
        return self._discovery(path) if verb == "GET" else None

    @staticmethod
    def _discovery(path: str) -> Reply | None:
        groups = sorted({r.group for r in RESOURCES.values() if r.group} | {"authorization.k8s.io"})
        version = lambda g: {"groupVersion": f"{g}/v1", "version": "v1"}
        if path == "/api":
            return reply(200, {"kind": "APIVersions", "versions": ["v1"]}, [])
        if path == "/apis":
            return reply(200, {"kind": "APIGroupList", "apiVersion": "v1",
                               "groups": [{"name": g, "versions": [version(g)], "preferredVersion": version(g)} for g in groups]}, [])
        for group in ["", *groups]:
            if path == (f"/apis/{group}/v1" if group else "/api/v1"):
                rows = [{"name": r.plural, "singularName": r.kind.lower(), "namespaced": r.namespaced, "kind": r.kind,
                         "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"]} for r in RESOURCES.values() if r.group == group]
                return reply(200, {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{group}/v1" if group else "v1", "resources": rows}, [])
        return None

    def _call(self, request: web.Request, body: bytes) -> Reply | watch.Watcher:
        target, query = parse(request.path), request.query
        if target is None:
            raise route_missing()
        verb, resource = VERBS.get(request.method, ""), target.resource
        following = query.get("watch") in ("1", "true")
        right = ("watch" if following else "list") if verb == "get" and not target.name else verb
        check_rights(self.api.denies, right, resource, target.sub, target.ns or "")
        if right == "watch":
            return watch.start(self.store, resource, self.api.wants(resource, target.ns, query), query)
        if right == "list":
            return Reply(200, self.api.list(resource, target.ns if resource.namespaced else None, query), "application/json")
        return self._object(verb, target, query, json.loads(body) if body else {}, request.headers.get("Content-Type", ""))

    def _object(self, verb: str, t: Target, query, obj, content_type: str) -> Reply:
        if verb == "get" and not t.sub:
            return reply(200, self.api.item(t.resource, t.ns, t.name).obj, [])
        if verb == "get" and t.sub == "log" and t.resource is PODS:
            self.api.item(t.resource, t.ns, t.name)
            return Reply(200, b"simulated agent\n", "text/plain")
        if verb == "create" and t.sub == "binding":
            return reply(*self.api.bind(t.ns, t.name, obj))
        if verb == "create" and not t.name:
            return reply(*self.api.create(t.resource, t.ns, obj, query))
        if verb == "update" and t.name and t.sub in ("", "status"):
            return reply(*self.api.update(t.resource, t.ns, t.name, obj, query, t.sub))
        if verb == "patch" and t.name and t.sub in ("", "status"):
            if "merge-patch" not in content_type:
                raise KubeError(415, "UnsupportedMediaType", "the body of the request was in an unknown format - accepted media types include: application/merge-patch+json")
            return reply(*self.api.patch(t.resource, t.ns, t.name, obj, query, t.sub))
        if verb == "delete" and t.name and not t.sub:
            return reply(*self.api.delete(t.resource, t.ns, t.name, obj, query))
        raise KubeError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
