"""The port that answers Prometheus at /metrics, and whoever asks whether this process is well: /healthz, /readyz."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any, NamedTuple, cast
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from ledger.entrypoints.health import Health
from ledger.errors import SettingsInvalid

_AT_ONCE = 32
"""Connections that are answered at once at most; more are closed."""
_PATIENCE = 10.0
"""Seconds that a connection may be silent."""


class Address(NamedTuple):
    """Where it answers, and by which certificate (PEM), where it answers by TLS."""

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None


_LAST_PORT = 65_535


def address(stated: str, certificate: Path | None = None, key: Path | None = None) -> Address:
    """The address that `host:port` names. Raises SettingsInvalid."""
    host, _, port = stated.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdecimal() and int(port) <= _LAST_PORT):
        raise SettingsInvalid(f"--metrics, PULSA_METRICS: not HOST:PORT (it is {stated!r})")
    if key is not None and certificate is None:
        raise SettingsInvalid("PULSA_METRICS_KEY: is of no use without PULSA_METRICS_CERTIFICATE")
    return Address(host, int(port), certificate, key)


@contextmanager
def answering(where: Address, registry: CollectorRegistry, health: Health) -> Iterator[None]:
    """Answers meanwhile. Raises SettingsInvalid, or OSError where the port is taken."""
    server = _Server(where)
    server.set_app(_application(registry, health))
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="answering")
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _application(registry: CollectorRegistry, health: Health) -> Callable[[Any, Any], Iterable[bytes]]:
    metrics: Callable[[Any, Any], Any] = make_wsgi_app(registry)
    questions = {"/healthz": health.still, "/readyz": lambda: [*health.still(), *health.unready()]}

    def answer(environ: dict[str, Any], start: Any) -> Iterable[bytes]:  # noqa: ANN401 - WSGI's
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return cast("Iterable[bytes]", metrics(environ, start))
        ask = questions.get(path)
        wrong = [] if ask is None else ask()  # type: ignore[no-untyped-call]
        status = "404 Not Found" if ask is None else "503 Service Unavailable" if wrong else "200 OK"
        start(status, [("Content-Type", "text/plain; charset=utf-8")])
        return ["".join(f"{line}\n" for line in wrong or [status.partition(" ")[2]]).encode()]

    return answer


class _Handler(WSGIRequestHandler):
    timeout = _PATIENCE

    def log_message(self, *_: object) -> None:
        """Nobody reads who asked."""


class _Server(ThreadingMixIn, WSGIServer):
    """A thread a connection, up to a bound. The handshake of TLS is in that thread, too."""

    daemon_threads = True

    def __init__(self, where: Address) -> None:
        found = socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family = found[0][0]
        self._free = threading.BoundedSemaphore(_AT_ONCE)
        context = None if where.certificate is None else _context(where)
        super().__init__((where.host, where.port), _Handler)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def server_bind(self) -> None:
        """Binds without asking who the host's name belongs to."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's
        """Answers in a thread, or not at all where too many ask."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's
        """Answers one connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, *_: object) -> None:
        """Who hangs up, or speaks no TLS, is not answered."""


def _context(where: Address) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(str(where.certificate), where.key)
    except (OSError, ssl.SSLError) as error:
        raise SettingsInvalid(f"PULSA_METRICS_CERTIFICATE, PULSA_METRICS_KEY: {error}") from error
    return context
