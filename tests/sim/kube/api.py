"""The verbs on objects: create, get, list, update, patch, delete. One call in, one (status, object, headers) out; watches are in watch.py."""
from __future__ import annotations

import base64
import copy
import json
import random
import string
import time
import uuid

from ..dates import kube_time
from ..reply import Reply, dumps
from . import admission, schema
from .selectors import field_selector, label_selector
from .status import bad_request, conflict, exists, expired, invalid, not_found
from .store import JOBS, NAMESPACES, PODS, Item, Resource, Store

SUFFIX = "bcdfghjklmnpqrstvwxz2456789"


def merge(target, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    out = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merge(out.get(key), value)
    return out


class Api:
    def __init__(self, store: Store):
        self.store = store
        self.denies: list[dict] = []
        self.warnings: list[str] = []
        self.add_namespace("default")
        self.add_namespace("kube-system")

    def add_namespace(self, name: str) -> None:
        self.create(NAMESPACES, "", {"metadata": {"name": name}}, {})

    # ---- reading ----
    def item(self, resource: Resource, ns: str, name: str) -> Item:
        item = self.store.get(resource, ns, name)
        if item is None:
            raise not_found(resource.group, resource.plural, name)
        return item

    def wants(self, resource: Resource, ns: str | None, query):
        labels = label_selector(query["labelSelector"]) if query.get("labelSelector") else None
        fields = field_selector(query["fieldSelector"], resource.plural) if query.get("fieldSelector") else None
        return lambda i: ((ns is None or i.obj["metadata"].get("namespace", "") == ns) and (labels is None or labels(i.labels))
                          and (fields is None or fields(i.obj)))

    def list(self, resource: Resource, ns: str | None, query) -> bytes:
        token, limit = query.get("continue"), int(query.get("limit") or 0)
        if token:
            if query.get("resourceVersion"):
                raise bad_request("resourceVersion: Forbidden: not allowed when using continue")
            if token not in self.store.snapshots:
                raise expired("The provided continue parameter is too old to display a consistent list result. You can start a new list without the "
                              "continue parameter, or use the continue token in this response to retrieve the remainder of the results.", token)
            items, rv, _ = self.store.snapshots.pop(token)
        else:
            wants = self.wants(resource, ns, query)
            items = sorted((i for i in self.store.all(resource) if wants(i)), key=lambda i: (i.obj["metadata"].get("namespace", ""), i.obj["metadata"]["name"]))
            rv = self.store.rv
        meta: dict = {"resourceVersion": str(rv)}
        if limit and len(items) > limit:
            token = base64.urlsafe_b64encode(json.dumps({"v": "meta.k8s.io/v1", "rv": rv, "start": uuid.uuid4().hex}).encode()).decode()
            self.store.snapshots[token] = (items[limit:], rv, 0)
            meta["continue"] = token
            if not query.get("labelSelector") and not query.get("fieldSelector"):
                meta["remainingItemCount"] = len(items) - limit
            items = items[:limit]
        return b'{"kind":"%sList","apiVersion":"%s","metadata":%b,"items":[%b]}' % (
            resource.kind.encode(), resource.api_version.encode(), dumps(meta), b",".join(i.body for i in items))

    # ---- writing ----
    def create(self, resource: Resource, ns: str, obj: dict, query) -> tuple[int, dict, list]:
        headers = self._decode(resource, obj, query)
        obj = {"kind": resource.kind, "apiVersion": resource.api_version} | copy.deepcopy(obj)
        meta = obj["metadata"] = dict(obj.get("metadata") or {})
        if resource.namespaced:
            if meta.get("namespace", ns) != ns:
                raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
            meta["namespace"] = ns
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"][:58] + "".join(random.choices(SUFFIX, k=5))
        schema.validate(resource.group, resource.kind, obj)
        admission.check_namespace(self.store, resource, ns, meta["name"])
        if self.store.get(resource, meta.get("namespace", ""), meta["name"]):
            raise exists(resource.group, resource.plural, meta["name"])
        admission.check_quota(self.store, resource, ns, meta["name"])
        self._defaults(resource, obj)
        if query.get("dryRun"):
            meta |= {"uid": str(uuid.uuid4()), "creationTimestamp": kube_time(time.time())}
            return 201, obj, headers
        return 201, self.store.create(resource, obj), headers

    def _decode(self, resource: Resource, obj, query) -> list:
        if not isinstance(obj, dict):
            raise bad_request("the object provided is unrecognized (must be of type " + resource.kind + ")")
        if obj.get("kind", resource.kind) != resource.kind or obj.get("apiVersion", resource.api_version) != resource.api_version:
            raise bad_request(f"the API version in the data ({obj.get('apiVersion')}) does not match the expected API version ({resource.api_version})")
        unknown = schema.decode(resource.kind, obj)
        if unknown and query.get("fieldValidation") == "Strict":
            raise bad_request(f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: strict decoding error: {", ".join(unknown)}')
        return [("Warning", f"299 - {json.dumps(u)}") for u in unknown] if query.get("fieldValidation") != "Ignore" else []

    def _defaults(self, resource: Resource, obj: dict) -> None:
        if resource is NAMESPACES:
            obj["status"] = {"phase": "Active"}
        elif resource is PODS:
            obj["status"] = {"phase": "Pending", "qosClass": "BestEffort"}
            obj["spec"].setdefault("terminationGracePeriodSeconds", 30)
        elif resource is JOBS:
            spec = obj["spec"]
            for key, value in (("parallelism", 1), ("completions", 1), ("backoffLimit", 6), ("suspend", False), ("completionMode", "NonIndexed")):
                spec.setdefault(key, value)
            obj["status"] = {}
        elif resource.kind == "Secret" and "stringData" in obj:
            obj["data"] = (obj.get("data") or {}) | {k: base64.b64encode(v.encode()).decode() for k, v in obj.pop("stringData").items()}

    def _replace(self, resource: Resource, before: Item, obj: dict, sub: str) -> dict:
        meta, old = obj.get("metadata") or {}, before.obj["metadata"]
        if meta.get("resourceVersion") not in (None, "", old["resourceVersion"]) or meta.get("uid") not in (None, "", old["uid"]):
            raise conflict(resource.group, resource.plural, old["name"], "the object has been modified; please apply your changes to the latest version and try again")
        if sub == "status":            # only the status changes
            obj = {**before.obj, "status": obj.get("status"), "metadata": meta}
        elif "status" in before.obj:   # everything else changes
            obj = {**obj, "status": before.obj["status"]}
        keep = {k: old[k] for k in ("name", "namespace", "uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds") if k in old}
        obj["metadata"] = {**meta, **keep}
        return self.store.update(resource, before, obj)

    def update(self, resource: Resource, ns: str, name: str, obj: dict, query, sub: str = "") -> tuple[int, dict, list]:
        headers = self._decode(resource, obj, query)
        before = self.item(resource, ns, name)
        obj = {"kind": resource.kind, "apiVersion": resource.api_version} | copy.deepcopy(obj)
        obj["metadata"] = {"name": name} | (obj.get("metadata") or {})
        if obj["metadata"]["name"] != name:
            raise bad_request(f"the name of the object ({obj['metadata']['name']}) does not match the name on the URL ({name})")
        if not sub:
            schema.validate(resource.group, resource.kind, obj)
        if resource.kind == "Secret" and "stringData" in obj:
            self._defaults(resource, obj)
        return 200, obj if query.get("dryRun") else self._replace(resource, before, obj, sub), headers

    def patch(self, resource: Resource, ns: str, name: str, patch: dict, query, sub: str = "") -> tuple[int, dict, list]:
        before = self.item(resource, ns, name)
        if not isinstance(patch, dict):
            raise bad_request("only merge patches are understood")
        obj = merge(before.obj, patch)
        if (patch.get("metadata") or {}).get("resourceVersion") is None:
            obj["metadata"] = {**obj["metadata"], "resourceVersion": before.obj["metadata"]["resourceVersion"]}
        headers = self._decode(resource, obj, query)
        return 200, obj if query.get("dryRun") else self._replace(resource, before, obj, sub), headers

    def bind(self, ns: str, name: str, binding: dict) -> tuple[int, dict, list]:
        before = self.item(PODS, ns, name)
        if before.obj["spec"].get("nodeName"):
            raise conflict("", "pods/binding", name, f'pod {name} is already assigned to node "{before.obj["spec"]["nodeName"]}"')
        obj = merge(before.obj, {"spec": {"nodeName": binding["target"]["name"]}})
        self.store.update(PODS, before, obj)
        return 201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, []

    # ---- deleting ----
    def delete(self, resource: Resource, ns: str, name: str, options: dict, query) -> tuple[int, dict, list]:
        item = self.item(resource, ns, name)
        meta, want = item.obj["metadata"], options.get("preconditions") or {}
        for key, label in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
            if want.get(key) not in (None, meta[key]):
                raise conflict(resource.group, resource.kind if resource is JOBS else resource.plural, name,
                               f"the {label} in the precondition ({want[key]}) does not match the {label} in record ({meta[key]}). "
                               "The object might have been deleted and then recreated")
        policy = options.get("propagationPolicy") or query.get("propagationPolicy")
        if policy not in (None, "Background", "Foreground", "Orphan"):
            raise invalid("meta.k8s.io", "DeleteOptions", "", [("FieldValueNotSupported", "propagationPolicy", f'Unsupported value: "{policy}"')])
        if options.get("dryRun") or query.get("dryRun"):
            return 200, item.obj, []
        grace = options.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))
        warnings = []
        if resource is JOBS and policy is None:
            warnings = [("Warning", '299 - "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them '
                         'or set propagationPolicy=Orphan to suppress this warning"')]
        return 200, self.remove(resource, item, policy, None if grace is None else int(grace)), warnings

    def remove(self, resource: Resource, item: Item, policy: str | None = "Background", grace: int | None = None) -> dict:
        if resource is NAMESPACES:
            return self._terminate(item)
        if resource is PODS:
            return self._remove_pod(item, grace)
        if resource is JOBS and policy in (None, "Orphan"):
            self._orphan_pods(item)
        return self.store.remove(resource, item)

    def _terminate(self, item: Item) -> dict:
        if item.obj["status"]["phase"] == "Terminating":
            return item.obj
        return self.store.update(NAMESPACES, item, merge(item.obj, {"metadata": {"deletionTimestamp": kube_time(time.time())}, "status": {"phase": "Terminating"}}))

    def _remove_pod(self, item: Item, grace: int | None) -> dict:
        """Graceful for a pod on a node: its kubelet deletes it for good. At once for one that was never scheduled or has ended."""
        spec, phase = item.obj["spec"], item.obj["status"].get("phase")
        if grace is None:
            grace = spec.get("terminationGracePeriodSeconds", 30)
        if grace == 0 or not spec.get("nodeName") or phase in ("Succeeded", "Failed"):
            return self.store.remove(PODS, item)
        if item.obj["metadata"].get("deletionTimestamp"):
            return item.obj
        return self.store.update(PODS, item, merge(item.obj, {"metadata": {"deletionTimestamp": kube_time(time.time() + grace), "deletionGracePeriodSeconds": grace}}))

    def pods_of(self, job: Item) -> list[Item]:
        uid = job.obj["metadata"]["uid"]
        return [p for p in self.store.all(PODS, job.obj["metadata"]["namespace"])
                if any(o.get("uid") == uid for o in p.obj["metadata"].get("ownerReferences") or ())]

    def _orphan_pods(self, job: Item) -> None:
        for pod in self.pods_of(job):
            self.store.update(PODS, pod, merge(pod.obj, {"metadata": {"ownerReferences": None}}))


def reply(status: int, obj: dict, headers: list) -> Reply:
    return Reply(status, dumps(obj), "application/json", list(headers))
