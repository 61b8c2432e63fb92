"""The port of a process: figures, whether its loops go round, whether it does what it is there for; by TLS too."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from ledger.entrypoints.answering import address, answering
from ledger.entrypoints.health import Health
from ledger.errors import LogUnreachable, SettingsInvalid
from ledger.local.process import free_port
from ledger.release import RELEASE
from tests.certificates import self_signed
from tests.waiting import PATIENCE


class Answering:
    """A port that is open, and what it is told."""

    def __init__(self, port: int, context: ssl.SSLContext | None) -> None:
        self.now = 0.0
        self.health = Health(lambda: self.now)
        self.registry = CollectorRegistry()
        self.health.count_in(self.registry)
        self._port = port
        self._context = context

    def ask(self, path: str) -> tuple[int, str]:
        connection = (
            http.client.HTTPConnection("localhost", self._port, timeout=PATIENCE)
            if self._context is None
            else http.client.HTTPSConnection("localhost", self._port, timeout=PATIENCE, context=self._context)
        )
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


@contextmanager
def opened(
    certificate: Path | None = None, key: Path | None = None, *, context: ssl.SSLContext | None = None
) -> Iterator[Answering]:
    port = free_port()
    found = Answering(port, context)
    with answering(address(f"127.0.0.1:{port}", certificate, key), found.registry, found.health):
        yield found


def test_it_tells_whether_the_process_is_alive_and_whether_it_is_ready() -> None:
    with opened() as port:
        assert port.ask("/healthz") == (200, "OK\n")
        assert port.ask("/readyz") == (503, "nothing runs yet\n")
        port.health.expects("writer")
        assert port.ask("/healthz") == (200, "OK\n")
        assert port.ask("/readyz") == (503, "writer: not made yet\n")
        port.health.done("writer", ready=True, pause=0)
        assert port.ask("/readyz") == (200, "OK\n")
        port.health.failed("writer", LogUnreachable("gone"), "wait")
        assert port.ask("/readyz") == (503, "writer: log-unreachable\n")
        assert port.ask("/healthz") == (200, "OK\n")  # it waits, which is what it should do
        port.now += 1000
        assert port.ask("/healthz") == (503, "writer: no sign of life for 1000 s\n")
        status, figures = port.ask("/metrics")
        assert status == 200
        assert f'ledger_build_info{{release="{RELEASE}"}} 1.0' in figures
        assert 'ledger_part_failures_total{code="log-unreachable",part="writer",then="wait"} 1.0' in figures
        assert port.ask("/elsewhere")[0] == 404


def test_connections_that_say_nothing_keep_nobody_out(certificate: tuple[Path, Path]) -> None:
    context = ssl.create_default_context(cafile=certificate[0])
    with opened(*certificate, context=context) as port:
        silent = [socket.create_connection(("127.0.0.1", port._port)) for _ in range(10)]
        assert port.ask("/healthz") == (200, "OK\n")
        for one in silent:
            one.close()


def test_it_answers_by_tls_only_where_it_has_a_certificate(certificate: tuple[Path, Path]) -> None:
    with opened(*certificate, context=ssl.create_default_context(cafile=certificate[0])) as port:
        assert port.ask("/healthz") == (200, "OK\n")
        port._context = ssl.create_default_context()
        with pytest.raises(ssl.SSLCertVerificationError):
            port.ask("/healthz")
        port._context = None
        with pytest.raises((http.client.HTTPException, OSError)):
            port.ask("/healthz")


def test_wrong_settings_are_said(tmp_path: Path) -> None:
    for wrong in ("9464", "127.0.0.1:65536", "127.0.0.1:\u0669", "127.0.0.1:-1", ":1"):
        with pytest.raises(SettingsInvalid, match="HOST:PORT"):
            address(wrong)
    with pytest.raises(SettingsInvalid, match="PULSA_METRICS_CERTIFICATE"):
        address("127.0.0.1:9464", None, tmp_path / "key.pem")
    (tmp_path / "no.pem").write_text("nothing")
    with pytest.raises(SettingsInvalid, match="PULSA_METRICS_KEY"), opened(tmp_path / "no.pem"):
        pass
    assert address("[::1]:9464").host == "::1"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of `localhost`, and its key."""
    return self_signed(tmp_path_factory.mktemp("certificate"))
