"""A log of its own on the real broker for every test."""

from __future__ import annotations

import logging
import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from ledger.store.kafka.connection import KafkaSettings
from tests.kafka.registered import told
from tests.servers import KafkaServers, kafka_servers, run_directory  # noqa: F401

NewLog = Callable[..., KafkaSettings]


@pytest.fixture
def new_log(kafka_servers: KafkaServers, run_directory: Path, tmp_path: Path) -> NewLog:  # noqa: F811
    """Settings of a log that nobody else uses; its topics are not made yet, and a writer makes them.

    `registers`: its writer has to register its schemas. Otherwise those of the run's first log stand for them here.
    """

    def settings(*, registers: bool = False, **stated: Any) -> KafkaSettings:
        chosen: dict[str, Any] = {
            "bootstrap": kafka_servers.bootstrap_servers,
            "registry": kafka_servers.registry_url,
            "mirrors": tmp_path / "mirrors",
            "prefix": f"{secrets.token_hex(4)}.",
            "partitions": 1,
            "clock": "played",
            "create": True,
        }
        log = KafkaSettings(**(chosen | stated))
        return log if registers else told(log, run_directory)

    return settings


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Only warnings are logged: a line a command is more than anybody reads. None comes among a verb's answers."""
    before = structlog.get_config()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.__stderr__),
    )
    yield
    structlog.configure(**before)
