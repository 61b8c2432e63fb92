"""`pulsa` on a log on Kafka: in this process, and as processes of its own that run until they are stopped."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ledger.store.kafka.connection import KafkaSettings
from tests.entrypoints.pulsa import Pulsa
from tests.processes import Process


def on_kafka(folder: Path, log: KafkaSettings, **more: str | None) -> Pulsa:
    """Runs `pulsa` with a log on Kafka set."""
    stated = {
        "PULSA_KAFKA": log.bootstrap,
        "PULSA_REGISTRY": log.registry,
        "PULSA_KAFKA_PREFIX": log.prefix,
        "PULSA_KAFKA_PARTITIONS": str(log.partitions),
        "PULSA_CLOCK": log.clock,
        "PULSA_MIRRORS": str(folder / "asking"),
        "PULSA_TIMEOUT": "60",
    }
    return Pulsa(folder, **(stated | more))


class Running(Process):
    """A verb that runs until it is stopped."""

    def __init__(self, *arguments: str, **environment: str | None) -> None:
        stated = {name: value for name, value in environment.items() if value is not None}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PULSA_")}
        super().__init__("ledger.entrypoints.cli", *arguments, env=inherited | stated, stderr=subprocess.PIPE)

    def logged(self, wanted: str) -> str:
        """Its next line in the log that has a word in it."""
        while wanted not in (line := self.line(of_log=True)):
            assert line, f"it ended before it said {wanted}"
        return line
