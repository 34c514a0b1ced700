"""Objects, one resourceVersion for all, and the log of changes that watches replay. Stored objects are never changed in place."""
from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import Callable

from ..dates import kube_time
from ..reply import dumps

LOG_LENGTH = 50_000


@dataclass(frozen=True)
class Resource:
    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


RESOURCES = {(r.group, r.plural): r for r in (
    Resource("", "v1", "namespaces", "Namespace", False), Resource("", "v1", "nodes", "Node", False),
    Resource("", "v1", "persistentvolumes", "PersistentVolume", False), Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim"),
    Resource("", "v1", "pods", "Pod"), Resource("", "v1", "secrets", "Secret"), Resource("", "v1", "configmaps", "ConfigMap"),
    Resource("", "v1", "serviceaccounts", "ServiceAccount"), Resource("", "v1", "resourcequotas", "ResourceQuota"),
    Resource("", "v1", "events", "Event"), Resource("events.k8s.io", "v1", "events", "Event"),
    Resource("batch", "v1", "jobs", "Job"), Resource("coordination.k8s.io", "v1", "leases", "Lease"))}
JOBS, PODS, NAMESPACES = RESOURCES["batch", "jobs"], RESOURCES["", "pods"], RESOURCES["", "namespaces"]


class Item:
    """One stored version of an object with its JSON, made once."""
    __slots__ = ("obj", "rv", "_body")

    def __init__(self, obj: dict, rv: int):
        self.obj, self.rv, self._body = obj, rv, None

    @property
    def body(self) -> bytes:
        if self._body is None:
            self._body = dumps(self.obj)
        return self._body

    @property
    def labels(self) -> dict:
        return self.obj["metadata"].get("labels") or {}


@dataclass
class Change:
    rv: int
    type: str                      # ADDED, MODIFIED, DELETED
    item: Item
    before: Item | None


@dataclass(eq=False)
class Table:
    items: dict[tuple[str, str], Item] = field(default_factory=dict)
    log: deque = field(default_factory=lambda: deque(maxlen=LOG_LENGTH))
    watchers: set = field(default_factory=set)
    floor: int = 0                 # versions at or below this are compacted away


class Store:
    def __init__(self):
        self.rv = 1000
        self.tables: dict[Resource, Table] = {r: Table() for r in RESOURCES.values()}
        self.listeners: list[Callable[[Resource, Change], None]] = []
        self.snapshots: dict[str, tuple[list[Item], int, int]] = {}   # continue token -> rest of the list, its rv, its length

    def get(self, resource: Resource, ns: str, name: str) -> Item | None:
        return self.tables[resource].items.get((ns, name))

    def all(self, resource: Resource, ns: str | None = None) -> list[Item]:
        items = self.tables[resource].items
        return list(items.values()) if ns is None else [i for (n, _), i in items.items() if n == ns]

    def _commit(self, resource: Resource, type: str, obj: dict, before: Item | None) -> dict:
        self.rv += 1
        obj["metadata"]["resourceVersion"] = str(self.rv)
        item, table = Item(obj, self.rv), self.tables[resource]
        key = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        if type == "DELETED":
            table.items.pop(key, None)
        else:
            table.items[key] = item
        change = Change(self.rv, type, item, before)
        if len(table.log) == LOG_LENGTH:
            table.floor = table.log[0].rv
        table.log.append(change)
        for watcher in table.watchers:
            watcher.push(change)
        for listener in self.listeners:
            listener(resource, change)
        return obj

    def create(self, resource: Resource, obj: dict) -> dict:
        meta = obj["metadata"]
        meta |= {"uid": str(uuid.uuid4()), "creationTimestamp": kube_time(time.time()), "generation": 1}
        return self._commit(resource, "ADDED", obj, None)

    def update(self, resource: Resource, before: Item, obj: dict) -> dict:
        if {**obj, "metadata": {**obj["metadata"], "resourceVersion": ""}} == {**before.obj, "metadata": {**before.obj["metadata"], "resourceVersion": ""}}:
            return before.obj                                    # a no-op write makes no new version
        return self._commit(resource, "MODIFIED", obj, before)

    def remove(self, resource: Resource, item: Item) -> dict:
        return self._commit(resource, "DELETED", {**item.obj, "metadata": dict(item.obj["metadata"])}, item)

    def compact(self) -> None:
        """As if etcd had compacted everything up to now: older versions and continue tokens are gone."""
        self.snapshots.clear()
        for table in self.tables.values():
            table.floor = self.rv
            table.log.clear()

    def soon(self, delay: float, what: Callable, *args) -> None:
        asyncio.get_running_loop().call_later(delay, what, *args)
