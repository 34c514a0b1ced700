"""The demo's live view: one line per pool and one per reason for waiting; redrawn on a terminal, otherwise one line whenever something changed."""
from __future__ import annotations

import shutil
import sys
from collections import Counter


def quantile(ordered: list[float], q: float) -> float:
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else 0.0


def counts(pool: str, jobs: list[dict], status: dict) -> dict[str, int]:
    """Requests of one pool: those that a unit already starts for count as starting."""
    mine = [j for j in jobs if j["pool"] == pool]
    waiting = [j for j in mine if not j["received"] and not j["result"]]
    served = {r["id"] for r in status.get("requests", []) if r.get("unit")}
    starting = sum(j["id"] in served for j in waiting)
    done = sum(bool(j["result"]) for j in mine)
    return {"queued": len(waiting) - starting, "starting": starting, "running": len(mine) - len(waiting) - done, "done": done}


def reasons(pool: str, status: dict) -> list[str]:
    seen = Counter(r["reason"] or r["code"] for r in status.get("requests", []) if r["pool"] == pool and r["state"] != "running" and (r["reason"] or r["code"]))
    texts = [f"{n} waiting: {text}" for text, n in seen.most_common(3)]
    return texts + [f"{p['state']}: {p['reason']}" for p in status.get("pools", []) if p["name"] == pool and p["reason"]]


class Progress:
    def __init__(self, out=None):
        self.out = out or sys.stdout
        self.tty = self.out.isatty()
        self.drawn = 0
        self.last: list[str] = []

    def show(self, now: float, pools, jobs: list[dict], status: dict) -> None:
        lines = []
        for pool in pools:
            c = counts(pool, jobs, status)
            lines.append(f"{pool:<14} " + "  ".join(f"{word} {n:>2}" for word, n in c.items()))
            lines += [f"{'':<14} {text}" for text in reasons(pool, status)]
        if self.tty:
            self._redraw(lines)
        else:
            self._append(now, lines)

    def _redraw(self, lines: list[str]) -> None:
        width = shutil.get_terminal_size().columns - 1
        if self.drawn:
            self.out.write(f"\033[{self.drawn}F\033[J")
        self.out.write("".join(line[:width] + "\n" for line in lines))
        self.out.flush()
        self.drawn = len(lines)

    def _append(self, now: float, lines: list[str]) -> None:
        for line in lines:
            if line not in self.last:
                self.out.write(f"{now:5.1f} s  {line}\n")
        self.out.flush()
        self.last = lines

    def finish(self) -> None:
        self.drawn = 0
