"""What goes back to a client: the reply, and how it is delivered (late, cut, slow, reset)."""
from __future__ import annotations

import asyncio
import gzip
import json
import socket
import struct
from dataclasses import dataclass, field

from aiohttp import web

JSON_TYPE = "application/json; charset=utf-8"


@dataclass
class Reply:
    status: int = 200
    body: bytes = b""
    type: str | None = JSON_TYPE
    headers: list[tuple[str, str]] = field(default_factory=list)
    delay: float = 0.0           # before anything is sent
    cut: int | None = None       # bytes of body sent before the connection is closed
    reset: bool = False          # TCP reset before (cut None) or after the cut
    slow: float = 0.0            # bytes per second
    hang: bool = False           # never answer
    gzip: bool = False


def dumps(value) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _abort(request: web.Request, reset: bool) -> None:
    transport = request.transport
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if reset and sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def send(request: web.Request, reply: Reply) -> web.StreamResponse:
    if reply.delay:
        await asyncio.sleep(reply.delay)
    if reply.hang:
        await asyncio.sleep(3600)
    if reply.reset and reply.cut is None:
        _abort(request, True)
        return web.Response()
    body = gzip.compress(reply.body, 1) if reply.gzip else reply.body
    response = web.StreamResponse(status=reply.status)
    for name, value in reply.headers:
        response.headers.add(name, value)
    if reply.type:
        response.headers["Content-Type"] = reply.type
    if reply.gzip:
        response.headers["Content-Encoding"] = "gzip"
    if reply.status not in (204, 304):
        response.content_length = len(body)
    await response.prepare(request)
    if reply.type is None and "Content-Type" in response.headers:
        del response.headers["Content-Type"]
    if request.method == "HEAD" or reply.status in (204, 304):
        return response
    if reply.cut is not None:
        await response.write(body[:reply.cut])
        await asyncio.sleep(0.02)        # let the bytes out before the connection goes
        _abort(request, reply.reset)
        return response
    if reply.slow:
        step = max(1, int(reply.slow / 20))
        for i in range(0, len(body), step):
            await response.write(body[i:i + step])
            await asyncio.sleep(0.05)
    else:
        await response.write(body)
    await response.write_eof()
    return response
