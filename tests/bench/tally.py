"""Exactly one unit per request, from the API server's own record."""
from __future__ import annotations

from collections import Counter

from .audit import Write
from .report import Report
from .rig import Rig, request_of


def accepted(rig: Rig, since: float = 0.0) -> list[Write]:
    return [w for w in rig.audit.of("create", "jobs", since) if w.code == 201 and "dryRun" not in w.uri]


def one_unit_each(report: Report, rig: Rig, ids: list[int], since: float = 0.0) -> None:
    made = Counter(request_of(w) for w in accepted(rig, since))
    missed, doubled = [i for i in ids if not made[i]], {i: n for i, n in made.items() if n > 1}
    strange = sorted(set(made) - set(ids))
    report.check(f"one unit for each of {len(ids)} requests", not (missed or doubled or strange),
                 f"{sum(made.values())} made, {len(missed)} missed, {len(doubled)} doubled, {len(strange)} for nobody"
                 + (f" (missed {missed[:3]}, doubled {list(doubled.items())[:3]}, strange {strange[:3]})" if missed or doubled or strange else ""))


def existed(rig: Rig, since: float) -> set[str]:
    """Names of all units there have been. A client that is killed leaves its request as 504 in the record, whatever became of it; but every unit is
    deleted in the end, and only what was seen is."""
    return {w.name for w in accepted(rig, since)} | {w.name for w in rig.audit.of("delete", "jobs", since)}


def as_many_units(report: Report, rig: Rig, ids: list[int], since: float, pods: int, jobs: int) -> None:
    """One unit per request when creation was interrupted: Azure DevOps gives a job to any agent, so the next attempt of one request may stand for
    another that was served before it got a unit of its own. pods, jobs: how many the fake kubelets have run."""
    units = existed(rig, since)
    again = len(accepted(rig, since)) - len({w.name for w in accepted(rig, since)})
    report.check(f"one unit for each of {len(ids)} requests, each ran one job", (len(units), again, pods, jobs) == (len(ids), 0, len(ids), len(ids)),
                 f"{len(units)} units, {again} made again, {pods} pods, {jobs} jobs run")


def writes(rig: Rig, since: float) -> Counter:
    """Our writes by verb, resource and status."""
    return Counter(f"{w.verb} {w.resource} {w.code}" for w in rig.audit.writes if w.ours and w.received >= since)


def one_create_one_delete(report: Report, rig: Rig, n: int, since: float) -> None:
    seen = writes(rig, since)
    report.check("one create and one delete per job, no other write", seen == Counter({"create jobs 201": n, "delete jobs 200": n}),
                 ", ".join(f"{count} {what}" for what, count in sorted(seen.items())))
