"""The service's JSON: pools, agents, job requests, with what clients must tolerate: 0-7 digit dates, null or absent members, members nobody knows,
links to two hosts. A request's row is kept serialised until the request changes; a list only joins rows."""
from __future__ import annotations

import json

from ..dates import ado_date
from ..reply import dumps
from .demands import satisfies_all
from .model import Agent, Pool, Request, Settings

HOST_ID = "9a0f1c7e-1111-4a2b-8c3d-00000000c0de"
SCOPE_ID = "3b3b3b3b-0000-4000-8000-00000000aaaa"
OWNER_ID = "11111111-2222-4333-8444-555555555501"


def wrap(rows: list[bytes]) -> bytes:
    return b'{"count":%d,"value":[%b]}' % (len(rows), b",".join(rows))


class Rows:
    def __init__(self, settings: Settings, base_url: str = ""):
        self.settings = settings
        self.base_url = base_url       # https://host/org, for links

    def _unset(self, row: dict, key: str, seed: int) -> None:
        how = self.settings.nulls
        if how == "null" or (how == "mix" and seed % 2):
            row[key] = None

    def _date(self, t: float, seed: int) -> str:
        return ado_date(t, (seed * 5 + 3) % 8)

    def pool(self, pool: Pool, single: bool = False) -> dict:
        row = {"createdOn": "2025-11-02T10:04:11.487Z", "autoProvision": False, "autoSize": None if single else True,
               "targetSize": None, "agentCloudId": None,
               "createdBy": {"displayName": "Ada Ops", "id": OWNER_ID, "uniqueName": "ada@contoso.example", "descriptor": "aad.AAA",
                             "_links": {"avatar": {"href": f"{self.base_url}/_apis/GraphProfile/MemberAvatars/aad.AAA"}}},
               "owner": {"id": OWNER_ID, "displayName": "Ada Ops"}, "id": pool.id, "scope": HOST_ID, "name": pool.name,
               "isHosted": pool.hosted, "poolType": "automation", "size": len(pool.agents), "isLegacy": False}
        if not pool.legacy:
            row |= {"autoUpdate": True, "options": "none"}
        if self.settings.unknown_members:
            row["futureMember"] = {"value": [{"id": -1, "name": pool.name}], "count": 1}
        return row

    def agent_links(self, agent: Agent) -> dict:
        return {"self": {"href": f"{self.base_url}/_apis/distributedtask/pools/{agent.pool.id}/agents/{agent.id}"},
                "web": {"href": f"{self.base_url}/_settings/agentpools?view=jobs&poolId={agent.pool.id}&agentId={agent.id}"}}

    def agent_reference(self, agent: Agent, reserved: bool = False) -> dict:
        row = {"_links": self.agent_links(agent), "id": agent.id, "name": agent.name, "version": agent.version,
               "enabled": agent.enabled, "status": "online" if agent.online else "offline", "provisioningState": "Provisioned"}
        if reserved:
            row |= {"osDescription": agent.os, "accessPoint": "CodexAccessMapping"}
        return row

    def agent(self, agent: Agent, capabilities=False, assigned=False, last=False) -> dict:
        row = {}
        if capabilities:
            row["systemCapabilities"] = agent.capabilities
            if agent.user_capabilities:
                row["userCapabilities"] = agent.user_capabilities
        if assigned:
            if agent.request:
                row["assignedRequest"] = json.loads(self.request_head(agent.request) + b"}")
            else:
                self._unset(row, "assignedRequest", agent.id)
        if last:
            if agent.last:
                row["lastCompletedRequest"] = json.loads(self.request_head(agent.last) + b"}")
            else:
                self._unset(row, "lastCompletedRequest", agent.id)
        row |= {"_links": self.agent_links(agent), "maxParallelism": 1, "createdOn": self._date(agent.created, agent.id),
                "statusChangedOn": self._date(agent.changed, agent.id + 1),
                "authorization": {"clientId": f"5c0ffee0-0000-4000-8000-{agent.id:012d}", "publicKey": {"exponent": "AQAB", "modulus": "uY2x"}},
                "id": agent.id, "name": agent.name, "version": agent.version, "osDescription": agent.os, "enabled": agent.enabled,
                "status": "online" if agent.online else "offline", "provisioningState": "Provisioned", "accessPoint": "CodexAccessMapping"}
        if self.settings.unknown_members and agent.id % 3 == 0:
            row["futureMember"] = [{"enabled": not agent.enabled, "status": "?"}]
        return row

    def _web(self, request: Request) -> str:
        host = self.base_url if request.id % 3 else "https://contoso-ci.visualstudio.com"
        return f"{host}/{SCOPE_ID}/_build"

    def _request(self, r: Request) -> dict:
        row = {"requestId": r.id, "queueTime": self._date(r.queued, r.id)}
        for key, t, seed in (("assignTime", r.assigned, 1), ("receiveTime", r.received, 2), ("finishTime", r.finished, 4),
                             ("lockedUntil", 0 if r.finished else r.locked_until, 3)):
            if t:
                row[key] = self._date(t, r.id + seed)
            else:
                self._unset(row, key, r.id + seed)
        if r.result:
            row["result"] = r.result
        else:
            self._unset(row, "result", r.id)
        row |= {"serviceOwner": "00025394-6065-48ca-87d9-7f5672854ef7", "hostId": HOST_ID, "scopeId": SCOPE_ID, "planType": "Build",
                "planId": r.plan_id, "jobId": r.job_id, "demands": list(r.demands)}
        if r.agent:
            row["reservedAgent"] = self.agent_reference(r.agent, True)
        else:
            self._unset(row, "reservedAgent", r.id // 2)
        run = 6000 + r.id
        row["definition"] = {"_links": {"web": {"href": f"{self._web(r)}/definition?definitionId=77"}}, "id": 77, "name": r.name}
        row["owner"] = {"_links": {"web": {"href": f"{self._web(r)}/results?buildId={run}"},
                                   "self": {"href": f"{self.base_url}/{SCOPE_ID}/_apis/build/Builds/{run}"}}, "id": run, "name": f"20260301.{r.id}"}
        row["data"] = {"ParallelismTag": "Private", "IsScheduledKey": "False"}
        if not r.pool.legacy:
            row |= {"poolId": r.pool.id, "orchestrationId": f"{r.plan_id}.build.compile.__default", "priority": r.priority}
        if self.settings.unknown_members and r.id % 3 == 0:
            row["futureMember"] = {"count": 1, "value": [{"requestId": -r.id, "result": None}]}
        return row

    def request_head(self, r: Request) -> bytes:
        if r.row is None:
            r.row = dumps(self._request(r))[:-1]
        return r.row

    def _matched(self, r: Request) -> bytes:
        """For a waiting request: which registered agents could run it; worked out once per demand set and change of agents."""
        pool = r.pool
        known = pool.matched.get(r.demands)
        if known is None or known[0] != pool.agents_version:
            fit = [a for a in pool.agents.values() if satisfies_all(r.demands, a.folded)]
            if fit and len(fit) == len(pool.agents):
                text = b',"matchesAllAgentsInPool":true'
            else:
                text = b',"matchedAgents":' + dumps([self.agent_reference(a) for a in fit[:self.settings.matched_max]])
            known = pool.matched[r.demands] = (pool.agents_version, text)
        return known[1]

    def request(self, r: Request, matched: bool = True) -> bytes:
        head = self.request_head(r)
        return head + (self._matched(r) if matched and not r.assigned and not r.result else b"") + b"}"
