"""What the service knows: pools, agents, job requests. Plain data; the rules are in lifecycle.py, the JSON in rows.py."""
from __future__ import annotations

import uuid
from collections import deque
from dataclasses import dataclass, field


@dataclass
class Settings:
    """Switches, all changeable while running (POST /control/settings)."""
    pats: dict = field(default_factory=lambda: {"pat": "manage", "read-pat": "read"})
    check_auth: bool = True
    version_ceiling: str = "7.2"
    require_match: bool = False        # a job that no registered agent satisfies fails when it is queued (the real rule)
    auto_assign: bool = True
    assign_delay: float = 0.0          # queued job + free agent -> assigned
    receive_delay: float = 0.0         # assigned -> received
    assign_to_leaving: bool = False    # a --once agent that has had its job may get a second one (the documented race)
    lock_seconds: float = 600.0        # without an agent that renews it, a job is abandoned after this
    ignore_completed_count: bool = False
    delete_status: int = 200           # of DELETE agent; the real service: 200 or 204
    nulls: str = "mix"                 # unset members: "omit", "null", "mix"
    unknown_members: bool = True
    order: str = "newest"              # of rows: newest, oldest
    matched_max: int = 10              # longest matchedAgents
    latency: float = 0.0
    history_row_delay: float = 0.0     # seconds added per finished row sent
    gzip: bool = False                 # compress for clients that accept it
    redirect_unsuppressed: bool = True


@dataclass(eq=False)
class Pool:
    id: int
    name: str
    hosted: bool = False
    legacy: bool = False               # rows of an old server: no poolId, orchestrationId, options
    agents: dict[int, "Agent"] = field(default_factory=dict)
    unfinished: dict[int, "Request"] = field(default_factory=dict)
    finished: list["Request"] = field(default_factory=list)
    queues: dict[tuple, deque] = field(default_factory=dict)     # demands -> waiting requests, oldest first
    agents_version: int = 0
    matched: dict = field(default_factory=dict)                  # demands -> (agents_version, json bytes)


@dataclass(eq=False)
class Agent:
    id: int
    pool: Pool
    name: str
    capabilities: dict[str, str]
    user_capabilities: dict[str, str] = field(default_factory=dict)
    version: str = "4.255.0"
    os: str = "Linux 6.6.0 #1 SMP"
    host: str = ""
    owner: str = ""                    # who is told of its jobs: the id of a kubelet, "" = it polls itself
    once: bool = True
    auto: bool = False                 # run by the stand-in itself: a foreign agent
    enabled: bool = True
    online: bool = False
    request: "Request | None" = None
    last: "Request | None" = None
    taken: int = 0                     # jobs received so far
    created: float = 0.0
    changed: float = 0.0
    deleted: float = 0.0
    folded: dict[str, str] = field(default_factory=dict)

    def fold(self) -> None:
        self.folded = {k.lower(): v for k, v in {**self.capabilities, **self.user_capabilities}.items()}

    @property
    def leaving(self) -> bool:
        return self.once and self.taken > 0


@dataclass(eq=False)
class Request:
    id: int
    pool: Pool
    demands: tuple
    queued: float
    duration: float = 1.0
    name: str = "build"
    priority: int = 0
    outcome: str = "succeeded"
    assigned: float = 0.0
    received: float = 0.0
    finished: float = 0.0
    locked_until: float = 0.0
    result: str = ""
    agent: Agent | None = None         # reservedAgent
    row: bytes | None = None           # serialised, without matchedAgents and the closing brace
    offers: int = 0                    # times it was put before an agent

    @property
    def plan_id(self) -> str:
        return str(uuid.UUID(int=(0x7777 << 96) + self.id))

    @property
    def job_id(self) -> str:
        return str(uuid.UUID(int=(0x12F1 << 112) + (self.id * 2654435761 % (1 << 96))))
