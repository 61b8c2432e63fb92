"""How whoever waits for long is told how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Told how many are done (events, records, rows), of how many; of 0 where that is not known."""
