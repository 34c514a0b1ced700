"""Who may do what, and what there is room for: scripted RBAC refusals, namespaces, ResourceQuota."""
from __future__ import annotations

from .status import KubeError, forbidden, named, not_found
from .store import JOBS, NAMESPACES, PODS, RESOURCES, Resource, Store

USER = "system:serviceaccount:ado:ado-orchestrator"
QUOTAS = RESOURCES["", "resourcequotas"]
COUNTED = {JOBS: ("count/jobs.batch",), PODS: ("pods", "count/pods"), RESOURCES["", "secrets"]: ("secrets", "count/secrets")}


def denied(denies: list[dict], verb: str, resource: str) -> bool:
    return any(d.get("verb", "*") in ("*", verb) and d.get("resource", "*") in ("*", resource) for d in denies)


def check_rights(denies: list[dict], verb: str, resource: Resource, sub: str, ns: str) -> None:
    plural = resource.plural + (f"/{sub}" if sub else "")
    if denied(denies, verb, plural):
        where = f'in the namespace "{ns}"' if ns else "at the cluster scope"
        raise forbidden(resource.group, plural, "", f'User "{USER}" cannot {verb} resource "{plural}" in API group "{resource.group}" {where}')


def check_namespace(store: Store, resource: Resource, ns: str, name: str) -> None:
    if not resource.namespaced:
        return
    item = store.get(NAMESPACES, "", ns)
    if item is None:
        raise not_found("", "namespaces", ns)
    if item.obj["status"]["phase"] == "Terminating":
        raise forbidden(resource.group, resource.plural, name, f"unable to create new content in namespace {ns} because it is being terminated",
                        [{"reason": "NamespaceTerminating", "message": f"namespace {ns} is being terminated", "field": "metadata.namespace"}])


def check_quota(store: Store, resource: Resource, ns: str, name: str) -> None:
    for quota in store.all(QUOTAS, ns) if resource in COUNTED else ():
        hard = quota.obj.get("spec", {}).get("hard", {})
        for key in COUNTED[resource]:
            if key not in hard:
                continue
            used = sum(1 for i in store.all(resource, ns) if resource is not PODS or i.obj.get("status", {}).get("phase") not in ("Succeeded", "Failed"))
            if used + 1 > int(hard[key]):
                raise KubeError(403, "Forbidden", f'{named(resource.group, resource.plural)} "{name}" is forbidden: exceeded quota: '
                                f'{quota.obj["metadata"]["name"]}, requested: {key}=1, used: {key}={used}, limited: {key}={hard[key]}',
                                {"name": name, "group": resource.group, "kind": resource.plural})
