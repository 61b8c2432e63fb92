"""What the ledger takes of the `eventsourcing` library: a log's factory, and through it all that it holds of a log."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from eventsourcing.persistence import InfrastructureFactory
from eventsourcing.utils import Environment

_DEFAULTS = {
    "PERSISTENCE_MODULE": "ledger.store.sqlite",
    "MAPPER_TOPIC": "ledger.store.mapper:AvroMapper",
    "ORIGINATOR_ID_TYPE": "text",
}
"""The log is a file, in Avro, and its subjects have names."""


def factory_of(env: Mapping[str, str]) -> InfrastructureFactory[Any]:
    """The factory of the log that `env` tells, before the process's own environment. Raises what keeps it closed."""
    return InfrastructureFactory.construct(Environment("Ledger", environment(env)))


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """All that the library is told."""
    return {**_DEFAULTS, **os.environ, **env}
