"""Blocking calls to a Kubernetes API, and a recorder that follows a collection in a thread: the API server's own record of what was made and removed."""
from __future__ import annotations

import http.client
import json
import threading
import time
from urllib.parse import urlsplit

from .kubeclient import ApiError, identity


class Rest:
    def __init__(self, kubeconfig: str):
        self.server, self.headers, self.tls = identity(kubeconfig)
        self.url = urlsplit(self.server)

    def connect(self, timeout: float) -> http.client.HTTPConnection:
        if self.tls:
            return http.client.HTTPSConnection(self.url.hostname, self.url.port, timeout=timeout, context=self.tls)
        return http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=timeout)

    def call(self, verb: str, path: str, body=None, content_type: str = "application/json") -> dict:
        connection = self.connect(30)
        try:
            connection.request(verb, path, None if body is None else json.dumps(body), {**self.headers, "Content-Type": content_type})
            reply = connection.getresponse()
            text = reply.read().decode(errors="replace")
            if reply.status >= 300:
                raise ApiError(reply.status, text)
            return json.loads(text) if text.startswith("{") else {}
        finally:
            connection.close()

    def items(self, path: str) -> list[dict]:
        return self.call("GET", path)["items"]


class Expired(Exception):
    pass


class Recorder:
    """Every object that a collection has ever held since start(): uid -> {"name", "object", "added", "deleted"}."""

    def __init__(self, rest: Rest, path: str):
        self.rest, self.path = rest, path
        self.seen: dict[str, dict] = {}
        self.closed = False
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> "Recorder":
        self.rv = self._list()
        self.thread.start()
        return self

    def stop(self) -> None:
        self.closed = True

    def _list(self) -> str:
        listed = self.rest.call("GET", self.path)
        uids = {o["metadata"]["uid"] for o in listed["items"]}
        for obj in listed["items"]:
            self._note("ADDED", obj)
        with self.lock:
            for uid, row in self.seen.items():
                if uid not in uids and not row["deleted"]:
                    row["deleted"] = time.time()
        return listed["metadata"]["resourceVersion"]

    def _note(self, type: str, obj: dict) -> None:
        meta = obj["metadata"]
        with self.lock:
            row = self.seen.setdefault(meta["uid"], {"name": meta["name"], "added": time.time(), "deleted": 0.0})
            row["object"] = obj
            if type == "DELETED":
                row["deleted"] = time.time()

    def _run(self) -> None:
        while not self.closed:
            try:
                self._watch()
            except Expired:
                self._relist()
            except (OSError, http.client.HTTPException, ValueError):      # cut: go on from the last version, so that nothing is missed
                time.sleep(0.1)

    def _relist(self) -> None:
        try:
            self.rv = self._list()
        except (OSError, http.client.HTTPException, ApiError):
            pass

    def _watch(self) -> None:
        connection = self.rest.connect(330)
        try:
            connection.request("GET", f"{self.path}?watch=1&timeoutSeconds=300&allowWatchBookmarks=true&resourceVersion={self.rv}", headers=self.rest.headers)
            reply = connection.getresponse()
            if reply.status == 410:
                raise Expired
            if reply.status != 200:
                raise ValueError(f"watch: {reply.status}")
            while line := reply.readline():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise Expired
                self.rv = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    self._note(event["type"], event["object"])
        finally:
            connection.close()

    def rows(self) -> list[dict]:
        with self.lock:
            return [dict(r) for r in self.seen.values()]

    def live(self) -> list[dict]:
        return [r for r in self.rows() if not r["deleted"]]
