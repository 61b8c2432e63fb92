"""The real servers that tests talk to. One of each kind serves the whole run, however many processes test.

Each is the first of these that applies:

* an address given in the environment: ``PULSA_KAFKA``, ``PULSA_REGISTRY``, ``PULSA_TEST_POSTGRES``;
* a container (Kafka and PostgreSQL): ``PULSA_TEST_SERVERS=docker``, or a Docker engine has the image;
* a process on this machine, by ``ledger.local``: ``PULSA_TEST_SERVERS=local``, or nothing else.
"""

import contextlib
import fcntl
import importlib
import importlib.util
import os
import secrets
import socket
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from ledger.local.kafka import SINGLE_BROKER_SETTINGS, LocalKafka
from ledger.local.postgres import LocalPostgres
from ledger.local.process import file_lock
from ledger.local.schema_registry import LocalRegistry

KAFKA_IMAGE = "confluentinc/cp-kafka:8.3.0"
POSTGRES_IMAGE = "postgres:15"

_REAPER_IMAGE = "testcontainers/ryuk"  # removes the containers of a run that crashed
_ENGINE_TIMEOUT = 2  # seconds in which a Docker engine answers, or is not used
_CONTAINER_TIMEOUT = 90  # seconds in which a broker starts


@dataclass(frozen=True)
class KafkaServers:
    """Where the broker and the schema registry of this run are."""

    bootstrap_servers: str
    registry_url: str


@pytest.fixture(scope="session")
def run_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory that all processes of this run share."""
    directory = tmp_path_factory.getbasetemp()
    return directory.parent if "PYTEST_XDIST_WORKER" in os.environ else directory


@pytest.fixture(scope="session")
def kafka_servers(run_directory: Path) -> Iterator[KafkaServers]:
    """Yield a broker and a registry, shared by all tests: each takes topics and subjects of its own."""
    with (
        shared(run_directory / "kafka", kafka_address) as bootstrap_servers,
        shared(run_directory / "registry", registry_address) as registry_url,
    ):
        yield KafkaServers(bootstrap_servers, registry_url)


_IN_WORDS_ORDER = " locale_provider icu icu_locale 'en-US' template template0"
"""As in most databases in service: text is not in the order of its characters' numbers, unless told so."""


@pytest.fixture(scope="session")
def postgres_url(run_directory: Path) -> Iterator[str]:
    """Yield the connection string (libpq's) of an empty database that this test process has to itself."""
    with shared(run_directory / "postgres", postgres_address) as server:
        name = f"test_{secrets.token_hex(8)}"
        database = sql.Identifier(name)
        create = sql.SQL("create database {}").format(database)
        try:
            _administer(server, create + sql.SQL(_IN_WORDS_ORDER))
        except psycopg.errors.DatabaseError:  # the server was built without ICU
            _administer(server, create)
        yield urllib.parse.urlsplit(server)._replace(path=f"/{name}").geturl()
        _administer(server, sql.SQL("drop database {} with (force)").format(database))


@contextlib.contextmanager
def shared(place: Path, start: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """Yield the address of the one server of this place; the first starts it, and stops it after the last.

    The operating system keeps the count, by locks that end with their holder: every process that uses the
    server shares the lock `users`, and the one that started it holds `owner`, so that the server of a process
    that crashed is not taken for one that runs.
    """
    with contextlib.ExitStack() as stack:
        users = stack.enter_context(place.with_suffix(".users").open("w"))
        owner = stack.enter_context(place.with_suffix(".owner").open("w"))
        address = place.with_suffix(".address")
        fcntl.flock(users, fcntl.LOCK_SH)
        with file_lock(place.with_suffix(".lock")):
            try:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                address.write_text(stack.enter_context(start()))
                # Waits for the others to leave; what comes after it on the way out stops the server.
                stack.callback(fcntl.flock, users, fcntl.LOCK_EX)
        yield address.read_text()


@contextlib.contextmanager
def kafka_address(*, under_load: bool = False) -> Iterator[str]:
    """Yield where a broker answers, which is to bear much or not."""
    if given := os.environ.get("PULSA_KAFKA"):
        yield given
    elif _uses_docker(KAFKA_IMAGE):
        from testcontainers.community.kafka import KafkaContainer

        container = KafkaContainer(KAFKA_IMAGE).with_kraft()
        for name, value in SINGLE_BROKER_SETTINGS.items():
            container.with_env(f"KAFKA_{name.replace('.', '_').upper()}", value)
        try:
            container.start(timeout=_CONTAINER_TIMEOUT)
            yield container.get_bootstrap_server()
        finally:
            container.stop()
    else:
        with LocalKafka(under_load=under_load) as broker:
            yield broker.bootstrap_servers


@contextlib.contextmanager
def registry_address() -> Iterator[str]:
    """Yield where a schema registry answers: the base of its Confluent-compatible API."""
    if given := os.environ.get("PULSA_REGISTRY"):
        yield given
    else:
        with LocalRegistry() as registry:
            yield registry.url


@contextlib.contextmanager
def postgres_address() -> Iterator[str]:
    """Yield the connection string of a PostgreSQL server, of a user who may make databases."""
    if given := os.environ.get("PULSA_TEST_POSTGRES"):
        yield given
    elif _uses_docker(POSTGRES_IMAGE):
        from testcontainers.community.postgres import PostgresContainer

        with PostgresContainer(POSTGRES_IMAGE, driver=None) as container:
            yield container.get_connection_url()
    else:
        with LocalPostgres() as server:
            yield server.url


def _administer(server: str, statement: sql.Composed) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement)


def _uses_docker(image: str) -> bool:
    wanted = os.environ.get("PULSA_TEST_SERVERS", "")
    if wanted not in ("", "docker", "local"):
        raise pytest.UsageError(f"PULSA_TEST_SERVERS is 'docker', 'local' or not set, not {wanted!r}")
    if wanted == "local" or (not wanted and importlib.util.find_spec("testcontainers") is None):
        return False
    docker: Any = importlib.import_module("docker")  # by name: the project has a folder of that name
    try:
        engine = docker.from_env(timeout=_ENGINE_TIMEOUT)
        has_image, has_reaper = (bool(engine.images.list(name=name)) for name in (image, _REAPER_IMAGE))
        is_here = engine.info()["Name"] == socket.gethostname()
    except (docker.errors.DockerException, OSError):
        return wanted == "docker"  # testcontainers will say what is wrong
    # testcontainers reads these when it is first imported.
    if not has_reaper:
        os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    if is_here:  # and with it the ports it publishes, even where this machine looks like a container
        os.environ.setdefault("TESTCONTAINERS_CONNECTION_MODE", "docker_host")
        os.environ.setdefault("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
    return has_image or wanted == "docker"
