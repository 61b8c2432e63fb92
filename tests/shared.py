"""Documents and data sets that tests read but that are not part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE_THE_PROJECT = Path(__file__).resolve().parents[1] / "../shared"


def shared_file(name: str) -> Path:
    """A file of the folder that `PULSA_SHARED` names, by default `../shared`.

    Skips the test where the file is absent.
    """
    folder = Path(os.environ.get("PULSA_SHARED") or _BESIDE_THE_PROJECT).resolve()
    found = folder / name
    if not found.is_file():
        pytest.skip(f"{name} is not in the folder of shared documents and data (PULSA_SHARED, or ../shared)")
    return found
