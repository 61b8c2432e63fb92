"""A gateway before the real registry that fails as it is told to, asks for credentials, and counts what passes."""

from __future__ import annotations

import base64
import http.client
import ssl
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.waiting import PATIENCE

SLOW, GARBAGE, EMPTY, GATEWAY = "slow", "garbage", "empty", "gateway"


class FaultyRegistry:
    """`fault`: a status, what is said instead (bytes), SLOW (no answer while it lasts), GARBAGE, EMPTY, GATEWAY."""

    def __init__(self, registry: str) -> None:
        self.fault: int | str | bytes | None = None
        self.login: str | None = None
        """`user:password` that is asked for."""
        self.asked: list[tuple[str, str]] = []
        """The method and the path of every request."""
        self.url = ""
        self.lead_to(registry)
        self.ended = threading.Event()

    def lead_to(self, registry: str) -> None:
        """Whoever asks from now on is answered by that registry."""
        self._real = urllib.parse.urlsplit(registry)

    def asked_for_ids(self) -> int:
        """How often a schema was asked for by its id."""
        return sum(path.startswith("/schemas/ids/") for _, path in self.asked)

    def answer(self, method: str, path: str, login: str | None, body: bytes) -> tuple[int, bytes]:
        """The status and the body of an answer."""
        self.asked.append((method, path))
        wanted = None if self.login is None else f"Basic {base64.b64encode(self.login.encode()).decode()}"
        if login != wanted:
            return 401, b"{}"
        fault = self.fault
        while self.fault == SLOW and not self.ended.wait(0.01):
            continue
        if isinstance(fault, int):
            return fault, b'{"error_code": 50001, "message": "just now I cannot"}'
        if isinstance(fault, bytes):
            return 200, fault
        if fault in (GARBAGE, EMPTY, GATEWAY):
            return {GARBAGE: (200, b"<html>"), EMPTY: (200, b"{}"), GATEWAY: (404, b"not found")}[str(fault)]
        real = http.client.HTTPConnection(self._real.netloc, timeout=PATIENCE)
        try:
            real.request(method, self._real.path + path, body or None, {"Content-Type": "application/json"})
            found = real.getresponse()
            return found.status, found.read()
        finally:
            real.close()


@contextmanager
def faulty(registry: str, tls: ssl.SSLContext | None = None) -> Iterator[FaultyRegistry]:
    """A gateway before that registry, by TLS where a context is given."""
    gateway = FaultyRegistry(registry)

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, said = gateway.answer(self.command, self.path, self.headers.get("Authorization"), body)
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)
            except OSError:  # it did not wait
                self.close_connection = True

        do_GET = do_POST = do_PUT = _handle  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = False

        def handle_error(self, *_: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    scheme = "http"
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    gateway.url = f"{scheme}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield gateway
    finally:
        gateway.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
