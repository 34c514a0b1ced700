"""The REST routes under /_apis: pools, agents, job requests, discovery. Turns one call into one Reply; knows nothing of sockets."""
from __future__ import annotations

import json
from typing import Mapping

from ..reply import Reply, dumps
from . import locations
from .demands import satisfies_all
from .errors import error, json_reply
from .model import Agent, Pool, Request
from .rows import wrap
from .world import Refused, World

PAGE_MAX = 200


def flag(query: Mapping, name: str) -> bool:
    return query.get(name, "").lower() in ("true", "1")


def ids(text: str) -> set[int]:
    return {int(p) for p in text.split(",") if p.strip().isdigit()}


def folded(query) -> dict:
    return {k.lower(): v for k, v in query.items()}


class Api:
    def __init__(self, world: World):
        self.world = world

    def handle(self, verb: str, path: str, query: Mapping, body: bytes) -> Reply:
        """path: below the organisation, e.g. /_apis/distributedtask/pools; matched without case."""
        try:
            return self._route(verb, [p for p in path.split("/") if p], folded(query), body)
        except Refused as e:
            return error(e.status, e.type_key, e.message)
        except (ValueError, TypeError, KeyError, AttributeError) as e:
            return error(400, "ArgumentException", f"Value cannot be used: {e}")

    def _route(self, verb: str, parts: list[str], query: Mapping, body: bytes) -> Reply:
        low = [p.lower() for p in parts]
        base = self.world.rows.base_url
        if low[:1] != ["_apis"]:
            return self._no_route(parts)
        if verb == "OPTIONS":
            return json_reply(locations.locations(self.world.settings.version_ceiling, low[1] if len(low) > 1 else ""))
        if low[1:2] == ["resourceareas"]:
            return json_reply(locations.resource_areas(base, low[2] if len(low) > 2 else ""))
        if low[1:2] == ["connectiondata"]:
            return json_reply(locations.connection_data(base))
        if low[1:3] != ["distributedtask", "pools"]:
            return self._no_route(parts)
        if len(low) == 3:
            return self.pools(query) if verb == "GET" else self._no_route(parts)
        pool = self.world.pool(int(low[3])) if low[3].isdigit() else self.world.pool(0)
        rest = low[4:]
        if not rest:
            return json_reply(self.world.rows.pool(pool, True))
        if rest[0] == "agents":
            return self.agents(verb, pool, rest[1:], query, body)
        if rest[0] == "jobrequests":
            return self.jobrequests(verb, pool, rest[1:], query)
        return self._no_route(parts)

    @staticmethod
    def _no_route(parts: list[str]) -> Reply:
        path = "/".join(parts)
        return Reply(404, f"The controller for path '/{path}' was not found or does not implement IController.".encode(), "text/plain; charset=utf-8")

    # ---- pools ----
    def pools(self, query: Mapping) -> Reply:
        pools = list(self.world.pools.values())
        if query.get("poolname"):
            wanted = query["poolname"].lower()
            pools = [p for p in pools if p.name.lower() == wanted or (wanted.endswith("*") and p.name.lower().startswith(wanted[:-1]))]
        if query.get("poolids"):
            pools = [p for p in pools if p.id in ids(query["poolids"])]
        if query.get("pooltype", "automation") != "automation":
            pools = []
        return Reply(200, wrap([dumps(self.world.rows.pool(p)) for p in pools]))

    # ---- agents ----
    def agents(self, verb: str, pool: Pool, rest: list[str], query: Mapping, body: bytes) -> Reply:
        if not rest:
            return {"GET": self._list_agents, "POST": self._add_agent}.get(verb, self._no_verb)(pool, query, body)
        agent = self.world.agent(pool, int(rest[0]))
        if verb == "GET":
            return json_reply(self._show_agent(agent, query))
        if verb in ("PATCH", "PUT"):
            return self._change_agent(agent, json.loads(body), verb == "PUT")
        if verb == "DELETE":
            self.world.remove_agent(agent)
            status = self.world.settings.delete_status
            return Reply(status, b"" if status == 204 else b"null")
        return self._no_verb(pool, query, body)

    def _show_agent(self, agent: Agent, query: Mapping) -> dict:
        return self.world.rows.agent(agent, flag(query, "includecapabilities"), flag(query, "includeassignedrequest"),
                                     flag(query, "includelastcompletedrequest"))

    def _list_agents(self, pool: Pool, query: Mapping, _: bytes) -> Reply:
        agents = list(pool.agents.values())
        if query.get("agentname"):
            agents = [a for a in agents if a.name.lower() == query["agentname"].lower()]
        if query.get("demands"):
            demands = [d.strip() for d in query["demands"].split(",")]
            agents = [a for a in agents if satisfies_all(demands, a.folded)]
        return Reply(200, wrap([dumps(self._show_agent(a, query)) for a in agents]))

    def _add_agent(self, pool: Pool, _: Mapping, body: bytes) -> Reply:
        spec = json.loads(body)
        agent = self.world.add_agent(pool, str(spec["name"]), spec.get("systemCapabilities"), version=str(spec.get("version", "4.255.0")),
                                     os=str(spec.get("osDescription", "Linux")), enabled=spec.get("enabled", True) is not False)
        agent.user_capabilities = spec.get("userCapabilities") or {}
        agent.fold()
        return json_reply(self.world.rows.agent(agent, True))

    def _change_agent(self, agent: Agent, spec: dict, replace: bool) -> Reply:
        if spec.get("id") not in (None, agent.id):
            raise Refused(400, "ArgumentException", "The agent id of the body does not match the one of the URL.")
        if replace and "name" not in spec:
            raise Refused(400, "ArgumentNullException", "Value cannot be null. Parameter name: agent.Name")
        for key, where in (("systemCapabilities", "capabilities"), ("userCapabilities", "user_capabilities")):
            if spec.get(key) is not None:
                setattr(agent, where, dict(spec[key]))
                agent.fold()
        if "version" in spec:
            agent.version = str(spec["version"])
        if "enabled" in spec:
            self.world.set_enabled(agent, bool(spec["enabled"]))
        self.world.agent_changed(agent)
        return json_reply(self.world.rows.agent(agent))

    # ---- job requests ----
    def jobrequests(self, verb: str, pool: Pool, rest: list[str], query: Mapping) -> Reply:
        if not rest:
            return self._list_requests(pool, query) if verb == "GET" else self._no_verb(pool, query, b"")
        r = self.world.requests.get(int(rest[0]))
        if r is None or r.pool is not pool:
            raise Refused(404, "TaskAgentJobNotFoundException", f"No job request found with identifier {rest[0]}.")
        if verb == "GET":
            return Reply(200, self.world.rows.request(r))
        if verb == "DELETE":
            self.world.cancel(r)
            return Reply(204)
        if verb == "PATCH":
            if query.get("updateoptions") == "1":
                r.priority, r.row = r.priority + 1, None
            return Reply(200, self.world.rows.request(r))
        return self._no_verb(pool, query, b"")

    def _select(self, pool: Pool, query: Mapping) -> list[Request]:
        """Which rows, oldest first, the overload that the query names asks for."""
        live, ended = list(pool.unfinished.values()), pool.finished
        if "planid" in query:
            return [r for r in ended + live if r.plan_id == query["planid"].lower() and query.get("jobid", r.job_id).lower() == r.job_id]
        if "agentid" in query or "agentids" in query:
            agents = ids(query.get("agentids", "") + "," + query.get("agentid", ""))
            ended, live = [r for r in ended if r.agent and r.agent.id in agents], [r for r in live if r.agent and r.agent.id in agents]
        keep = query.get("completedrequestcount", "")
        if keep.lstrip("-").isdigit() and not self.world.settings.ignore_completed_count:
            n = max(0, int(keep))
            ended = ended[-n:] if n else []
        return ended + live

    def _list_requests(self, pool: Pool, query: Mapping) -> Reply:
        rows = self._select(pool, query)
        if self.world.settings.order == "newest":
            rows = rows[::-1]
        headers, matched = [], True
        if "$top" in query:
            size = min(PAGE_MAX, max(1, int(query["$top"])))
            start = int(query.get("continuationtoken") or 0)
            if start + size < len(rows):
                headers = [("x-ms-continuationtoken", str(start + size))]
            rows, matched = rows[start:start + size], False
        make = self.world.rows.request
        delay = self.world.settings.history_row_delay * sum(1 for r in rows if r.result) if self.world.settings.history_row_delay else 0.0
        return Reply(200, wrap([make(r, matched) for r in rows]), headers=headers, delay=delay)

    @staticmethod
    def _no_verb(*_) -> Reply:
        return error(405, "VssServiceException", "The requested resource does not support this http method.")
