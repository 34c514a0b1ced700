"""Scripts the ADO stand-in and is what simulated agents talk to. JSON over HTTP under /control; HELP is the reference.
One `batch` call carries many agents' steps and one `events` long poll carries many agents' jobs, so that thousands of agents stay cheap."""
from __future__ import annotations

import asyncio
import dataclasses
from collections import defaultdict

from ..faults import Faults
from ..record import Record
from .model import Agent, Request
from .shapes import SHAPES
from .world import Refused, World

HELP = """\
pools     POST /control/pools {"name","id"?,"hosted"?,"legacy"?}     POST /control/pools/NAME {"rename"} or {"delete":true}
jobs      POST /control/jobs {"pool","n"=1,"demands"=[],"duration"=1,"name"="build","priority"=0,"outcome"="succeeded"} -> {"ids"}
          GET /control/jobs?pool=&unfinished=1   GET /control/jobs/ID   POST /control/jobs/ID/cancel   POST /control/jobs/ID/finish {"result"?}
          POST /control/history {"pool","n"}     finished rows of the past
agents    POST /control/agents {"pool","name","capabilities"={},"host"?,"once"=true,"auto"=false,"online"=true,"owner"?,"token"?} -> {"id"}; again = replace
          GET /control/agents                    registered now; GET /control/agents/departed: who left, with jobs taken
          GET /control/agents/ID/job?wait=30&format=json|text     long poll: {"request","duration","name"} or 204; text: "ID DURATION NAME"
          POST /control/agents/ID/finish {"result"?}   POST /control/agents/ID/online {"online"}   DELETE /control/agents/ID (400 when it has a job)
          POST /control/agents/batch {"ops":[{"op":"register",...},{"op":"finish","id"},{"op":"remove","id"},{"op":"offline","id"}]} -> {"results":[...]}
          GET /control/agents/events?owner=X&after=N&wait=30   {"next","events":[{"agent","request","duration","name","stop"}]}
faults    POST /control/faults {"shape","verb"?,"path"?(regex),"times"?,"skip"?,"every"?, parameters}   GET, DELETE /control/faults
          shapes: %s
settings  GET /control/settings   POST /control/settings {"name":value,...}
record    GET /control/record?since=T   DELETE /control/record   GET /control/summary   POST /control/reset
"""


class Control:
    def __init__(self, world: World, faults: Faults, record: Record):
        self.world, self.faults, self.record = world, faults, record
        self.events: dict[str, list[dict]] = defaultdict(list)        # owner -> what happened, for ever
        self.jobs: dict[int, asyncio.Future] = {}                     # agent -> who waits for its job
        self.wakers: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._listen()

    def _listen(self) -> None:
        self.world.started = self._started
        self.world.stopped = self._stopped

    # ---- told by the world ----
    def _event(self, owner: str, **event) -> None:
        self.events[owner].append(event)
        self.wakers[owner].set()

    def _started(self, agent: Agent, r: Request) -> None:
        if agent.owner:
            self._event(agent.owner, agent=agent.id, request=r.id, duration=r.duration, name=r.name, stop=False)
        waiter = self.jobs.pop(agent.id, None)
        if waiter and not waiter.done():
            waiter.set_result(r)

    def _stopped(self, agent: Agent, r: Request) -> None:
        if agent.owner:
            self._event(agent.owner, agent=agent.id, request=r.id, duration=0, name=r.name, stop=True)

    # ---- jobs ----
    def queue(self, p: dict):
        pool = self.world.pool(p["pool"])
        more = {k: p[k] for k in ("duration", "name", "priority", "outcome") if k in p}
        return {"ids": [self.world.queue(pool, p.get("demands", ()), **more).id for _ in range(int(p.get("n", 1)))]}

    @staticmethod
    def show_job(r: Request) -> dict:
        row = {k: getattr(r, k) for k in ("id", "queued", "assigned", "received", "finished", "result", "name", "duration", "priority", "offers")}
        return row | {"pool": r.pool.name, "demands": list(r.demands), "agent": r.agent.name if r.agent else "", "host": r.agent.host if r.agent else ""}

    def list_jobs(self, query) -> dict:
        rows = self.world.requests.values()
        if query.get("pool"):
            pool = self.world.pool(query["pool"])
            rows = [r for r in rows if r.pool is pool]
        if query.get("unfinished"):
            rows = [r for r in rows if not r.result]
        return {"jobs": [self.show_job(r) for r in rows if r.name != "history"]}

    # ---- agents ----
    def register(self, p: dict) -> dict:
        pool = self.world.pool(p["pool"])
        if p.get("token") is not None and self.world.settings.check_auth and p["token"] not in self.world.settings.pats:
            raise Refused(401, "UnauthorizedRequestException", "The token that the agent was given is not accepted.")
        for old in [a for a in pool.agents.values() if a.name.lower() == str(p["name"]).lower()]:
            self.world.remove_agent(old)
        known = {k: p[k] for k in ("host", "once", "auto", "owner", "version", "enabled") if k in p}
        capabilities = {"Agent.Name": p["name"], "Agent.Version": p.get("version", "4.255.0"), "Agent.OS": "Linux", "Agent.OSArchitecture": "X64",
                        "Agent.ComputerName": p.get("host") or p["name"], "Agent.HomeDirectory": "/azp"} | p.get("capabilities", {})
        agent = self.world.add_agent(pool, str(p["name"]), {k: str(v) for k, v in capabilities.items()}, **known)
        if p.get("online", True):
            self.world.set_online(agent, True)
        return {"id": agent.id}

    def any_agent(self, id) -> Agent:
        try:
            return self.world.agents[int(id)]
        except (KeyError, ValueError):
            raise Refused(404, "TaskAgentNotFoundException", f"No agent with identifier {id}.") from None

    def finish(self, agent: Agent, p: dict) -> dict:
        if agent.request:
            self.world.finish(agent.request, p.get("result", ""))
        return {}

    def online(self, agent: Agent, online: bool) -> dict:
        self.world.set_online(agent, online)
        return {}

    def remove(self, agent: Agent) -> dict:
        self.world.remove_agent(agent)
        return {}

    def batch(self, p: dict) -> dict:
        results = []
        for op in p["ops"]:
            try:
                results.append(self._step(op))
            except Refused as e:
                results.append({"error": e.message, "status": e.status})
        return {"results": results}

    def _step(self, op: dict) -> dict:
        if op["op"] == "register":
            return self.register(op)
        agent = self.any_agent(op["id"])
        if op["op"] == "finish":
            return self.finish(agent, op)
        return self.remove(agent) if op["op"] == "remove" else self.online(agent, op["op"] == "online")

    @staticmethod
    def show_agent(a: Agent) -> dict:
        return {"id": a.id, "pool": a.pool.name, "name": a.name, "host": a.host, "online": a.online, "enabled": a.enabled, "taken": a.taken,
                "request": a.request.id if a.request else 0, "last": a.last.id if a.last else 0, "capabilities": a.capabilities,
                "created": a.created, "deleted": a.deleted}

    async def wait_job(self, agent: Agent, seconds: float) -> Request | None:
        r = agent.request
        if not (r and r.received):
            waiter = self.jobs[agent.id] = asyncio.get_running_loop().create_future()
            try:
                r = await asyncio.wait_for(waiter, seconds)
            except asyncio.TimeoutError:
                return None
        return r

    async def wait_events(self, owner: str, after: int, seconds: float) -> dict:
        events, waker = self.events[owner], self.wakers[owner]
        if len(events) <= after:
            waker.clear()
            try:
                await asyncio.wait_for(waker.wait(), seconds)
            except asyncio.TimeoutError:
                pass
        return {"next": len(events), "events": events[after:]}

    # ---- the rest ----
    def set(self, p: dict) -> dict:
        settings = self.world.settings
        for name, value in p.items():
            if not hasattr(settings, name):
                raise Refused(400, "ArgumentException", f"no setting {name!r}")
            setattr(settings, name, value)
        for r in self.world.requests.values():
            r.row = None
        return dataclasses.asdict(settings)

    def summary(self) -> dict:
        jobs = [r for r in self.world.requests.values() if r.name != "history"]
        by_status: dict[str, int] = defaultdict(int)
        for c in self.record.calls:
            by_status[f"{c.verb} {c.status}"] += 1
        return {"jobs": len(jobs), "queued": sum(not r.assigned and not r.result for r in jobs), "finished": sum(bool(r.result) for r in jobs),
                "succeeded": sum(r.result == "succeeded" for r in jobs), "running": sum(bool(r.received and not r.result) for r in jobs),
                "agents": len(self.world.agents), "agents_departed": len(self.world.departed), "calls": dict(by_status)}

    def reset(self) -> dict:
        self.world.clear()
        self.events.clear()
        self._listen()
        self.faults.clear()
        self.record.calls.clear()
        return {}


def help_text() -> str:
    return HELP % " ".join(sorted(SHAPES))
