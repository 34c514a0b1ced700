"""The Job that a unit is, as somebody else would post it."""
from __future__ import annotations

import copy

from .rig import Rig, wait_until

FILLED_IN = {"metadata": ("name", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "namespace"),
             "spec": ("selector", "completionMode", "manualSelector", "podReplacementPolicy", "suspend"),
             "pod": ("dnsPolicy", "schedulerName", "securityContext"),
             "container": ("imagePullPolicy", "terminationMessagePath", "resources")}


def _without(part: dict, names) -> None:
    for name in names:
        part.pop(name, None)


def strip(job: dict) -> dict:
    """Without what the API server filled in; generateName in place of the name."""
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": copy.deepcopy(job["metadata"]), "spec": copy.deepcopy(job["spec"])}
    body["metadata"]["generateName"] = job["metadata"]["name"] + "-"
    template = body["spec"]["template"]
    _without(body["metadata"], FILLED_IN["metadata"])
    _without(body["spec"], FILLED_IN["spec"])
    _without(template["spec"], FILLED_IN["pod"])
    _without(template["metadata"], ("creationTimestamp",))
    for labels in (body["metadata"].get("labels", {}), template["metadata"].get("labels", {})):
        _without(labels, [k for k in labels if k.startswith("batch.kubernetes.io/") or k in ("controller-uid", "job-name")])
    for container in template["spec"]["containers"]:
        _without(container, FILLED_IN["container"])
    return body


def job_body(rig: Rig, ours: bool = True) -> dict:
    """Of a unit that runs a job that stays: Jobs like it are nothing to be deleted. Not ours: without labels, so that neither we nor the fake kubelets see it."""
    [request] = rig.queue(1, duration=3600 if ours else 0.1)
    rig.audit.read()
    body = strip(wait_until(lambda: rig.audit.read() is not None and rig.unit_of(request), 30, "a unit to copy"))
    if not ours:
        body["metadata"].pop("labels", None)
        body["spec"]["template"]["metadata"].pop("labels", None)
        rig.wait_finished([request], 60)
    return body
