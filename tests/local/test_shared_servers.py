"""The servers that the tests share."""

import contextlib
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http import HTTPStatus
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaAdminClient

from tests.servers import (  # noqa: F401
    KafkaServers,
    kafka_address,
    kafka_servers,
    postgres_address,
    postgres_url,
    registry_address,
    run_directory,
    shared,
)
from tests.waiting import PATIENCE


def test_broker_and_registry_answer(kafka_servers: KafkaServers) -> None:  # noqa: F811
    with KafkaAdminClient(bootstrap_servers=kafka_servers.bootstrap_servers) as admin:
        assert len(admin.describe_cluster()["brokers"]) == 1
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"{kafka_servers.registry_url}/subjects", timeout=PATIENCE) as response:
        assert response.status == HTTPStatus.OK


def test_the_database_is_empty(postgres_url: str) -> None:  # noqa: F811
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
        tables = "select count(*) from information_schema.tables where table_schema = 'public'"
        assert connection.execute(tables).fetchone() == (0,)


@pytest.mark.parametrize(
    ("variable", "address"),
    [
        ("PULSA_KAFKA", kafka_address),
        ("PULSA_REGISTRY", registry_address),
        ("PULSA_TEST_POSTGRES", postgres_address),
    ],
)
def test_a_given_address_comes_first(
    variable: str, address: Callable[[], AbstractContextManager[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "elsewhere:1")
    with address() as given:
        assert given == "elsewhere:1"


def test_an_unknown_kind_of_server_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULSA_KAFKA", raising=False)
    monkeypatch.setenv("PULSA_TEST_SERVERS", "podman")
    with pytest.raises(pytest.UsageError, match="podman"), kafka_address():
        pass


def test_one_starts_and_stops_it_after_the_last_has_left(tmp_path: Path) -> None:
    happened = []

    @contextmanager
    def start() -> Iterator[str]:
        happened.append("started")
        yield f"address {happened.count('started')}"
        happened.append("stopped")

    first, second = shared(tmp_path / "server", start), shared(tmp_path / "server", start)
    assert first.__enter__() == second.__enter__() == "address 1"
    leaving = threading.Thread(target=first.__exit__, args=(None, None, None))
    leaving.start()
    happened.append("the second leaves")
    second.__exit__(None, None, None)
    leaving.join()
    assert happened == ["started", "the second leaves", "stopped"]
    with shared(tmp_path / "server", start) as address:
        assert address == "address 2"


def test_the_server_of_a_process_that_crashed_is_not_used(tmp_path: Path) -> None:
    crash = """
import contextlib, os, pathlib, sys
from tests.servers import shared
with shared(pathlib.Path(sys.argv[1]), lambda: contextlib.nullcontext("left behind")) as address:
    os.write(1, address.encode())
    os._exit(1)
"""
    crashed = subprocess.run(
        [sys.executable, "-c", crash, str(tmp_path / "server")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])},
        stdout=subprocess.PIPE,
        check=False,
    )
    assert crashed.stdout == b"left behind"
    with shared(tmp_path / "server", lambda: contextlib.nullcontext("its own")) as address:
        assert address == "its own"
