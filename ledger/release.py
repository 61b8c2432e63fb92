"""Which release of the ledger this is. The package takes its version from here, so an image without it knows it too."""

from __future__ import annotations

RELEASE = "0.1.0"
"""As `pyproject.toml` and the first event of a log say it."""
