"""How a test waits for what has to come. Nothing fails because the machine is busy: only a run that hangs ends."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 300.0
"""Seconds after which a test gives up waiting, whatever it waits for. No test says how long anything takes."""
_PAUSE = 0.01
"""Seconds between two looks at least: others are to have the processor meanwhile."""
_SHARE = 4
"""One part in so many of the time is looked, where a look takes long."""


def until(
    condition: Callable[[], object], said: Callable[[], object] = lambda: "it does not come to be"
) -> None:
    """Returns once that is so; fails with what is said then where it does not come to be."""
    looked = time.monotonic()
    deadline = looked + PATIENCE
    while not condition():
        seen = time.monotonic()
        assert seen < deadline, said()
        time.sleep(max(_PAUSE, (seen - looked) * (_SHARE - 1)))
        looked = time.monotonic()
