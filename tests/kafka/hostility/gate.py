"""A gate in front of real schema registries: it hands every question on, or answers 503, or leads to another one."""

from __future__ import annotations

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

_DROPPED = {"connection", "transfer-encoding", "content-length", "date", "server"}


class RegistryGate:
    """Answers at `url`; `lead_to` names the registry that does so from now on, None that none does.

    `refused` are the questions answered 503 so far, and `passed` those handed on since it was last led elsewhere.
    """

    def __init__(self, registry: str) -> None:
        gate = self
        self.refused = self.passed = 0
        self._registry: str | None = registry

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _relay(self) -> None:
                gate._answer(self)

            do_GET = do_POST = do_PUT = do_DELETE = _relay  # noqa: N815 - the library's names

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.05], name="gate")
        self._path = urlsplit(registry).path

    @property
    def url(self) -> str:
        """Where it answers: the base of the registry's API."""
        return f"http://127.0.0.1:{self._server.server_port}{self._path}"

    def lead_to(self, registry: str | None) -> None:
        """Whoever asks from now on is answered by that registry, or with 503."""
        self._registry = registry
        self.passed = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, asked: BaseHTTPRequestHandler) -> None:
        body = asked.rfile.read(int(asked.headers.get("Content-Length") or 0))
        registry = self._registry
        if registry is None:
            self.refused += 1
            _send(asked, 503, {}, b"service unavailable")
            return
        target = urlsplit(registry)
        connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=30)
        try:
            headers = {name: value for name, value in asked.headers.items() if name.lower() != "host"}
            connection.request(asked.command, asked.path, body or None, headers)
            answer = connection.getresponse()
            content = answer.read()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _DROPPED}
        except (OSError, http.client.HTTPException):
            _send(asked, 502, {}, b"no answer")
        else:
            self.passed += 1
            _send(asked, answer.status, kept, content)
        finally:
            connection.close()


def _send(asked: BaseHTTPRequestHandler, status: int, headers: dict[str, str], content: bytes) -> None:
    asked.send_response(status)
    for name, value in headers.items():
        asked.send_header(name, value)
    asked.send_header("Content-Length", str(len(content)))
    asked.send_header("Connection", "close")
    asked.end_headers()
    asked.wfile.write(content)
    asked.close_connection = True
