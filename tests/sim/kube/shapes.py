"""Ways the API server, or what stands before it, has been seen to refuse or break."""
from __future__ import annotations

import dataclasses
from typing import Callable

from ..reply import Reply, dumps
from .status import KubeError, expired
from .watch import error_line


def of_error(e: KubeError) -> Reply:
    return Reply(e.code, dumps(e.body()), "application/json", list(e.headers))


def _status(_: Reply, p: dict) -> Reply:
    code = int(p.get("code", 500))
    return of_error(KubeError(code, p.get("reason", "InternalError"), p.get("message", "an error on the server has prevented the request from succeeding"),
                              p.get("details"), [tuple(h) for h in p.get("headers", [])]))


def _too_many(_: Reply, p: dict) -> Reply:
    return Reply(429, b"Too many requests, please try again later.\n", "text/plain; charset=utf-8", [("Retry-After", str(p.get("retry_after", 1)))])


def _gone_event(_: Reply, p: dict) -> Reply:
    return Reply(200, error_line(expired("too old resource version: 1 (2)")), "application/json")


def _gone_http(_: Reply, p: dict) -> Reply:
    return of_error(KubeError(410, p.get("reason", "Expired"), "The resourceVersion for the provided watch is too old.",
                              extra={"continue": p["continue"]} if "continue" in p else None))


def _quota(_: Reply, p: dict) -> Reply:
    name = p.get("name", "x")
    return of_error(KubeError(403, "Forbidden", f'jobs.batch "{name}" is forbidden: exceeded quota: q, requested: count/jobs.batch=1, used: count/jobs.batch=10, '
                              "limited: count/jobs.batch=10", {"name": name, "group": "batch", "kind": "jobs"}))


def _webhook(_: Reply, p: dict) -> Reply:
    return of_error(KubeError(403, "Forbidden", 'admission webhook "policy.example.com" denied the request: image registry is not allowed', {"name": "x"}))


def _unauthorized(_: Reply, p: dict) -> Reply:
    return of_error(KubeError(401, "Unauthorized", "Unauthorized"))


def _html(_: Reply, p: dict) -> Reply:
    return Reply(int(p.get("code", 502)), b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>", "text/html")


def _timeout(_: Reply, p: dict) -> Reply:
    return of_error(KubeError(504, "Timeout", "Timeout: request did not complete within requested timeout - context deadline exceeded", {"retryAfterSeconds": 1}))


def _delivery(**fixed) -> Callable[[Reply, dict], Reply]:
    return lambda reply, p: dataclasses.replace(reply, **{k: p.get(k, v) for k, v in fixed.items()})


DELIVERED = {"reset": _delivery(reset=True), "cut": _delivery(cut=30), "delay": _delivery(delay=1.0), "slow": _delivery(slow=2000.0), "gzip": _delivery(gzip=True),
             "done-504": _timeout}     # carried out, but the client is told otherwise or nothing
SHAPES = {"status": _status, "429-text": _too_many, "410-event": _gone_event, "410-http": _gone_http, "quota": _quota, "webhook": _webhook,
          "401": _unauthorized, "html": _html, "504": _timeout, "hang": _delivery(hang=True)} | DELIVERED
