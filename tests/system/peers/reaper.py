"""A reaper that does nothing but remember what it is told, and says what a test lets it say.

Alone:  python3 -m tests.system.peers.reaper RUN_DIR     (one JSON line per message)
"""
import json
import os
import socket
import sys
import threading
import time

from .frames import Connection


class Reaper:
    def __init__(self, run_dir, on_message=None):
        self.told = []            # (who, message, fields)
        self.peers = {}           # role -> Connection
        self.on_message = on_message
        self.changed = threading.Condition()
        os.makedirs(f"{run_dir}/reaper", mode=0o750, exist_ok=True)
        self.path = f"{run_dir}/reaper/socket"
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        try:
            connection = Connection(sock, "reaper")
            self.peers[connection.peer] = connection
            while (message := connection.receive()) is not None:
                if message[0] == "status":
                    connection.send("status_reply", role="reaper", last=True, uptime_ms=0, notes=["only listens"])
                else:
                    self.note(connection.peer, *message)
        except (OSError, ValueError):
            pass

    def note(self, who, name, fields):
        with self.changed:
            self.told.append((who, name, fields))
            self.changed.notify_all()
        if self.on_message:
            self.on_message(who, name, fields)

    def wait_for(self, wanted, timeout=10):
        """The first message told that wanted(who, name, fields) accepts; raises after the timeout."""
        end = time.monotonic() + timeout
        with self.changed:
            while True:
                for entry in self.told:
                    if wanted(*entry):
                        return entry
                left = end - time.monotonic()
                if left <= 0 or not self.changed.wait(left):
                    raise TimeoutError(f"not told; told was {[(who, name) for who, name, _ in self.told]}")

    def say(self, name, **fields):
        """trouble or reaped, to the provisioner."""
        self.peers["provisioner"].send(name, **fields)

    def stop(self):
        self.listener.close()
        for connection in self.peers.values():
            connection.close()


def main():
    Reaper(sys.argv[1], lambda who, name, fields: print(json.dumps([who, name, fields]), flush=True))
    threading.Event().wait()


if __name__ == "__main__":
    main()
