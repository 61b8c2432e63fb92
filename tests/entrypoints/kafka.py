"""`pulsa` on a log on Kafka: in this process, and as processes of its own that run until they are stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from ledger.store.kafka.connection import KafkaSettings
from tests.entrypoints.pulsa import Pulsa

PATIENCE = 90.0


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


class Running:
    """A verb that runs until it is stopped; it ends with the test."""

    def __init__(self, *arguments: str, **environment: str | None) -> None:
        stated = {name: value for name, value in environment.items() if value is not None}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PULSA_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ledger.entrypoints.cli", *arguments],
            cwd=Path(__file__).resolve().parents[2],
            env=inherited | stated,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def line(self, *, of_log: bool = False) -> str:
        """The next line that it prints, or logs."""
        stream: Any = self._process.stderr if of_log else self._process.stdout
        return bytes(stream.readline()).decode()

    def logged(self, wanted: str) -> str:
        """Its next line in the log that has a word in it."""
        while wanted not in (line := self.line(of_log=True)):
            assert line, f"it ended before it said {wanted}"
        return line

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Its exit code, and what it still logged."""
        self._process.send_signal(number)
        _, logged = self._process.communicate(timeout=PATIENCE)
        return self._process.returncode, logged.decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
