"""api-version: writes must name one the server has; GETs need none."""
from __future__ import annotations

import re

from ..reply import Reply
from .errors import error

GRAMMAR = re.compile(r"^(\d+)\.(\d+)(-preview(\.\d+)?)?$")
RELEASED = ["1.0", "2.0", "3.0", "4.0", "4.1", "5.0", "5.1", "6.0", "7.0", "7.1"]


def requested(query, headers) -> str | None:
    if "api-version" in query:
        return query["api-version"]
    for name in ("Accept", "Content-Type"):
        m = re.search(r"api-version=([^;,\s]+)", headers.get(name, ""))
        if m:
            return m[1]
    return None


def check(verb: str, query, headers, ceiling: str) -> Reply | None:
    version = requested(query, headers)
    if version is None:
        if verb in ("GET", "OPTIONS", "HEAD"):
            return None
        return error(400, "VssVersionNotSpecifiedException",
                     f'No api-version was supplied for the "{verb}" request. The version must be supplied either as part of the Accept header '
                     '(e.g. "application/json; api-version=1.0") or as a query parameter (e.g. "?api-version=1.0").')
    m = GRAMMAR.match(version)
    number = tuple(int(p) for p in m.groups()[:2]) if m else (99, 0)
    top = tuple(int(p) for p in ceiling.split("."))
    if number > top or number < (1, 0):
        return error(400, "VssVersionOutOfRangeException", f"The requested REST API version of {version} is out of range for this server. "
                     f"The latest REST API version this server supports is {ceiling}.")
    if not m[3] and f"{number[0]}.{number[1]}" not in RELEASED:
        return error(400, "VssInvalidPreviewVersionException",
                     f'The requested version "{version}" of the resource is under preview. The -preview flag must be supplied in the api-version '
                     f'for such requests. For example: "{version}-preview"')
    return None
