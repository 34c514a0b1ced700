"""The API server's own record of every write, with the instants at which each request arrived and was answered."""
from __future__ import annotations

import json
import pathlib
from datetime import datetime
from typing import NamedTuple

POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- {level: Metadata, verbs: [create, update, patch, delete, deletecollection]}
- {level: None}
"""


class Write(NamedTuple):
    verb: str
    resource: str           # "jobs", "pods/status"
    namespace: str
    name: str
    code: int
    agent: str              # User-Agent
    received: float
    answered: float
    uri: str

    @property
    def ours(self) -> bool:
        return self.agent.startswith("ado-orchestrator-")


def _instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _write(event: dict) -> Write:
    ref = event.get("objectRef") or {}
    resource = "/".join(filter(None, (ref.get("resource"), ref.get("subresource"))))
    return Write(event["verb"], resource, ref.get("namespace", ""), ref.get("name", ""), event["responseStatus"].get("code", 0),
                 event.get("userAgent", ""), _instant(event["requestReceivedTimestamp"]), _instant(event["stageTimestamp"]), event["requestURI"])


class Audit:
    """Reads on from where it was; all that was read stays in .writes."""

    def __init__(self, path: pathlib.Path):
        self.path, self.offset, self.writes = path, 0, []

    @staticmethod
    def flags(directory: pathlib.Path) -> str:
        policy = directory / "audit-policy.yaml"
        policy.write_text(POLICY)
        return f"--audit-policy-file={policy} --audit-log-path={directory / 'audit.log'} --audit-log-maxsize=4000 --audit-log-mode=batch"

    def read(self) -> list[Write]:
        """What is new."""
        with self.path.open("rb") as f:
            f.seek(self.offset)
            text = f.read()
        whole = text[:text.rfind(b"\n") + 1]
        self.offset += len(whole)
        new = [_write(json.loads(line)) for line in whole.splitlines()]
        self.writes += new
        return new

    def of(self, verb: str, resource: str, since: float = 0.0, ours: bool = True) -> list[Write]:
        return [w for w in self.writes if w.verb == verb and w.resource == resource and w.received >= since and w.ours == ours]
