"""Label and field selectors."""
from __future__ import annotations

import re
from typing import Callable

from .status import bad_request

_SET = re.compile(r"^\s*([^\s!=,()]+)\s+(in|notin)\s*\(([^)]*)\)\s*$")
_EQUAL = re.compile(r"^\s*([^\s!=,()]+)\s*(==|=|!=)\s*([^\s!=,()]*)\s*$")
_EXISTS = re.compile(r"^\s*(!?)\s*([^\s!=,()]+)\s*$")
FIELDS = {"jobs": {"metadata.name", "metadata.namespace", "status.successful"},
          "pods": {"metadata.name", "metadata.namespace", "status.phase", "spec.nodeName", "spec.restartPolicy"},
          "events": {"metadata.name", "metadata.namespace", "involvedObject.name", "involvedObject.uid", "reason", "type"}}
Test = Callable[[dict], bool]


def _requirement(text: str) -> Test:
    if m := _SET.match(text):
        key, values, inside = m[1], {v.strip() for v in m[3].split(",")}, m[2] == "in"
        return lambda labels: (key in labels and labels[key] in values) if inside else labels.get(key) not in values
    if m := _EQUAL.match(text):
        key, wanted, equal = m[1], m[3], m[2] != "!="
        return lambda labels: (labels.get(key) == wanted) == equal
    if m := _EXISTS.match(text):
        key, present = m[2], not m[1]
        return lambda labels: (key in labels) == present
    raise bad_request(f"unable to parse requirement: {text!r}")


def label_selector(text: str) -> Test:
    """labels -> does the selector take them."""
    tests = [_requirement(t) for t in re.split(r",(?![^(]*\))", text) if t.strip()]
    if len(tests) == 1:
        return tests[0]
    return lambda labels: all(t(labels) for t in tests)


def _field(obj: dict, path: str) -> str:
    value = obj
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return "" if value is None else str(value)


def field_selector(text: str, resource: str) -> Test:
    tests = []
    for part in filter(None, (t.strip() for t in text.split(","))):
        m = _EQUAL.match(part)
        known = FIELDS.get(resource, {"metadata.name", "metadata.namespace"})
        if not m or m[1] not in known:
            raise bad_request(f'Unable to find "{resource}" that match label selector "", field selector "{text}": '
                              f'field label not supported: {m[1] if m else part}')
        tests.append((m[1], m[3], m[2] != "!="))
    return lambda obj: all((_field(obj, path) == wanted) == equal for path, wanted, equal in tests)
