"""The benchmarks run; how fast they are is no matter of a test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.__main__ import BENCHMARKS

ON_KAFKA = [name for name in BENCHMARKS if name.startswith("kafka")]


@pytest.mark.parametrize(
    "names",
    [
        pytest.param([name for name in BENCHMARKS if name not in ON_KAFKA], id="embedded"),
        pytest.param(ON_KAFKA, id="kafka", marks=pytest.mark.kafka),
    ],
)
def test_every_benchmark_runs_and_writes_its_figures(tmp_path: Path, names: list[str]) -> None:
    out = tmp_path / "bench.json"
    subprocess.run([sys.executable, "-m", "tests.bench", "--quick", "--json", str(out), *names], check=True)
    figures = json.loads(out.read_text())["figures"]
    assert len(figures) >= len(names)
    assert all(figure["value"] > 0 for figure in figures)
