"""Frames: u32 big-endian length, one msgpack map. Everything here comes from protocol/README.md."""
import socket
import struct

import msgpack

VERSION = 1
NUMBERS = {
    "hello": 1, "requests": 2, "agents": 3, "retire": 4, "trouble": 5, "reaped": 6, "leader": 7, "poll": 8,
    "pause": 9, "drain": 10, "done": 11, "status": 12, "status_reply": 13, "unsupported": 14,
}
NAMES = {number: name for name, number in NUMBERS.items()}


def encode(name, **fields):
    body = msgpack.packb({"t": NUMBERS[name], **fields})
    return struct.pack(">I", len(body)) + body


class Connection:
    """One connection; receive() gives (name, fields), or None at its end. Raises socket.timeout when nothing comes."""

    def __init__(self, sock, role):
        self.sock = sock
        self.stream = sock.makefile("rb")
        self.send("hello", version=VERSION, role=role, build="python")
        first = self.receive()
        if first is None or first[0] != "hello":
            raise ConnectionError(f"no hello but {first}")
        self.peer = first[1]["role"]

    def send(self, name, **fields):
        self.sock.sendall(encode(name, **fields))

    def receive(self):
        head = self.stream.read(4)
        if len(head) < 4:
            return None
        body = self.stream.read(struct.unpack(">I", head)[0])
        message = msgpack.unpackb(body)
        number = message.pop("t")
        return NAMES.get(number, number), message

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


def dial(run_dir, target, role, timeout=10):
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(timeout)
    sock.connect(f"{run_dir}/{target}/socket")
    return Connection(sock, role)
