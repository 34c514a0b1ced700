"""Every way the service has been seen to refuse, throttle or break, by name. A shape turns the reply that would have been given into another."""
from __future__ import annotations

import dataclasses
import time
from typing import Callable
from urllib.parse import quote

from ..reply import JSON_TYPE, Reply
from .errors import error

HTML = "text/html; charset=utf-8"
SIGN_IN = ("<!DOCTYPE html>\n<html lang=\"en-US\"><head><title>Azure DevOps Services | Sign In</title></head>"
           "<body>" + "<div class=\"vss\">Sign in to your account</div>" * 40 + "</body></html>").encode()
SPS = "https://spsprodweu1.vssps.visualstudio.com/_signin?realm=dev.azure.com&reply_to=https%3A%2F%2Fdev.azure.com%2Fcontoso-ci%2F&redirect=1&hid=9a0f1c7e"
TENANT = "3d3526d7-0000-4000-8000-0000000000aa"
FED = [("X-TFS-FedAuthRealm", "https://tfsprodweu2.visualstudio.com/"), ("X-TFS-FedAuthIssuer", "https://dev.azure.com/contoso-ci/"),
       ("X-TFS-FedAuthRedirect", SPS), ("X-VSS-ResourceTenant", TENANT)]
TF400813 = "TF400813: The user '' is not authorized to access this resource."
BLOCKED = "Request was blocked due to exceeding usage of resource 'Concurrency' in namespace 'User'. For more information on why your request was blocked, see ..."


def _sign_in_203(_: Reply, p: dict) -> Reply:
    return Reply(203, SIGN_IN, HTML)


def _redirect_302(_: Reply, p: dict) -> Reply:
    body = b'<html><head><title>Object moved</title></head><body>\r\n<h2>Object moved to <a href="#">here</a>.</h2>\r\n</body></html>'
    return Reply(302, body, HTML, [("Location", SPS)] + FED[:1])


def _json_401(_: Reply, p: dict) -> Reply:
    return error(401, "UnauthorizedRequestException", TF400813)


def _expired_401(_: Reply, p: dict) -> Reply:
    text = "Access Denied: The Personal Access Token used has expired."
    reply = error(401, "AccessCheckException", text)
    reply.headers.append(("X-TFS-ServiceError", quote(text, safe="")))
    return reply


def _challenge_401(_: Reply, p: dict) -> Reply:
    reply = error(401, "UnauthorizedRequestException", TF400813)
    reply.headers += [("WWW-Authenticate", f"Bearer authorization_uri=https://login.microsoftonline.com/{TENANT}"),
                      ("WWW-Authenticate", 'Basic realm="https://tfsprodweu2.app.visualstudio.com/"'), ("WWW-Authenticate", "TFS-Federated")] + FED
    return reply


def _empty_401(_: Reply, p: dict) -> Reply:
    return Reply(401, b"", None, [("WWW-Authenticate", 'Basic realm="https://tfsprodweu2.app.visualstudio.com/"')])


def _server_401(_: Reply, p: dict) -> Reply:
    page = f"<!DOCTYPE html><html><head><title>{TF400813}</title></head><body>{TF400813}</body></html>".encode()
    return Reply(401, page, HTML, [("WWW-Authenticate", 'Bearer, Basic realm="http://host:8080/tfs", Negotiate, NTLM'), ("Lfs-Authenticate", "NTLM"),
                                   ("X-TFS-ServiceError", quote(TF400813, safe=""))])


def _denied_403(_: Reply, p: dict) -> Reply:
    return error(403, "AccessDeniedException", "Access denied. Ada Ops needs Manage permissions to perform the action. "
                 "For more information, contact the Azure DevOps Server administrator.")


def _missing_404(_: Reply, p: dict) -> Reply:
    return Reply(404, b"<html><body>404 - Page not found</body></html>", HTML) if p.get("html") else \
        error(404, "VssServiceException", "TF400016: The organization could not be found.")


def _plain_404(_: Reply, p: dict) -> Reply:
    return Reply(404, b"The controller for path '/_apis/x' was not found or does not implement IController.", "text/plain; charset=utf-8")


def rate_headers(retry_after=None, delay: float = 0.0, remaining: int = 0) -> list[tuple[str, str]]:
    headers = [("X-RateLimit-Resource", "Core"), ("X-RateLimit-Limit", "200"), ("X-RateLimit-Remaining", str(remaining)),
               ("X-RateLimit-Reset", str(int(time.time()) + 300))]
    if delay:
        headers.append(("X-RateLimit-Delay", f"{delay:.3f}"))
    if retry_after is not None:
        headers.insert(0, ("Retry-After", str(retry_after)))
    return headers


def _throttled_200(reply: Reply, p: dict) -> Reply:
    return dataclasses.replace(reply, delay=p.get("delay", 0.0), headers=reply.headers + rate_headers(p.get("retry_after", 1), p.get("delay", 0.0) or 0.5))


def _blocked_429(_: Reply, p: dict) -> Reply:
    form = p.get("form", "json")
    reply = {"json": lambda: error(429, "RequestBlockedException", "TF400733: The request has been canceled: " + BLOCKED),
             "text": lambda: Reply(429, BLOCKED.encode(), "text/plain; charset=utf-8"),
             "html": lambda: Reply(429, f"<html><body>{BLOCKED}</body></html>".encode(), HTML)}[form]()
    if "retry_after" in p:
        reply.headers += rate_headers(p["retry_after"])
    return reply


def _status(_: Reply, p: dict) -> Reply:
    status = int(p.get("status", 500))
    return Reply(status, p.get("body", f"<html><body>Error {status}: our services aren't available right now</body></html>").encode(),
                 p.get("type", HTML), [tuple(h) for h in p.get("headers", [])])


def _stopped_503(_: Reply, p: dict) -> Reply:
    reply = error(503, "HostShutdownException", "TF200042: The Azure DevOps Services organization contoso-ci is not currently running.")
    reply.body = b"\xef\xbb\xbf" + reply.body
    return reply


def _offline_503(_: Reply, p: dict) -> Reply:
    return Reply(503, b"<html><body>offline</body></html>", HTML, [("X-VSS-HostOfflineError", "TF200042%3A%20offline")])


def _html_200(_: Reply, p: dict) -> Reply:
    return Reply(200, b"<html><body>Gateway: please accept our terms of use</body></html>", HTML)


def _delivery(**fixed) -> Callable[[Reply, dict], Reply]:
    def shape(reply: Reply, p: dict) -> Reply:
        return dataclasses.replace(reply, **{k: p.get(k, v) for k, v in fixed.items()})
    return shape


def _bom(reply: Reply, p: dict) -> Reply:
    return dataclasses.replace(reply, body=b"\xef\xbb\xbf" + reply.body)


def _wrong_count(reply: Reply, p: dict) -> Reply:
    return dataclasses.replace(reply, body=reply.body.replace(b'{"count":', b'{"count":9', 1))


def _short_json(reply: Reply, p: dict) -> Reply:
    """A well-delivered body that ends in the middle of its JSON."""
    return dataclasses.replace(reply, body=reply.body[:p.get("bytes", max(1, len(reply.body) // 2))])


def _body(reply: Reply, p: dict) -> Reply:
    return Reply(int(p.get("status", 200)), p.get("body", "").encode("utf-8", "surrogateescape"), p.get("type", JSON_TYPE))


# The call is carried out; only the way its reply arrives is spoiled.
DELIVERED: dict[str, Callable[[Reply, dict], Reply]] = {
    "rate-200": _throttled_200, "bom": _bom, "wrong-count": _wrong_count, "short-json": _short_json, "delay": _delivery(delay=1.0), "cut": _delivery(cut=40),
    "reset": _delivery(reset=True), "cut-reset": _delivery(cut=40, reset=True), "slow": _delivery(slow=2000.0), "gzip": _delivery(gzip=True)}

SHAPES: dict[str, Callable[[Reply, dict], Reply]] = {
    "A": _sign_in_203, "B": _redirect_302, "C": _json_401, "D": _expired_401, "E": _challenge_401, "E'": _server_401, "E0": _empty_401,
    "F": _denied_403, "G": _missing_404, "404-text": _plain_404, "429": _blocked_429, "status": _status, "503-bom": _stopped_503,
    "503-offline": _offline_503, "html-200": _html_200, "body": _body, "hang": _delivery(hang=True)} | DELIVERED
