"""What the tests of the entry points may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.entrypoints.pulsa import Pulsa


@pytest.fixture
def pulsa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pulsa:
    """`pulsa` on a played log that is not there yet."""
    for name in [name for name in os.environ if name.startswith("PULSA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "1000")  # nothing depends on the terminal of whoever runs the tests
    monkeypatch.chdir(tmp_path)
    return Pulsa(tmp_path)
