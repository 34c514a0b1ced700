"""Figures beside their targets, and correctness, which alone decides the exit code: a slow machine is no error, a lost or doubled job is."""
from __future__ import annotations

import math
from statistics import median


def percentile(values: list[float], p: float) -> float:
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * p / 100) - 1)] if ordered else math.nan


def spread(values: list[float], scale: float = 1.0, digits: int = 1) -> str:
    """"p50 1.2, p99 3.4, max 5.6" """
    parts = (("p50", median(values)), ("p99", percentile(values, 99)), ("max", max(values))) if values else ()
    return ", ".join(f"{name} {value * scale:.{digits}f}" for name, value in parts) or "nothing measured"


class Report:
    def __init__(self) -> None:
        self.scenario = ""
        self.missed: list[str] = []
        self.wrong: list[str] = []
        self.summary: list[str] = []

    def begin(self, scenario: str, what: str) -> None:
        self.scenario = scenario
        print(f"\n== {scenario}: {what}", flush=True)

    def note(self, text: str) -> None:
        print(f"{self.scenario:7} {text}", flush=True)

    def figure(self, what: str, value: float, unit: str, most: float, beside: str = "") -> None:
        """A figure that should be at most so much."""
        verdict = "PASS" if value <= most else "FAIL"
        if verdict == "FAIL":
            self.missed.append(f"{self.scenario}: {what}")
        self._keep(f"{verdict}  {what}: {value:.2f}{unit}  (target <= {most:g}{unit}){'  ' + beside if beside else ''}")

    def check(self, what: str, ok: bool, found: object = "") -> None:
        """What must be true on any machine."""
        if not ok:
            self.wrong.append(f"{self.scenario}: {what}: {found}")
        self._keep(f"{'PASS' if ok else 'WRONG'}  {what}{f': {found}' if found != '' else ''}")

    def _keep(self, text: str) -> None:
        self.summary.append(f"{self.scenario:7} {text}")
        self.note(text)

    def end(self) -> int:
        print("\n== summary", *self.summary, sep="\n")
        for title, what in (("targets missed", self.missed), ("WRONG", self.wrong)):
            if what:
                print(f"{title}: {len(what)}")
        return 1 if self.wrong else 0
