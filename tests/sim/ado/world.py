"""The state and its lifecycle: a request is queued, assigned (agent online, enabled, free, satisfies the demands), received, finished; or cancelled,
or abandoned when its lock expires. Everything runs on one event loop; nothing here awaits."""
from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Callable

from .demands import satisfies_all
from .model import Agent, Pool, Request, Settings
from .rows import Rows


class Refused(Exception):
    def __init__(self, status: int, type_key: str, message: str):
        super().__init__(message)
        self.status, self.type_key, self.message = status, type_key, message


class World:
    def __init__(self, settings: Settings | None = None):
        self.settings = settings or Settings()
        self.rows = Rows(self.settings)
        self.clear()

    def clear(self) -> None:
        self.pools: dict[int, Pool] = {}
        self.agents: dict[int, Agent] = {}
        self.requests: dict[int, Request] = {}
        self.departed: list[Agent] = []
        self.next_pool, self.next_agent, self.next_request = 11, 500, 90210
        self.started: Callable[[Agent, Request], None] = lambda agent, request: None      # told of every job an agent received
        self.stopped: Callable[[Agent, Request], None] = lambda agent, request: None      # ... and of every running job that was cancelled

    def later(self, delay: float, what: Callable, *args) -> None:
        if delay <= 0:
            what(*args)
        else:
            asyncio.get_running_loop().call_later(delay, what, *args)

    # ---- pools ----
    def add_pool(self, name: str, id: int = 0, **more) -> Pool:
        if not id:
            self.next_pool += 1
            id = self.next_pool
        pool = self.pools[id] = Pool(id, name, **more)
        return pool

    def pool(self, key) -> Pool:
        for pool in self.pools.values():
            if str(key) in (str(pool.id), pool.name):
                return pool
        raise Refused(404, "TaskAgentPoolNotFoundException", f"No agent pool found with identifier {key}.")

    # ---- agents ----
    def add_agent(self, pool: Pool, name: str, capabilities: dict | None = None, **more) -> Agent:
        if any(a.name.lower() == name.lower() for a in pool.agents.values()):
            raise Refused(409, "TaskAgentExistsException", f"Pool {pool.id} already contains an agent with name {name}.")
        self.next_agent += 1
        agent = Agent(self.next_agent, pool, name, dict(capabilities or {}), created=time.time(), changed=time.time(), **more)
        agent.fold()
        self.agents[agent.id] = pool.agents[agent.id] = agent
        pool.agents_version += 1
        if agent.online:
            self.assign_soon(agent)
        return agent

    def agent(self, pool: Pool, id: int) -> Agent:
        try:
            return pool.agents[id]
        except KeyError:
            raise Refused(404, "TaskAgentNotFoundException", f"No agent found in pool {pool.id} with identifier {id}.") from None

    def agent_changed(self, agent: Agent) -> None:
        agent.pool.agents_version += 1
        agent.changed = time.time()
        if agent.request:
            agent.request.row = None

    def set_online(self, agent: Agent, online: bool) -> None:
        if agent.online != online and not agent.deleted:
            agent.online = online
            self.agent_changed(agent)
            if online:
                self.assign_soon(agent)

    def set_enabled(self, agent: Agent, enabled: bool) -> None:
        agent.enabled = enabled
        self.agent_changed(agent)
        self.assign_soon(agent)

    def remove_agent(self, agent: Agent, force: bool = False) -> None:
        if agent.request and not force:
            raise Refused(400, "TaskAgentJobStillRunningException", f'Agent "{agent.name}" is running a job for pool "{agent.pool.name}"')
        if agent.request:
            self.finish(agent.request, "abandoned")
        agent.pool.agents.pop(agent.id, None)
        self.agents.pop(agent.id, None)
        agent.pool.agents_version += 1
        agent.online, agent.deleted = False, time.time()
        self.departed.append(agent)

    # ---- requests ----
    def queue(self, pool: Pool, demands=(), **more) -> Request:
        self.next_request += 1
        r = Request(self.next_request, pool, tuple(demands), time.time(), **more)
        self.requests[r.id] = r
        if self.settings.require_match and not any(satisfies_all(r.demands, a.folded) for a in pool.agents.values()):
            r.finished, r.result = time.time(), "failed"
            pool.finished.append(r)
            return r
        pool.unfinished[r.id] = r
        pool.queues.setdefault(r.demands, deque()).append(r)
        self.later(self.settings.assign_delay, self._offer, r)
        return r

    def add_history(self, pool: Pool, n: int) -> None:
        now = time.time()
        for i in range(n):
            self.next_request += 1
            t = now - 60.0 * (n - i)
            r = Request(self.next_request, pool, ("Agent.Version -gtVersion 2.182.1",), t, name="history", assigned=t + 3, received=t + 5, finished=t + 50,
                        result="failed" if i % 7 == 0 else "succeeded")
            self.requests[r.id] = r
            pool.finished.append(r)

    def _free(self, agent: Agent) -> bool:
        return (agent.online and agent.enabled and agent.request is None and not agent.deleted
                and (not agent.leaving or self.settings.assign_to_leaving))

    def _offer(self, r: Request) -> None:
        """A new request: the first free agent that satisfies it."""
        if r.assigned or r.result or not self.settings.auto_assign:
            return
        for agent in r.pool.agents.values():
            if self._free(agent) and satisfies_all(r.demands, agent.folded):
                r.pool.queues[r.demands].remove(r)
                return self._assign(r, agent)

    def assign_soon(self, agent: Agent) -> None:
        if self.settings.auto_assign:
            self.later(self.settings.assign_delay, self._serve, agent)

    def _serve(self, agent: Agent) -> None:
        """A free agent: the first waiting request, by priority and age, that it satisfies."""
        if not self._free(agent):
            return
        best = None
        for demands, queue in list(agent.pool.queues.items()):
            while queue and (queue[0].assigned or queue[0].result):
                queue.popleft()
            if not queue:
                del agent.pool.queues[demands]
            elif satisfies_all(demands, agent.folded):
                first = max(queue, key=lambda r: (r.priority, -r.id)) if any(r.priority for r in queue) else queue[0]
                if best is None or (first.priority, -first.id) > (best.priority, -best.id):
                    best = first
        if best:
            agent.pool.queues[best.demands].remove(best)
            self._assign(best, agent)

    def _assign(self, r: Request, agent: Agent) -> None:
        r.agent, r.assigned, r.row = agent, time.time(), None
        r.locked_until = r.assigned + self.settings.lock_seconds
        r.offers += 1
        agent.request = r
        agent.pool.agents_version += 1
        if not agent.leaving:            # a leaving agent never takes it: its process is on its way out
            self.later(self.settings.receive_delay, self.receive, r, agent)

    def receive(self, r: Request, agent: Agent) -> None:
        if r.agent is not agent or r.received or r.result or not agent.online:
            return
        r.received, r.row = time.time(), None
        r.locked_until = r.received + self.settings.lock_seconds
        agent.taken += 1
        self.started(agent, r)
        if agent.auto:
            self.later(r.duration, self.finish, r)

    def finish(self, r: Request, result: str = "") -> None:
        if r.result:
            return
        r.result, r.finished, r.row = result or r.outcome, time.time(), None
        r.pool.unfinished.pop(r.id, None)
        r.pool.finished.append(r)
        agent = r.agent
        if agent and agent.request is r:
            agent.request, agent.last = None, r
            agent.pool.agents_version += 1
            self.assign_soon(agent)

    def cancel(self, r: Request) -> None:
        """A person cancels the run."""
        agent, running = r.agent, bool(r.received and not r.result)
        if not r.assigned and not r.result and r in r.pool.queues.get(r.demands, ()):
            r.pool.queues[r.demands].remove(r)
        self.finish(r, "canceled")
        if running:
            self.stopped(agent, r)

    def tick(self) -> None:
        """Renews the locks of agents that are online; abandons what nobody renews."""
        now, life = time.time(), self.settings.lock_seconds
        for agent in list(self.agents.values()):
            r = agent.request
            if r is None:
                continue
            if agent.online and r.received:
                if r.locked_until - now < life * 0.9:
                    r.locked_until, r.row = now + life, None
            elif r.locked_until <= now:
                self.finish(r, "abandoned")
