"""A log of its own on the real broker for every test."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from ledger.store.kafka.connection import KafkaSettings
from tests.servers import KafkaServers, kafka_servers, run_directory  # noqa: F401

NewLog = Callable[..., KafkaSettings]


@pytest.fixture
def new_log(kafka_servers: KafkaServers, tmp_path: Path) -> NewLog:  # noqa: F811
    """Settings of a log that nobody else uses; its topics are not made yet, and a writer makes them."""

    def settings(**stated: Any) -> KafkaSettings:
        chosen: dict[str, Any] = {
            "mirrors": tmp_path / "mirrors",
            "prefix": f"{secrets.token_hex(4)}.",
            "partitions": 1,
            "clock": "played",
            "create": True,
        }
        return KafkaSettings(kafka_servers.bootstrap_servers, kafka_servers.registry_url, **(chosen | stated))

    return settings


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Only warnings are logged: a line a command is more than anybody reads."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    yield
    structlog.configure(**before)
