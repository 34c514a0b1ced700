"""A watcher that knows its pools from a list instead of Azure DevOps: tells provisioner and reaper what the list says.

Alone:  python3 -m tests.system.peers.watcher RUN_DIR LIST.json     (the list is read again when it changes)
        [{"pool": "linux", "pool_id": 7, "requests": [{"id": 1, "queued_ms": 0, "demands": ["linux"]}], "agents": []}]
"""
import json
import os
import sys
import threading
import time

from .frames import dial


class Link:
    """The connection to one process: full sets first, deltas after. Comes back by itself."""

    def __init__(self, watcher, target):
        self.watcher, self.target = watcher, target
        self.connection = None
        self.number = 0
        self.told = {}            # pool -> {request id: row}

    def tell(self):
        try:
            if self.connection is None:
                self.connect()
            for pool in self.watcher.pools:
                self.tell_pool(pool)
        except OSError:
            self.drop()

    def connect(self):
        self.connection = dial(self.watcher.run_dir, self.target, "watcher")
        self.number, self.told = 0, {}
        self.connection.sock.settimeout(None)
        threading.Thread(target=self.listen, args=(self.connection,), daemon=True).start()

    def drop(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def listen(self, connection):
        try:
            while (message := connection.receive()) is not None:
                self.watcher.heard.append(message)
                if message[0] == "poll":
                    self.watcher.wake.set()
        except (OSError, ValueError):
            pass

    def tell_pool(self, pool):
        now = {row["id"]: dict(row) for row in pool["requests"]}
        before = self.told.get(pool["pool"])
        known = before or {}
        rows = [row for key, row in now.items() if known.get(key) != row]
        gone = [{"id": key, "result": "succeeded"} for key in known if key not in now]
        self.number += 1
        head = {"pool": pool["pool"], "pool_id": pool["pool_id"], "set": self.number, "last": True,
                "began_ns": time.monotonic_ns(), "stale": False, "delay_ms": int(self.watcher.delay * 1000)}
        self.connection.send("requests", full=before is None, rows=rows, gone=gone, **head)
        self.connection.send("agents", rows=pool["agents"], **head)
        self.told[pool["pool"]] = now


class Watcher:
    """pools: a list as above; change it at will between rounds, then call poke()."""

    def __init__(self, run_dir, pools, delay=0.2, targets=("provisioner", "reaper")):
        self.run_dir, self.pools, self.delay = run_dir, pools, delay
        self.heard = []           # what the others told: ("leader", {...})
        self.wake = threading.Event()
        self.stopped = False
        self.links = [Link(self, target) for target in targets]
        self.thread = threading.Thread(target=self.run, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def run(self):
        while not self.stopped:
            for link in self.links:
                link.tell()
            self.wake.wait(self.delay)
            self.wake.clear()

    def poke(self):
        self.wake.set()

    def stop(self):
        self.stopped = True
        self.wake.set()
        self.thread.join()
        for link in self.links:
            link.drop()


def main():
    run_dir, path = sys.argv[1:3]
    watcher, seen = Watcher(run_dir, []).start(), None
    while True:
        changed = os.stat(path).st_mtime_ns
        if changed != seen:
            with open(path, encoding="utf-8") as file:
                watcher.pools = json.load(file)
            seen = changed
            watcher.poke()
        time.sleep(0.2)


if __name__ == "__main__":
    main()
