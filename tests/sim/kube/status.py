"""Refusals as Status objects, worded as kube-apiserver words them (clients branch on code, reason and causes; on the text only for quota)."""
from __future__ import annotations


class KubeError(Exception):
    def __init__(self, code: int, reason: str, message: str, details: dict | None = None, headers=(), extra: dict | None = None):
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message
        self.details, self.headers, self.extra = details, list(headers), extra or {}

    def body(self) -> dict:
        status = {"kind": "Status", "apiVersion": "v1", "metadata": self.extra, "status": "Failure", "message": self.message,
                  "reason": self.reason, "code": self.code}
        if self.details:
            status["details"] = self.details
        return status


def named(group: str, resource: str) -> str:
    return f"{resource}.{group}" if group else resource


def not_found(group: str, resource: str, name: str) -> KubeError:
    return KubeError(404, "NotFound", f'{named(group, resource)} "{name}" not found', {"name": name, "group": group, "kind": resource})


def exists(group: str, resource: str, name: str) -> KubeError:
    return KubeError(409, "AlreadyExists", f'{named(group, resource)} "{name}" already exists', {"name": name, "group": group, "kind": resource})


def conflict(group: str, resource: str, name: str, text: str) -> KubeError:
    return KubeError(409, "Conflict", f'Operation cannot be fulfilled on {named(group, resource)} "{name}": {text}',
                     {"name": name, "group": group, "kind": resource})


def bad_request(text: str) -> KubeError:
    return KubeError(400, "BadRequest", text)


def invalid(group: str, kind: str, name: str, causes: list[tuple[str, str, str]]) -> KubeError:
    """causes: (reason, field, message)"""
    texts = [f"{field}: {message}" for _, field, message in causes]
    text = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    return KubeError(422, "Invalid", f'{named(group, kind)} "{name}" is invalid: {text}',
                     {"name": name, "group": group, "kind": kind, "causes": [{"reason": r, "message": m, "field": f} for r, f, m in causes]})


def forbidden(group: str, resource: str, name: str, text: str, causes=None) -> KubeError:
    who = f'{named(group, resource)} "{name}"' if name else named(group, resource)
    details = {"group": group, "kind": resource} | ({"name": name} if name else {}) | ({"causes": causes} if causes else {})
    return KubeError(403, "Forbidden", f"{who} is forbidden: {text}", details)


def expired(text: str, continue_token: str = "") -> KubeError:
    return KubeError(410, "Expired", text, extra={"continue": continue_token} if continue_token else None)


def route_missing() -> KubeError:
    return KubeError(404, "NotFound", "the server could not find the requested resource", {})
