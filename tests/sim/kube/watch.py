"""Watches: replay from a version, then follow; bookmarks; 410 as an ERROR event when the version is gone."""
from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from typing import Callable

from aiohttp import web

from ..reply import dumps
from .status import KubeError, expired
from .store import Change, Item, Resource, Store


def line(type: str, body: bytes) -> bytes:
    return b'{"type":"%b","object":%b}\n' % (type.encode(), body)


def error_line(error: KubeError) -> bytes:
    return line("ERROR", dumps(error.body()))


class Watcher:
    """One open watch: what it has still to send."""

    def __init__(self, resource: Resource, wants: Callable[[Item], bool], bookmarks: bool):
        self.resource, self.wants, self.bookmarks = resource, wants, bookmarks
        self.pending: deque[bytes] = deque()
        self.wake = asyncio.Event()
        self.rv = 0
        self.end: str = ""             # "eof" or "abort": end this watch as soon as possible

    def push(self, change: Change) -> None:
        now, before = self.wants(change.item), bool(change.before and self.wants(change.before))
        if change.type == "DELETED":
            kind = "DELETED" if before else ""
        else:                          # an object that starts or stops to match comes and goes, for this watch
            kind = ("MODIFIED" if before else "ADDED") if now else ("DELETED" if before else "")
        self.rv = change.rv
        if kind:
            self.say(line(kind, change.item.body))

    def say(self, text: bytes) -> None:
        self.pending.append(text)
        self.wake.set()

    def bookmark(self, rv: int) -> bytes:
        return line("BOOKMARK", dumps({"kind": self.resource.kind, "apiVersion": self.resource.api_version,
                                       "metadata": {"resourceVersion": str(rv), "creationTimestamp": None}}))

    def stop(self, how: str) -> None:
        self.end = how
        self.wake.set()


def start(store: Store, resource: Resource, wants, query) -> Watcher:
    """Registers the watch and fills it with what it has missed."""
    table = store.tables[resource]
    watcher = Watcher(resource, wants, query.get("allowWatchBookmarks", "") in ("1", "true"))
    wanted = query.get("resourceVersion", "")
    if wanted in ("", "0"):
        for item in table.items.values():
            if wants(item):
                watcher.say(line("ADDED", item.body))
    elif int(wanted) < table.floor:
        watcher.say(error_line(expired(f"too old resource version: {wanted} ({store.rv})")))
        watcher.end = "eof"
        return watcher
    else:
        for change in table.log:
            if change.rv > int(wanted):
                watcher.push(change)
    if watcher.bookmarks:
        watcher.say(watcher.bookmark(max(store.rv, int(wanted or 0))))
    table.watchers.add(watcher)
    return watcher


async def stream(request: web.Request, store: Store, watcher: Watcher, timeout: float, bookmark_every: float, headers=()) -> web.StreamResponse:
    response = web.StreamResponse(headers=[("Content-Type", "application/json"), *headers])
    response.enable_chunked_encoding()
    end, next_bookmark = time.monotonic() + timeout, time.monotonic() + bookmark_every * random.uniform(0.9, 1.1)
    try:
        await response.prepare(request)
        while True:
            if watcher.pending:
                text = b"".join(watcher.pending)
                watcher.pending.clear()
                await response.write(text)
            if watcher.end == "abort":
                request.transport and request.transport.abort()
                return response
            now = time.monotonic()
            if now >= next_bookmark or (watcher.bookmarks and now >= end and not watcher.end):
                next_bookmark = now + bookmark_every
                if watcher.bookmarks:
                    await response.write(watcher.bookmark(store.rv))
            if watcher.end or now >= end:
                break
            watcher.wake.clear()
            if not watcher.pending:
                try:
                    await asyncio.wait_for(watcher.wake.wait(), min(end, next_bookmark) - now)
                except asyncio.TimeoutError:
                    pass
        await response.write_eof()
        return response
    except ConnectionError:
        return response
    finally:
        store.tables[watcher.resource].watchers.discard(watcher)
