"""The port that answers Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from ledger.errors import SettingsInvalid


@contextmanager
def answering(address: str, registry: CollectorRegistry) -> Iterator[None]:
    """Answers Prometheus at `host:port` meanwhile. Raises SettingsInvalid, or OSError where the port is taken."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise SettingsInvalid(f"--metrics: not HOST:PORT (it is {address!r})")
    server, thread = start_http_server(int(port), host, registry)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
