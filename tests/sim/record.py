"""The record that tests count from: every call, in order."""
from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(slots=True)
class Call:
    time: float
    verb: str
    path: str
    status: int
    bytes: int
    agent: str                     # User-Agent
    shape: str                     # the fault that was injected


class Record:
    def __init__(self, limit: int = 200_000):
        self.calls: list[Call] = []
        self.limit = limit

    def add(self, verb: str, path: str, status: int, size: int = 0, agent: str = "", shape: str = "") -> None:
        if len(self.calls) < self.limit:
            self.calls.append(Call(time.time(), verb, path, status, size, agent, shape))

    def since(self, t: float = 0.0) -> list[dict]:
        return [{k: getattr(c, k) for k in Call.__slots__} for c in self.calls if c.time >= t]
