"""Who may do what: PATs by Basic authentication with any user name, read or manage."""
from __future__ import annotations

import base64
import binascii

from ..reply import Reply
from .model import Settings
from .shapes import SHAPES


def scope_of(authorization: str, settings: Settings) -> str | None:
    """"read", "manage", or None for a credential that is not known."""
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return settings.pats.get(text.strip())
    if scheme.lower() != "basic":
        return None
    try:
        secret = base64.b64decode(text, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return None
    return settings.pats.get(secret)


def check(verb: str, headers, settings: Settings) -> Reply | None:
    """None when the call may go on; else the refusal the service gives to this kind of call."""
    if not settings.check_auth:
        return None
    scope = scope_of(headers.get("Authorization", ""), settings)
    suppressed = headers.get("X-TFS-FedAuthRedirect", "").lower() == "suppress"
    if scope is None and not headers.get("Authorization"):
        return SHAPES["E" if suppressed or not settings.redirect_unsuppressed else "B"](None, {})
    if scope is None:
        return SHAPES["E" if suppressed else "A" if verb == "GET" else "C"](None, {})
    if scope == "read" and verb not in ("GET", "OPTIONS", "HEAD"):
        return SHAPES["F"](None, {})
    return None
