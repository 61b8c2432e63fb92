"""The benchmarks run; how fast they are is no matter of a test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.__main__ import BENCHMARKS
from tests.servers import KafkaServers, kafka_servers, run_directory  # noqa: F401

ON_KAFKA = [name for name in BENCHMARKS if name.startswith("kafka")]


def figures_of(folder: Path, names: list[str], **environment: str) -> None:
    """Runs benchmarks, small and once, each of which has to come to a figure."""
    out = folder / "bench.json"
    command = [sys.executable, "-m", "tests.bench", "--quick", "--json", str(out), *names]
    subprocess.run(command, check=True, env=os.environ | environment)
    figures = json.loads(out.read_text())["figures"]
    assert len(figures) >= len(names)
    assert all(figure["value"] > 0 for figure in figures)


def test_every_benchmark_runs_and_writes_its_figures(tmp_path: Path) -> None:
    figures_of(tmp_path, [name for name in BENCHMARKS if name not in ON_KAFKA])


@pytest.mark.kafka
def test_so_does_every_benchmark_on_kafka(tmp_path: Path, kafka_servers: KafkaServers) -> None:  # noqa: F811
    figures_of(
        tmp_path,
        ON_KAFKA,
        PULSA_KAFKA=kafka_servers.bootstrap_servers,
        PULSA_REGISTRY=kafka_servers.registry_url,
    )
