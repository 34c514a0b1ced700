"""What the server knows of our objects' fields: unknown ones (strict decoding), wrong types (400), wrong values (422).
Job, pod template, pod spec, container and metadata are complete; deeper parts are taken as they come."""
from __future__ import annotations

import re

from .status import KubeError, bad_request, invalid

META = set("name generateName namespace uid resourceVersion generation creationTimestamp deletionTimestamp deletionGracePeriodSeconds labels annotations "
           "ownerReferences finalizers managedFields selfLink".split())
JOB = set("parallelism completions activeDeadlineSeconds podFailurePolicy successPolicy backoffLimit backoffLimitPerIndex maxFailedIndexes selector "
          "manualSelector template ttlSecondsAfterFinished completionMode suspend podReplacementPolicy managedBy".split())
POD = set("volumes initContainers containers ephemeralContainers restartPolicy terminationGracePeriodSeconds activeDeadlineSeconds dnsPolicy nodeSelector "
          "serviceAccountName serviceAccount automountServiceAccountToken nodeName hostNetwork hostPID hostIPC shareProcessNamespace securityContext "
          "imagePullSecrets hostname subdomain affinity schedulerName tolerations hostAliases priorityClassName priority dnsConfig readinessGates "
          "runtimeClassName enableServiceLinks preemptionPolicy overhead topologySpreadConstraints setHostnameAsFQDN os hostUsers schedulingGates "
          "resourceClaims resources hostnameOverride workloadRef".split())
CONTAINER = set("name image command args workingDir ports envFrom env resources resizePolicy restartPolicy restartPolicyRules volumeMounts volumeDevices "
                "livenessProbe readinessProbe startupProbe lifecycle terminationMessagePath terminationMessagePolicy imagePullPolicy securityContext "
                "stdin stdinOnce tty".split())
ENV, ENV_FROM = {"name", "value", "valueFrom"}, {"fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"}
TOP = {"apiVersion", "kind", "metadata", "spec", "status"}
MICRO_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$")
NAME = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
INTEGERS = {"parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished", "terminationGracePeriodSeconds"}


def _word(value) -> str:
    return {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}.get(type(value), "null")


class Walk:
    def __init__(self, kind: str):
        self.kind = kind
        self.unknown: list[str] = []

    def wrong(self, value, where: str, wanted: str) -> KubeError:
        return bad_request(f'{self.kind} in version "v1" cannot be handled as a {self.kind}: json: cannot unmarshal {_word(value)} '
                           f'into Go struct field {where} of type {wanted}')

    def object(self, value, where: str, known: set) -> dict:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.wrong(value, where, "object")
        self.unknown += [f"{where}.{k}".lstrip(".") for k in value if k not in known]
        for k in INTEGERS & known & value.keys():
            if value[k] is not None and (type(value[k]) is not int):
                raise self.wrong(value[k], f"{where}.{k}".lstrip("."), "int32")
        return value

    def rows(self, value, where: str) -> list:
        if value is not None and not isinstance(value, list):
            raise self.wrong(value, where, "array")
        return value or []

    def strings(self, value, where: str) -> None:
        for v in (value or {}).values() if isinstance(value, dict) or value is None else [value]:
            if not isinstance(v, str):
                raise self.wrong(v, where, "string")

    def meta(self, value, where: str) -> None:
        m = self.object(value, where, META)
        self.strings(m.get("labels"), f"ObjectMeta.{where}.labels")
        self.strings(m.get("annotations"), f"ObjectMeta.{where}.annotations")

    def pod_spec(self, value, where: str) -> None:
        spec = self.object(value, where, POD)
        for part in ("containers", "initContainers"):
            for i, c in enumerate(self.rows(spec.get(part), f"{where}.{part}")):
                here = f"{where}.{part}[{i}]"
                self.object(c, here, CONTAINER)
                for j, e in enumerate(self.rows(c.get("env"), f"{here}.env")):
                    self.object(e, f"{here}.env[{j}]", ENV)
                    self.object(e.get("valueFrom"), f"{here}.env[{j}].valueFrom", ENV_FROM)
                    if e.get("value") is not None and not isinstance(e["value"], str):
                        raise self.wrong(e["value"], f"EnvVar.{where}.{part}.env.value", "string")
                if c.get("image") is not None and not isinstance(c["image"], str):
                    raise self.wrong(c["image"], f"Container.{where}.{part}.image", "string")


def decode(kind: str, obj: dict) -> list[str]:
    """The unknown fields, as strict decoding words them; raises 400 for wrong types."""
    walk = Walk(kind)
    walk.meta(obj.get("metadata"), "metadata")
    if kind == "Job":
        walk.object(obj, "", TOP)
        spec = walk.object(obj.get("spec"), "spec", JOB)
        template = walk.object(spec.get("template"), "spec.template", {"metadata", "spec"})
        walk.meta(template.get("metadata"), "spec.template.metadata")
        walk.pod_spec(template.get("spec"), "spec.template.spec")
    elif kind == "Pod":
        walk.object(obj, "", TOP)
        walk.pod_spec(obj.get("spec"), "spec")
    return [f'unknown field "{f}"' for f in walk.unknown]


def _pod_causes(spec: dict, where: str, job: bool) -> list[tuple[str, str, str]]:
    causes = []
    if not spec.get("containers"):
        causes.append(("FieldValueRequired", f"{where}.containers", "Required value"))
    for part in ("containers", "initContainers"):
        for i, c in enumerate(spec.get(part) or []):
            causes += [("FieldValueRequired", f"{where}.{part}[{i}].{k}", "Required value") for k in ("name", "image") if not c.get(k)]
    policy = spec.get("restartPolicy") or "Always"
    if job and policy not in ("Never", "OnFailure"):
        causes.append(("FieldValueNotSupported", f"{where}.restartPolicy", f'Unsupported value: "{policy}": supported values: "OnFailure", "Never"'))
    volumes = {v.get("name") for v in spec.get("volumes") or []}
    for i, c in enumerate(spec.get("containers") or []):
        causes += [("FieldValueNotFound", f"{where}.containers[{i}].volumeMounts[{j}].name", f'Not found: "{m.get("name")}"')
                   for j, m in enumerate(c.get("volumeMounts") or []) if m.get("name") not in volumes]
    return causes


def validate(group: str, kind: str, obj: dict) -> None:
    name, causes = obj["metadata"].get("name", ""), []
    if not name:
        causes.append(("FieldValueRequired", "metadata.name", "Required value: name or generateName is required"))
    elif not NAME.match(name) or len(name) > 253:
        causes.append(("FieldValueInvalid", "metadata.name", f'Invalid value: "{name}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters'))
    for k, v in (obj["metadata"].get("labels") or {}).items():
        if len(v) > 63 or (v and not re.match(r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$", v)):
            causes.append(("FieldValueInvalid", "metadata.labels", f'Invalid value: "{v}": must be no more than 63 characters of a label value'))
    spec = obj.get("spec") or {}
    if kind == "Job":
        if len(name) > 63:
            causes.append(("FieldValueInvalid", "spec.template.labels", f'Invalid value: "{name}": must be no more than 63 characters'))
        causes += _pod_causes((spec.get("template") or {}).get("spec") or {}, "spec.template.spec", True)
    elif kind == "Pod":
        causes += _pod_causes(spec, "spec", False)
    if causes:
        raise invalid(group, kind, name, causes)
    for k in ("acquireTime", "renewTime") if kind == "Lease" else ("eventTime",) if group == "events.k8s.io" else ():
        t = spec.get(k) if kind == "Lease" else obj.get(k)
        if t is not None and not MICRO_TIME.match(str(t)):
            raise bad_request(f'{kind} in version "v1" cannot be handled as a {kind}: parsing time "{t}" as "2006-01-02T15:04:05.000000Z07:00": cannot parse')
    if group == "events.k8s.io":
        missing = [("FieldValueRequired", k, "Required value") for k in ("eventTime", "action", "reason", "reportingController", "reportingInstance") if not obj.get(k)]
        if missing:
            raise invalid(group, kind, name, missing)
