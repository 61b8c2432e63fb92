"""How a test waits for what has to come. Nothing fails because the machine is busy: only a run that hangs ends."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 300.0
"""Seconds after which a test gives up waiting, whatever it waits for. No test says how long anything takes."""
_PAUSE = 0.01
"""Seconds between two looks: others are to have the processor meanwhile."""


def until(
    condition: Callable[[], object], said: Callable[[], object] = lambda: "it does not come to be"
) -> None:
    """Returns once that is so; fails with what is said then where it does not come to be."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, said()
        time.sleep(_PAUSE)
