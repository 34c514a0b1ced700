"""The fault injector: which calls get which shape, how often. The same rules serve the Kubernetes stand-in with its own shapes."""
from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass
class Fault:
    shape: str
    verb: str = ""                 # "" = all
    path: str = ""                 # regular expression searched in path and query
    times: int | None = None       # None = until removed
    skip: int = 0                  # let this many matching calls pass first
    every: int = 1                 # then spoil each n-th
    params: dict = field(default_factory=dict)
    seen: int = 0
    used: int = 0

    def wants(self, verb: str, path: str) -> bool:
        if (self.verb and self.verb != verb) or not re.search(self.path, path, re.I):
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.seen - self.skip - 1) % self.every:
            return False
        if self.times is not None and self.used >= self.times:
            return False
        self.used += 1
        return True


class Faults:
    def __init__(self, shapes):
        self.shapes = shapes
        self.rules: list[Fault] = []

    def add(self, spec: dict) -> Fault:
        if spec.get("shape") not in self.shapes:
            raise ValueError(f"unknown shape {spec.get('shape')!r}: one of {', '.join(sorted(self.shapes))}")
        known = {k: spec[k] for k in ("shape", "verb", "path", "times", "skip", "every") if k in spec}
        fault = Fault(**known, params={k: v for k, v in spec.items() if k not in known})
        self.rules.append(fault)
        return fault

    def find(self, verb: str, path: str) -> Fault | None:
        for rule in self.rules:
            if rule.wants(verb, path):
                return rule
        return None

    def clear(self) -> None:
        self.rules.clear()
