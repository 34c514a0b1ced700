"""A scripted HTTP/1.1 server for test_http*.c: what it does is in the path. Says its two ports on stdout, ends with its stdin."""
import gzip
import json
import ssl
import sys
import threading
import time
from collections import Counter
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

lock = threading.Lock()
busy, most = Counter(), Counter()  # per group of calls


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def reply(self, status=200, body=b"", **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Connection", str(self.client_address[1]))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def serve(self):
        url = urlsplit(self.path)
        q = {k: v[0] for k, v in parse_qs(url.query).items()}
        self.sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            getattr(self, "on_" + url.path.strip("/"))(q)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = serve

    def on_hello(self, q):
        group = q.get("group", "")
        with lock:
            busy[group] += 1
            most[group] = max(most[group], busy[group])
        time.sleep(float(q.get("wait", 0)))
        with lock:
            busy[group] -= 1
        self.reply(200, b"hello")

    def on_echo(self, q):
        seen = {"method": self.command, "body": self.sent.decode(), "headers": {k.lower(): v for k, v in self.headers.items()}}
        self.reply(200, json.dumps(seen).encode(), Content_Type="application/json; charset=utf-8")

    def on_status(self, q):
        extra = {"Retry-After": q["after"]} if "after" in q else {}
        if "in" in q:
            extra["Retry-After"] = formatdate(time.time() + int(q["in"]), usegmt=True)
        self.reply(int(q["code"]), b"x" * int(q.get("n", 3)), **extra)

    def on_big(self, q):
        self.reply(200, b"b" * int(q["n"]))

    def on_cut(self, q):
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"0123456789")
        self.close_connection = True

    def on_cutchunk(self, q):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nhello\r\n")
        self.close_connection = True

    def on_nothing(self, q):
        self.close_connection = True

    def on_headers(self, q):
        self.reply(200, b"", **{f"X-{i}": "h" * 1000 for i in range(int(q["n"]))})

    def on_gzip(self, q):
        zipped = "gzip" in self.headers.get("Accept-Encoding", "")
        body = b"z" * int(q["n"])
        self.reply(200, gzip.compress(body) if zipped else body, **({"Content-Encoding": "gzip"} if zipped else {}))

    def on_drip(self, q):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for i in range(int(q["n"])):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(str(i)) + 1, b"%d\n" % i))
            time.sleep(float(q["gap"]))
        self.wfile.write(b"0\r\n\r\n")

    def on_most(self, q):
        self.reply(200, str(most[q["group"]]).encode())


class Server(ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True

    def handle_error(self, *_):
        pass


plain, tls = Server(("127.0.0.1", 0), Handler), Server(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
tls.socket = context.wrap_socket(tls.socket, server_side=True, do_handshake_on_connect=False)
for server in plain, tls:
    threading.Thread(target=server.serve_forever, daemon=True).start()
print(plain.server_port, tls.server_port, flush=True)
sys.stdin.read()
