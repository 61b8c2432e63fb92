"""`pulsa` on a log on Kafka."""

from __future__ import annotations

from pathlib import Path

from ledger.store.kafka.connection import KafkaSettings
from tests.entrypoints.pulsa import Pulsa
from tests.waiting import PATIENCE


def on_kafka(folder: Path, log: KafkaSettings, **more: str | None) -> Pulsa:
    """Runs `pulsa` with a log on Kafka set."""
    stated = {
        "PULSA_KAFKA": log.bootstrap,
        "PULSA_REGISTRY": log.registry,
        "PULSA_KAFKA_PREFIX": log.prefix,
        "PULSA_KAFKA_PARTITIONS": str(log.partitions),
        "PULSA_CLOCK": log.clock,
        "PULSA_MIRRORS": str(folder / "asking"),
        "PULSA_TIMEOUT": str(PATIENCE),
    }
    return Pulsa(folder, **(stated | more))
