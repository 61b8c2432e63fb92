"""The benchmarks run; how fast they are is no matter of a test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_every_benchmark_runs_and_writes_its_figures(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    subprocess.run([sys.executable, "-m", "tests.bench", "--quick", "--json", str(out)], check=True)
    figures = json.loads(out.read_text())["figures"]
    assert len(figures) >= 10
    assert all(figure["value"] > 0 for figure in figures)
