"""`pulsa` on a log on Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger.entrypoints import examination
from ledger.store.kafka.connection import KafkaSettings
from ledger.wiring.checks import Check
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


def patient_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    """`pulsa doctor` has as much time for each check as a test has patience."""
    made = examination._made

    def patiently(check: Check, *how: Any) -> examination.Examined:
        return made(check._replace(seconds=PATIENCE), *how)

    monkeypatch.setattr(examination, "_made", patiently)
