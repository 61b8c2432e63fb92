"""Which release of the ledger this is."""

from __future__ import annotations

from importlib.metadata import version

RELEASE = version("pulsa-ledger")
"""As the package says it."""
